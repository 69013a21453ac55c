"""SCOREQ: rows whose numbers are close are to lie closer than others, by as much as their numbers are."""

from collections.abc import Sequence

import numpy as np
import torch

from cotune.training.example import Example
from cotune.training.loss.choice import Loss
from cotune.training.loss.numeric_mae import MOST_ANSWERS
from cotune.training.loss.stakes import Answer, Stakes


def scoreq(states: torch.Tensor, apart: torch.Tensor, *, margin: float) -> torch.Tensor:
    """Gives the loss of each row as anchor, [example], from states [example, hidden] and `apart` [example, example].

    `apart` is how far the rows' numbers are from each other, 1 being the range of all. A triplet is an anchor a, a row
    p and a row n whose number is further from a's than p's is; it costs max(0, d_ap - d_an + m), with the distance d of
    states of length 1 and m = `margin` (apart_an - apart_ap). The rows' losses average to the mean over all triplets of
    the batch; 0 for a row that is in none as anchor. Source: Ragano, Skoglund and Hines (2024), "SCOREQ: Speech Quality
    Assessment with Contrastive Regression", the triplet loss over all of a batch with an adaptive margin. Our reading,
    from summaries, since its formulas could not be had: distances are not squared, and the margin is the difference of
    the label distances over the labels' range.
    """
    unit = torch.nn.functional.normalize(states, dim=1)
    distance = (2 - 2 * unit @ unit.T).clamp(min=1e-12).sqrt()  # that of a row to itself has no slope
    further = apart[:, None, :] - apart[:, :, None]  # [anchor, p, n]
    itself = torch.eye(len(apart), dtype=torch.bool, device=states.device)
    triplets = (further > 0) & ~itself[:, :, None]
    costs = (distance[:, :, None] - distance[:, None, :] + margin * further).clamp(min=0)
    loss: torch.Tensor = costs.masked_fill(~triplets, 0.0).sum(dim=(1, 2))
    return loss * len(apart) / triplets.sum().clamp(min=1)


def graded_stakes(answers: Sequence[Answer], values: Sequence[float], *, loss: Loss = "scoreq") -> Stakes:
    """Gives the stakes of a dataset with numbers as answers: how far these are apart, 1 being their range.

    Raises:
        ValueError: more than 2000 distinct answers.
    """
    known = dict(zip(answers, values, strict=True))
    if len(known) > MOST_ANSWERS:
        raise ValueError(f"Loss {loss!r} compares at most {MOST_ANSWERS} distinct answers; got {len(known)}.")
    unique = np.array(list(known.values()))
    costs = np.abs(unique[:, None] - unique[None])  # [right answer, given answer]
    costs = costs / (float(costs.max()) or 1.0)
    return Stakes(tuple(known), costs, (1.0,) * len(known), (1.0,) * len(known))


def apart(examples: Sequence[Example], stakes: Stakes) -> torch.Tensor:
    """Gives how far the rows' answers are from each other, [row that is right, row that is given]."""
    place = {answer: index for index, answer in enumerate(stakes.answers)}
    mine = [place[example.answer] for example in examples]
    return torch.from_numpy(stakes.costs[np.ix_(mine, mine)])
