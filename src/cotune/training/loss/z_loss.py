"""The Z-loss: how many standard deviations the gold token's logit lies above the mean."""

import torch
from torch.nn.functional import softplus


def z_loss(logits: torch.Tensor, answers: torch.Tensor, *, sharpness: float, location: float) -> torch.Tensor:
    """Gives softplus(sharpness * (location - z)) / sharpness of the gold token's standardised logit z, [answer token].

    Source: de Brebisson and Vincent (2016), "The Z-loss: a shift and scale invariant classification loss belonging to
    the Spherical Family": a is `sharpness`, b `location`, the deviation that of the population. The defaults are ours:
    the paper tunes both for each data set.
    """
    deviation, mean = torch.std_mean(logits, dim=1, correction=0)
    z = (logits.gather(1, answers[:, None])[:, 0] - mean) / deviation.clamp(min=1e-6)
    return softplus(sharpness * (location - z)) / sharpness
