"""Online soft mining with centers: near pairs count most, and rows far from their label's center count little."""

import torch

LEAST = 1e-12
"""What a sum of weights or a squared distance is at least, so that none divides by zero or has an infinite slope."""


def soft_mining(
    states: torch.Tensor, labels: torch.Tensor, *, margin: float, sigma: float, unlike: float, centers: float
) -> torch.Tensor:
    """Gives the loss of each row as anchor, [example], from states [example, hidden] and labels [example].

    With d the distance of states of length 1, a pair of like rows costs d^2 / 2 and a pair of unlike rows
    max(0, margin - d)^2 / 2; like pairs are averaged by the weights exp(-d^2 / sigma^2) a_ij and unlike ones by
    max(0, margin - d) a_ij. The attention a_ij is the lesser of both rows' softmax(state * centers of the labels), read
    at their own label. The sum is (1 - `unlike`) x like + `unlike` x unlike + `centers` x |state - center|^2 / 2; the
    rows' losses average to it. Source: Wang et al. (2019), "Deep Metric Learning by Online Soft Mining and Class-Aware
    Attention", with its margin 1.2, sigma 0.8 and equal parts; Pathak, Eshratifar and Gormish (2020), "Video Person
    Re-ID: Fantastic Techniques and Where to Find Them", for centers in place of a classifier's weights, and Wen et al.
    (2016), "A Discriminative Feature Learning Approach for Deep Face Recognition", for their loss. Where we differ:
    weights have no slope, since they say which pairs count; a center is the mean over the batch's rows of a label, not
    learned; `centers` 0.1 is ours.
    """
    unit = torch.nn.functional.normalize(states, dim=1)
    square = (2 - 2 * unit @ unit.T).clamp(min=LEAST)
    short = (margin - square.sqrt()).clamp(min=0)
    like = (labels[:, None] == labels[None]).to(unit)
    others = like - torch.eye(len(labels), device=unit.device)
    own = like / like.sum(dim=1, keepdim=True)
    centre = own @ unit
    attention = _attention(unit, centre, like)
    near = (-square / sigma**2).exp()
    pulled = _averaged(square / 2, others * attention * near)
    pushed = _averaged(short.square() / 2, (1 - like) * attention * short)
    drawn = (unit - centre).square().sum(dim=1) / 2
    return (1 - unlike) * pulled + unlike * pushed + centers * drawn


def _attention(unit: torch.Tensor, centre: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Gives the attention of each pair of rows, [example, example]; `centre` is that of each row's own label."""
    raised = (unit @ torch.nn.functional.normalize(centre, dim=1).T).exp() / like.sum(dim=1)  # each label counts once
    each = (raised * like).sum(dim=1) / raised.sum(dim=1)
    return torch.minimum(each[:, None], each[None])


def _averaged(costs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Gives a part of each row, [example], whose mean over rows is that of the costs by the weights."""
    fixed = weights.detach()
    return len(costs) * (costs * fixed).sum(dim=1) / fixed.sum().clamp(min=LEAST)
