"""A cheat to measure methods against: an additive fit that has seen every run of the table."""

from collections.abc import Mapping

import numpy as np

from cotune.mixture import Mixture
from cotune.search import Sampler
from cotune.search.history import first_untried

TRIED = 10


def additive_fit_of_all(truth: Mapping[Mixture, float]) -> Sampler:
    """Gives a sampler that runs the ten mixtures which the best additive fit to all of `truth` puts first.

    Scores are fitted by least squares as a sum over the datasets that are in and a free curve of how many they are.
    What it misses is what no additive model finds, with however many runs.
    """
    names = sorted({name for mixture in truth for name in mixture.names})
    inside = np.array([[name in mixture for name in names] for mixture in truth], dtype=float)  # [mixture, task]
    sizes = np.eye(len(names) + 1)[inside.sum(axis=1).astype(int)]  # [mixture, size]
    x, y = np.concatenate([inside, sizes], axis=1), np.array(list(truth.values()))
    predicted = x @ np.linalg.lstsq(x, y, rcond=None)[0]  # [mixture]
    best = [list(truth)[index] for index in np.argsort(-predicted, kind="stable")[:TRIED]]
    wanted = [(mixture, "fitted to all runs") for mixture in best]
    return lambda problem, finished, pending, rng, count: first_untried(wanted, finished, pending, count)  # noqa: ARG005
