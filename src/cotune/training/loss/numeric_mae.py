"""Mean absolute error of numeric answers, with rare values counting more."""

from collections.abc import Sequence

import numpy as np
import torch

from cotune.training.example import Example
from cotune.training.loss.stakes import Answer, Stakes, outlook, spread_out

MOST_ANSWERS = 2000


def numeric_stakes(answers: Sequence[Answer], values: Sequence[float], *, bins: float, beta: float) -> Stakes:
    """Gives the stakes of a dataset with numbers as answers, from its train rows [row].

    Costs are distances over their mean distance from the median, so that the median for all rows costs 1 on average.
    A row counts by (1 - beta) / (1 - beta^n), n the rows of its bin of equal width, with mean 1 over the rows.

    Raises:
        ValueError: more than 2000 distinct answers.
    """
    known = dict(zip(answers, values, strict=True))
    if len(known) > MOST_ANSWERS:
        raise ValueError(f"Loss 'numeric_mae' compares at most {MOST_ANSWERS} distinct answers; got {len(known)}.")
    rows, unique = np.array(values), np.array(list(known.values()))
    scale = float(np.abs(rows - np.median(rows)).mean()) or 1.0
    costs = np.abs(unique[:, None] - unique[None]) / scale  # [right answer, given answer]
    edges = np.linspace(rows.min(), rows.max(), round(bins) + 1)[1:-1]
    counts = np.bincount(np.digitize(rows, edges), minlength=round(bins))
    raw = (1 - beta) / (1 - beta ** np.maximum(counts, 1))  # [bin]
    weights = raw[np.digitize(unique, edges)] / raw[np.digitize(rows, edges)].mean()
    return Stakes(tuple(known), costs, tuple(costs.max(axis=1).tolist()), tuple(weights.tolist()))


def numeric_mae(logits: torch.Tensor, examples: Sequence[Example], stakes: Stakes) -> torch.Tensor:
    """Gives the weighted expected distance of each row's answer from the right one, spread over its tokens.

    What is none of the train rows' numbers counts as the furthest one. Source: Nedungadi et al. (2025), "AirCast:
    Improving Air Pollution Forecasting Through Multi-Variable Data Alignment", frequency-weighted mean absolute error,
    with the class-balanced weights of Cui et al. (2019). A language model has no single number to take the distance
    of, so it is the expected one over its answers: our reading.
    """
    seen = outlook(logits, examples, stakes)
    place = {answer: index for index, answer in enumerate(stakes.answers)}
    mine = [place[example.answer] for example in examples]
    worst = torch.tensor([stakes.worst[index] for index in mine], device=logits.device)
    weight = torch.tensor([stakes.weights[index] for index in mine], device=logits.device)
    mass = seen.ways.exp()
    near = torch.zeros_like(seen.right).index_add(0, seen.owner, mass * seen.costs)
    known = seen.right.exp().index_add(0, seen.owner, mass)
    return spread_out(weight * (near + (1 - known).clamp(min=0) * worst), examples)
