"""The log-linear data mixing law: the loss above its floor is an exponential of a linear function of shares."""

import numpy as np
from scipy.optimize import least_squares

from benchmarks.peers.surrogate import Array, Surrogate, shares

FLOORS = (-2.0, -1.0, 0.0, 1.0)
"""Logarithms of how far below the smallest loss the floor is looked for first."""
HUBER = 0.02
PENALTY = 0.03


def law(x: Array, y: Array, candidates: Array) -> Array:
    """Predicts scores [mixture] by the law loss = c + exp(sum_j t_j r_j) over the shares r.

    Ye, Liu, Sun, Zhou, Zhan and Qiu (2024), Data Mixing Laws (arXiv 2403.16952), where a factor k that shares which
    sum to 1 make redundant stands before exp; without it the regression of Olmix (Chen, Murray, Heineman et al. 2026,
    arXiv 2602.12237; `mixing_law` in olmix/fit/utils.py), fitted like theirs with a Huber loss of 0.02 from several
    starts. Different here: losses are standardised, so that scores of any sign will do, c may then be negative, and a
    light ridge on t stands in for the 3 (tasks + 1) runs that the authors ask for.
    """
    spread = max(float(y.std()), 1e-12)
    loss = (y.max() - y) / spread  # [trial], the best is 0
    fits = [_fit(shares(x), loss, floor) for floor in FLOORS]
    _, parameters = min(fits, key=lambda fit: fit[0])
    return np.asarray(-np.exp(np.clip(shares(candidates) @ parameters, -30, 30)))


def _fit(r: Array, loss: Array, floor: float) -> tuple[float, Array]:
    """Gives cost and slopes t [task] of the law fitted to losses [trial] at shares `r` [trial, task]."""

    def residuals(parameters: Array) -> Array:
        predicted = -np.exp(parameters[0]) + np.exp(np.clip(r @ parameters[1:], -30, 30))  # [trial]
        return np.concatenate([predicted - loss, PENALTY * parameters[1:]])

    def slopes(parameters: Array) -> Array:
        rise = np.exp(np.clip(r @ parameters[1:], -30, 30))[:, None] * r  # [trial, task]
        drop = np.full((len(r), 1), -np.exp(parameters[0]))
        penalty = np.eye(1 + r.shape[1])[1:] * PENALTY
        return np.concatenate([np.concatenate([drop, rise], axis=1), penalty])

    start = np.array([floor, *np.full(r.shape[1], np.log(np.exp(floor) + loss.mean()))])
    bounds = (np.array([-8.0, *np.full(r.shape[1], -np.inf)]), np.array([6.0, *np.full(r.shape[1], np.inf)]))
    found = least_squares(residuals, start, slopes, bounds=bounds, loss="huber", f_scale=HUBER, max_nfev=100)
    return float(found.cost), np.asarray(found.x[1:])


mixing_law = Surrogate(law, first=9)
