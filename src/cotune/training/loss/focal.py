"""The focal loss of tokens: what is likely already counts less."""

import torch
from torch.nn.functional import cross_entropy


def focal(logits: torch.Tensor, answers: torch.Tensor, *, gamma: float) -> torch.Tensor:
    """Gives (1 - q)^gamma * -log q for the gold token's probability q, [answer token].

    Source: Lin et al. (2017), "Focal Loss for Dense Object Detection", equation 4.
    """
    entropy = cross_entropy(logits, answers, reduction="none")
    wrong = 1 - torch.exp(-entropy)
    if 0 < gamma < 1:
        wrong = wrong.clamp(min=1e-12)  # the slope of a power below 1 is infinite at 0
    return wrong**gamma * entropy
