"""Label smoothing: the gold token is mixed with the uniform distribution."""

import torch
from torch.nn.functional import cross_entropy


def label_smoothing(logits: torch.Tensor, answers: torch.Tensor, *, smoothing: float) -> torch.Tensor:
    """Gives the loss of each answer token, [answer token]; logits are [answer token, vocabulary].

    Source: Szegedy et al. (2016), "Rethinking the Inception Architecture for Computer Vision", section 7.
    """
    return cross_entropy(logits, answers, reduction="none", label_smoothing=smoothing)
