"""Acquisitions: how predicted improvements become the merit of a candidate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr


def expected_improvement(improvements: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the mean gain [mixture] over the best so far, losses counted as zero, of `improvements` [sample, mixture].

    The closed form for a normal distribution with the samples' mean and spread, which ranks candidates even where no
    sample improves: Jones, Schonlau and Welch (1998), Efficient Global Optimization of Expensive Black-Box Functions,
    equation 15.

    >>> float(expected_improvement(np.array([[-1.0], [1.0]])).round(3)[0])
    0.399
    """
    mean, sd = improvements.mean(axis=0), improvements.std(axis=0)
    z = np.divide(mean, sd, out=np.where(mean > 0, 40.0, -40.0), where=sd > 0)
    return np.asarray(mean * ndtr(z) + sd * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))


def after_one_run(samples: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Gives samples [sample, mixture] of what will be believed after one run whose seed adds `noise` (an sd).

    The means stay; the spread shrinks to what a noisy run can teach, so that expected improvement of the result is the
    knowledge gradient for independent beliefs (Frazier, Powell and Dayanik 2008, A Knowledge-Gradient Policy for
    Sequential Information Collection, section 3).

    >>> after_one_run(np.array([[-3.0], [3.0]]), 4.0).ravel().round(3).tolist()
    [-1.8, 1.8]
    """
    mean, sd = samples.mean(axis=0), samples.std(axis=0)
    whole = np.hypot(sd, noise)  # [mixture]
    return np.asarray(mean + (samples - mean) * np.divide(sd, whole, out=np.ones_like(sd), where=whole > 0))


@dataclass(frozen=True)
class UpperConfidence:
    """Gives mean + `optimism` standard deviations of the samples.

    Srinivas, Krause, Kakade and Seeger (2010), Gaussian Process Optimization in the Bandit Setting, section 4, with a
    constant factor instead of their growing one.
    """

    optimism: float = 1.5

    def __call__(self, improvements: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gives the merit [mixture] of `improvements` [sample, mixture]."""
        return np.asarray(improvements.mean(axis=0) + self.optimism * improvements.std(axis=0))
