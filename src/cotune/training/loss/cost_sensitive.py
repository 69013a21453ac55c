"""Cost-sensitive classification: wrong labels count by what they cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from cotune.training.example import Example
from cotune.training.loss.stakes import Answer, Stakes, outlook, spread_out

FURTHEST = 80.0
"""Nats by which a wrong label may be likelier than the right one, so that a row's gain stays a number in float32."""


def cost_stakes(labels: Sequence[str], answers: Sequence[Answer], costs: Mapping[str, Mapping[str, float]]) -> Stakes:
    """Gives the stakes of a classification: `costs` by right and given label; a wrong one costs 1 unless said."""
    matrix = np.array([[costs.get(one, {}).get(two, float(one != two)) for two in labels] for one in labels])
    worst = float(matrix.max()) or 1.0
    return Stakes(tuple(answers), matrix, (worst,) * len(labels), (1.0,) * len(labels))


def cost_sensitive(logits: torch.Tensor, examples: Sequence[Example], stakes: Stakes) -> torch.Tensor:
    """Gives -log of the expected utility of each row, spread over its tokens, [answer token].

    The utility of a label is 1 - cost / largest cost, and 0 of anything that is no label. With costs of 1 for every
    wrong label this is the cross-entropy. Source: Li and Zhang (2023), "Long-tailed Classification from a
    Bayesian-decision-theory Perspective": the integrated gain, from which costs take away. That it is the logarithm of
    the expectation, for one model in place of their ensemble, is our reading.
    """
    seen = outlook(logits, examples, stakes)
    worst = torch.tensor(stakes.worst[0], device=logits.device)
    utility = (1 - seen.costs / worst).clamp(min=0)
    ahead = (seen.ways - seen.right[seen.owner]).clamp(max=FURTHEST)
    gain = torch.zeros_like(seen.right).index_add(0, seen.owner, utility * ahead.exp())
    return spread_out(-(seen.right + gain.log1p()), examples)
