"""The focal loss of tokens: what is likely already counts less."""

import torch
from torch.nn.functional import cross_entropy


def focal(logits: torch.Tensor, answers: torch.Tensor, *, gamma: float) -> torch.Tensor:
    """Gives (1 - q)^gamma * -log q for the gold token's probability q, [answer token].

    Source: Lin et al. (2017), "Focal Loss for Dense Object Detection", equation 4.
    """
    entropy = cross_entropy(logits, answers, reduction="none")
    return (1 - torch.exp(-entropy)) ** gamma * entropy
