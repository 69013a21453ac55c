"""The judged loss: how close rows lie is to agree with how well their answers match, as a judge scores them."""

from collections.abc import Sequence

import torch

from cotune.training.example import Example
from cotune.training.loss.scoreq import apart
from cotune.training.loss.stakes import Stakes

FAR = -1e9
"""What stands in place of a row that is left out before a softmax; a row with no others then still has a slope."""


def judged(
    states: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor, *, temperature: float, margin: float
) -> torch.Tensor:
    """Gives the loss of each row as anchor, [example], from states [example, hidden] and labels [example].

    `scores` [anchor, other] in [0, 1] are the judge's: how well the other row's answer does for the anchor. With P the
    softmax of the cosines over the other rows and Q that of the scores, both divided by `temperature`, the loss is
    (KL(P, Q) + KL(Q, P)) / 2. A row with another answer whose score is above that of the positive less `margin` is a
    false negative and left out of both; the positive's score is 1, which every row with the anchor's answer has. A row
    with fewer than two others costs 0. Source: Gu et al. (2025), "UniME-V2: MLLM-as-a-Judge for Universal Multimodal
    Embedding Learning", with the divergence of the released code. Where we differ: no model is asked. The judge is what
    the data say of two answers, 1 - cost / largest cost or 1 - difference / range; the others are the rows of the
    batch, not negatives that were retrieved; there is text only. `temperature` 0.1 (0.02 in the released script) and
    `margin` 0.01 are ours.
    """
    unit = torch.nn.functional.normalize(states, dim=1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=states.device)
    like = labels[:, None] == labels[None]
    left_out = itself | (~like & (scores > 1 - margin))
    near = (unit @ unit.T / temperature).masked_fill(left_out, FAR).log_softmax(dim=1)
    match = (scores / temperature).masked_fill(left_out, FAR).log_softmax(dim=1)
    both = (near.exp() - match.exp()) * (near - match)  # the sum of both divergences, term by term
    loss: torch.Tensor = both.masked_fill(left_out, 0.0).sum(dim=1) / 2
    return loss


def scores_of(examples: Sequence[Example], stakes: Stakes) -> torch.Tensor:
    """Gives the judge's scores of rows, [anchor, other]: 1 - cost / largest cost of the other's answer."""
    return 1 - apart(examples, stakes) / max(stakes.worst)
