"""The multi-similarity loss: rows of a label are to lie together, and hard pairs count more."""

import torch


def multi_similarity(
    states: torch.Tensor, labels: torch.Tensor, *, alpha: float, beta: float, base: float, margin: float
) -> torch.Tensor:
    """Gives the loss of each row as anchor, [example], from states [example, hidden] and labels [example].

    Pairs are compared by cosine. A pair of unlike rows counts if it is closer than the anchor's furthest like row less
    `margin`, a pair of like rows if it is further than the closest unlike row plus `margin`. Source: Wang et al.
    (2019), "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", with its alpha 2, beta 50,
    lambda (`base`) 1 and epsilon (`margin`) 0.1; the released code has `base` 0.5.
    """
    unit = torch.nn.functional.normalize(states, dim=1)
    cosine = unit @ unit.T
    like = labels[:, None] == labels[None]
    unlike = ~like
    like = like & ~torch.eye(len(labels), dtype=torch.bool, device=states.device)
    furthest = cosine.masked_fill(~like, torch.inf).amin(dim=1, keepdim=True)
    closest = cosine.masked_fill(~unlike, -torch.inf).amax(dim=1, keepdim=True)
    pull = like & (cosine.detach() < closest.detach() + margin)
    push = unlike & (cosine.detach() > furthest.detach() - margin)
    return _soft(-alpha * (cosine - base), pull) / alpha + _soft(beta * (cosine - base), push) / beta


def _soft(values: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Gives log(1 + sum of exp over the kept), [example]."""
    zero = values.new_zeros(len(values), 1)
    return torch.cat([zero, values.masked_fill(~kept, -torch.inf)], dim=1).logsumexp(dim=1)
