"""The supervised contrastive loss: a row is to be told from all others by those of its label."""

import torch


def contrastive(states: torch.Tensor, labels: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Gives the loss of each row as anchor, [example], from states [example, hidden] and labels [example].

    It is the mean over its like rows of -log(exp(s / temperature) / sum over all other rows), s the cosine; 0 for a row
    that is alone with its label. Source: Khosla et al. (2020), "Supervised Contrastive Learning", equation 2; mixed
    with the cross-entropy as in Gunel et al. (2021), "Supervised Contrastive Learning for Pre-trained Language Model
    Fine-tuning".
    """
    unit = torch.nn.functional.normalize(states, dim=1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=states.device)
    scaled = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    like = (labels[:, None] == labels[None]) & ~itself
    logs = (scaled - scaled.logsumexp(dim=1, keepdim=True)).masked_fill(~like, 0.0)
    loss: torch.Tensor = -logs.sum(dim=1) / like.sum(dim=1).clamp(min=1)
    return loss
