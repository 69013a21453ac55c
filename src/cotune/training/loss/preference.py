"""The preference loss: of two rows with one label, that of which annotators were surer is to be the likelier."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn.functional import softplus

from cotune.training.example import Example
from cotune.training.loss.stakes import Stakes


def preference(
    scores: torch.Tensor, labels: torch.Tensor, confidences: torch.Tensor, *, temperature: float
) -> torch.Tensor:
    """Gives the loss of each row, [example], from preference scores, labels and confidences, [example] each.

    A pair is two rows with one label whose confidences differ; NaN is in no pair. It costs -log sigmoid((score of the
    surer - score of the other) / `temperature`), which its two rows share. The rows' losses average to the mean over
    the pairs of the batch; 0 for a row that is in none. Source: Kim, Shin and Kang (2023), "Prefer to Classify:
    Improving Text Classifiers via Auxiliary Preference Learning", with preferences extracted from annotation records.
    Where we differ: a row's score is the log-probability of its own answer in place of what heads of their own say, so
    that there is neither their diversity nor the consistency between them and the classifier to ask for; pairs are all
    of a batch, not sampled, and equally sure rows are no pair, in the paper one that is to end even. `temperature` 1 is
    that of the Bradley-Terry model.
    """
    surer = (labels[:, None] == labels[None]) & (confidences[:, None] > confidences[None])  # [surer, other]
    costs = softplus((scores[None] - scores[:, None]) / temperature).masked_fill(~surer, 0.0)
    shared: torch.Tensor = (costs.sum(dim=0) + costs.sum(dim=1)) / 2
    return shared * len(scores) / surer.sum().clamp(min=1)


def sure_stakes(confidences: Mapping[str, float]) -> Stakes:
    """Gives the stakes of a dataset of which only is known how sure the answers of its train rows are, by id."""
    return Stakes((), np.zeros((0, 0)), (), (), confidences=confidences)


def own_scores(losses: torch.Tensor, examples: Sequence[Example]) -> torch.Tensor:
    """Gives the log-probability of each row's answer, [example], from the cross-entropy of its tokens."""
    parts = losses.split([len(example.answer) for example in examples])
    return -torch.stack([part.sum() for part in parts])


def sureness(examples: Sequence[Example], stakes: Stakes) -> torch.Tensor:
    """Gives how sure the answer of each row is, [example]; NaN where nothing says so."""
    return torch.tensor([stakes.confidences.get(example.id, np.nan) for example in examples])
