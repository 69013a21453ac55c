"""What another seed of a mixture that was tried is worth: how far it may change which mixture is chosen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Proposal, Request, Trial
from cotune.verdict.winner import posterior

Array = NDArray[np.float64]

WORTH = 0.01
"""A repeat gains more than this share of the noise between seeds, or is not asked for."""
TINY = 1e-300


@dataclass(frozen=True)
class Tried:
    """The mixtures that have scores, and what is believed of their objective.

    `learned` is the standard deviation of what the posterior mean will be after one more seed, `noise` that of a trial
    between seeds; both are 0 while nothing was repeated: then scores count as exact.
    """

    mixtures: tuple[Mixture, ...]
    means: Array  # [mixture]
    learned: Array  # [mixture]
    noise: float

    @property
    def best(self) -> float:
        """The highest posterior mean: that of the mixture that would be chosen now; of at least one."""
        return float(self.means.max())

    def among(self, mixtures: Collection[Mixture]) -> Self:
        """Gives those of `mixtures`."""
        at = [place for place, mixture in enumerate(self.mixtures) if mixture in mixtures]
        kept = tuple(self.mixtures[place] for place in at)
        return replace(self, mixtures=kept, means=self.means[at], learned=self.learned[at])

    def gains(self) -> Array:
        """Gives by how much one more seed of each [mixture] is expected to raise the choice's posterior mean.

        The knowledge gradient with independent normal beliefs: Frazier, Powell and Dayanik (2008), A Knowledge-Gradient
        Policy for Sequential Information Collection, section 3.
        """
        if len(self.means) < 2:
            return np.zeros(len(self.means))
        first, second = np.sort(self.means)[[-1, -2]]
        rival = np.where(self.means == first, second, first)  # [mixture]
        z = -np.abs(self.means - rival) / np.where(self.learned > 0, self.learned, 1.0)
        gain = self.learned * (z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))
        return np.where(self.learned > 0, gain, 0.0)

    def repeat(self, asked: Collection[Request], waiting: Collection[Mixture]) -> Proposal | None:
        """Gives the repeat that gains most, with a seed not `asked` for; none of a mixture that is `waiting`.

        None where nothing gains more than a hundredth of the noise.
        """
        if not self.mixtures:
            return None
        gains = np.where([mixture in waiting for mixture in self.mixtures], 0.0, self.gains())
        place = int(gains.argmax())
        if not gains[place] > WORTH * self.noise:
            return None
        mixture = self.mixtures[place]
        seed = next(seed for seed in count() if Request(mixture, seed) not in asked)
        return Proposal(Request(mixture, seed), "repeat: may be the best", improvement=float(gains[place]))


def weigh(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> Tried:
    """Gives what is believed of the mixtures of `groups`, which have trials each; `choose` chooses by the same."""
    found = posterior(problem, groups)
    variance = np.maximum(found.sd**2, TINY)  # [mixture]
    gained = 1 / np.maximum(found.after_another, TINY) - 1 / np.maximum(found.noise, TINY)  # [mixture], precision
    learned = np.sqrt(np.maximum(variance - 1 / (1 / variance + gained), 0))
    return Tried(tuple(groups), found.means, np.where(found.seed_sd > 0, learned, 0.0), found.seed_sd)
