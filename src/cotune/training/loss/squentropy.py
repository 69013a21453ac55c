"""Squentropy: cross-entropy plus the mean square of the wrong tokens' logits."""

import torch
from torch.nn.functional import cross_entropy


def squentropy(logits: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """Gives -log q + sum of logit^2 over all tokens but the gold one / (vocabulary - 1), [answer token].

    Source: Hui, Belkin and Wright (2023), "Cut your Losses with Squentropy". The classes are the tokens of
    the vocabulary. A pretrained model's logits are not near 0, so that the second term is large at first.
    """
    gold = logits.gather(1, answers[:, None])[:, 0]
    wrong = (logits.square().sum(dim=1) - gold.square()) / (logits.shape[1] - 1)
    return cross_entropy(logits, answers, reduction="none") + wrong
