"""Synthetic pools whose every score is known: the regimes that a search must tell apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Task
from cotune.trial import Evaluate, Request, TaskResult, Trial, each

Regime = Literal["fixed", "growing", "between", "flat", "interactions", "harmful", "duplicates"]
REGIMES: tuple[Regime, ...] = ("fixed", "growing", "between", "flat", "interactions", "harmful", "duplicates")


@dataclass(frozen=True)
class Landscape:
    """Scores of every task after training on any mixture.

    Task j gives `parts_j / total_parts ** dilution` of data: a budget that grows with the pool has dilution 0, a fixed
    one has 1. Copies of one dataset (equal `origin`) pool their data first. Target t then has the effective data
    E_t = sum over origins of transfer[t, origin] * data ** saturation, times exp(sum of pairs[t, i, j] over present i
    and j), and scores exp(-hardness_t * E_t ** -decay) plus `jitter`, one fixed draw for each mixture and task: the
    part of a real training run that no feature explains.

    >>> landscape("fixed", np.random.default_rng(0), size=5).problem().count()
    16
    """

    names: tuple[str, ...]
    origin: tuple[int, ...]
    transfer: NDArray[np.float64]  # [target, origin]
    pairs: NDArray[np.float64]  # [target, task, task]
    hardness: NDArray[np.float64]  # [target]
    dilution: float
    saturation: float
    decay: float
    jitter: NDArray[np.float64]  # [target]
    seed: int

    def scores(self, parts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Gives every task's score [mixture, task] after training on `parts` [mixture, task]."""
        draws = [np.random.default_rng([self.seed, *row]).standard_normal(len(self.names)) for row in parts]
        return np.asarray(self.clean(parts) + self.jitter * np.array(draws).reshape(parts.shape))

    def clean(self, parts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Gives the scores [mixture, task] without jitter."""
        data = parts / parts.sum(axis=1, keepdims=True) ** self.dilution  # [mixture, task]
        pooled = data @ np.eye(self.transfer.shape[1])[list(self.origin)]  # [mixture, origin]
        present = (parts > 0).astype(float)  # [mixture, task]
        synergy = np.einsum("mi,tij,mj->mt", present, self.pairs, present)  # [mixture, task]
        effective = (pooled**self.saturation) @ self.transfer.T * np.exp(synergy)  # [mixture, task]
        return np.asarray(np.exp(-self.hardness * np.maximum(effective, 0.02) ** -self.decay))

    def problem(self, targets: Sequence[str] | None = None) -> Problem:
        """Gives the problem of these tasks; the target is the first task unless named."""
        return Problem([Task(name) for name in self.names], targets=targets or self.names[:1])

    def evaluate(self, *, noise: float = 0.0, seed: int = 0) -> Evaluate:
        """Gives an `Evaluate` that reads the landscape; `noise` is the standard deviation between training seeds."""

        def score(request: Request) -> Trial:
            parts = np.array([[request.mixture.to_json().get(name, 0) for name in self.names]])  # [mixture, task]
            rng = np.random.default_rng([seed, self.seed, request.seed, *parts[0]])
            scores = self.scores(parts)[0] + noise * rng.standard_normal(len(self.names))  # [task]
            return Trial(request, {name: TaskResult(float(s)) for name, s in zip(self.names, scores, strict=True)})

        return each(score)

    def best(self, mixtures: Iterable[Mixture], target: str) -> Mixture:
        """Gives the mixture with the target's highest score."""
        pool = list(mixtures)
        parts = np.array([[mixture.to_json().get(name, 0) for name in self.names] for mixture in pool])
        return pool[int(self.scores(parts)[:, self.names.index(target)].argmax())]


@dataclass(frozen=True)
class Knobs:
    """Properties of a landscape that are set instead of drawn; None leaves a property to its regime.

    `correlation` is the similarity of every two tasks (off the diagonal of the Gram matrix), `harm` what a third of the
    tasks lose in transfer to all others; the rest are fields of `Landscape`, `hardness` that of every target.
    """

    correlation: float | None = None
    hardness: float | None = None
    dilution: float | None = None
    saturation: float | None = None
    harm: float | None = None


_DRAWN = Knobs()


def landscape(
    regime: Regime, rng: np.random.Generator, *, size: int = 10, jitter: float = 0.2, knobs: Knobs = _DRAWN
) -> Landscape:
    """Draws a landscape of `size` tasks, fit for study by enumeration up to about 12.

    Tasks are unit vectors that share a common part and a cluster part, and transfer follows their similarity, as in the
    generator of MultiTab-Bench (F-29: tasks from a Gram matrix with a set correlation); we add what is particular to
    mixtures (shares of a budget, saturation, copies, harm). `jitter` is in units of the distance between the best and
    the median clean score of each task.
    """
    plain = _draw(regime, rng, size, knobs)
    inside = rng.random((512, size)) < rng.random((512, 1))  # [mixture, task]
    sample = plain.clean(inside[inside.any(axis=1)].astype(np.int64))  # [mixture, task]
    spread = sample.max(axis=0) - np.median(sample, axis=0)  # [task]
    return replace(plain, jitter=spread * (5.0 if regime == "flat" else jitter))


def _draw(regime: Regime, rng: np.random.Generator, size: int, knobs: Knobs) -> Landscape:
    drawn = {"fixed": 1.0, "growing": 0.0, "between": rng.uniform(0.2, 0.9)}.get(regime, float(rng.integers(2)))
    dilution = _set(knobs.dilution, drawn)
    origin = np.arange(size)
    if regime == "duplicates":
        origin[rng.permutation(size)[: size // 2]] = rng.integers(size, size=size // 2)
    similarity = _similarity(rng, size, shared=rng.uniform(0, 0.7 if dilution == 1 else 2))  # [task, task]
    if knobs.correlation is not None:
        similarity = np.full((size, size), knobs.correlation)
    transfer = similarity * rng.uniform(0.3, 1.2) + 0.1 * rng.standard_normal((size, size))
    if regime == "harmful" or knobs.harm is not None:
        transfer[:, rng.permutation(size)[: max(1, size // 3)]] -= _set(knobs.harm, rng.uniform(0.2, 0.6))
    transfer[np.arange(size), np.arange(size)] = 1.0
    strength = 0.3 if regime == "interactions" else 0.03
    pairs = np.triu(rng.standard_normal((size, size, size)), k=1) * strength / np.sqrt(size)  # [target, task, task]
    hardness = rng.uniform(0.1, 0.8, size) * (0.05 if regime == "flat" else 1.0)  # [target]
    return Landscape(
        names=tuple(f"t{index:02d}" for index in range(size)),
        origin=tuple(int(index) for index in origin),
        transfer=transfer[origin],
        pairs=pairs,
        hardness=hardness if knobs.hardness is None else np.full(size, knobs.hardness),
        dilution=float(dilution),
        saturation=float(_set(knobs.saturation, rng.uniform(0.3, 0.9))),
        decay=float(rng.uniform(0.4, 1.6)),
        jitter=np.zeros(size),
        seed=int(rng.integers(2**31)),
    )


def _set(value: float | None, drawn: float) -> float:
    return drawn if value is None else value


def _similarity(rng: np.random.Generator, size: int, shared: float) -> NDArray[np.float64]:
    """Gives cosines [task, task] of random task directions with a part that all share and a part of their cluster."""
    centres = rng.standard_normal((3, 6))[rng.integers(3, size=size)]  # [task, dimension]
    directions = shared * rng.standard_normal(6) + rng.uniform(0, 2) * centres + rng.standard_normal((size, 6))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(directions @ directions.T)
