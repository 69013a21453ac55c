"""Draws the problems that the predictor is trained on: some runs of a pool are known, others are asked about."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cotune.testing import REGIMES, landscape
from pretraining.rows import Array

ASKED = 24
"""How many mixtures each problem asks about."""
KNOWN = (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 30, 40, 60)
"""How many runs may be known."""
SPARE = 6
"""At least so many runs are left to ask about."""
CELLS = 12_000
"""About how many cells (runs times datasets) a batch holds."""
SYNTHETIC = 0.15
"""Share of batches from the landscapes of `cotune.testing`, the only ones with more than two dozen datasets."""


SIZES = (6, 8, 10, 12, 16, 24, 32, 48, 64)
SIZE_ODDS = (0.1, 0.15, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05)
"""Sizes of synthetic pools, and how often each is drawn."""


@dataclass(frozen=True)
class Batch:
    """Problems of one shape: parts of the known runs and then of those asked about, with their scores."""

    parts: Array  # [problem, run, task]
    scores: Array  # [problem, run, task]; of known runs as observed, nan where a task's was not measured
    values: Array  # [problem, run] of the target; of runs asked about without noise
    targets: NDArray[np.int64]  # [problem]
    known: int


@dataclass(frozen=True)
class Pool:
    """What was measured on the mixtures of one pool: parts, losses and accuracies, each [run, task]."""

    parts: NDArray[np.int64]
    nll: Array
    em: Array


def load_pools(paths: Sequence[Path]) -> list[Pool]:
    """Reads pools that `pretraining.pools` wrote."""
    found = []
    for path in paths:
        with np.load(path, allow_pickle=False) as arrays:
            found.append(Pool(arrays["parts"], arrays["nll"], arrays["em"]))
    return found


def draw_batch(pools: Sequence[Pool], rng: np.random.Generator) -> Batch:
    """Draws 4 to 32 problems of one shape, the fewer the larger they are."""
    wanted = int(rng.choice(KNOWN))
    if rng.random() < SYNTHETIC:
        width, drop = int(rng.choice(SIZES, p=SIZE_ODDS)), 0
        sources = [_synthetic(rng, width) for _ in range(_count(width, wanted))]
    else:
        width = pools[rng.integers(len(pools))].parts.shape[1]
        same = [pool for pool in pools if pool.parts.shape[1] == width]
        sources = [same[rng.integers(len(same))] for _ in range(_count(width, wanted))]
        complete = all(len(pool.parts) == 2**width - 1 for pool in sources)
        drop = int(rng.integers(3)) if complete and width > 6 else 0
    room = min(int((source.parts > 0).sum(axis=0).min()) >> drop for source in sources)
    known = min(wanted, room - SPARE)
    return _stack([_draw(source, rng, known, drop) for source in sources], known)


def _count(width: int, known: int) -> int:
    return int(np.clip(CELLS // (width * (known + ASKED)), 4, 32))


def _stack(problems: Sequence[tuple[Array, Array, Array, int]], known: int) -> Batch:
    parts, scores, values, targets = zip(*problems, strict=True)
    return Batch(np.stack(parts), np.stack(scores), np.stack(values), np.array(targets), known)


def _synthetic(rng: np.random.Generator, size: int) -> Pool:
    """Draws a synthetic pool on mixtures of all sizes; its accuracies repeat its losses."""
    regime, jitter = REGIMES[rng.integers(len(REGIMES))], float(rng.choice([0.03, 0.1, 0.3, 0.6]))
    drawn = landscape(regime, rng, size=size, jitter=jitter)
    inside = rng.random((256, size)) < rng.random((256, 1))
    counts = rng.integers(1, int(rng.choice([1, 1, 1, 3])) + 1, inside.shape)
    one = np.eye(size, dtype=np.int64)
    parts = np.concatenate([one, 1 - one, np.ones((1, size), dtype=np.int64), inside * counts])
    parts = np.unique(parts[parts.any(axis=1)], axis=0)
    scores = drawn.scores(parts)
    return Pool(parts, -scores, scores)


def _draw(pool: Pool, rng: np.random.Generator, known: int, drop: int) -> tuple[Array, Array, Array, int]:
    """Draws one problem: parts, scores, values, and the target's place.

    The target may be a loss, its logarithm or an accuracy; other tasks show their losses, their accuracies or nothing.
    Some runs are noisy. The known runs are both anchors and then random, spread over sizes, those that look good, or
    those around a good one, as a search would leave them; some of noisy ones are repeats. Asked about are neighbours of
    the best known run, and others.
    """
    part, required = _part(pool, rng, known, drop)
    parts, target = part.parts.astype(float), required[0]
    values = _target_values(-part.nll[:, target], part.em[:, target], rng)  # [run]
    scores = _scores(part, target, rng)
    noise = float(rng.choice([0, 0, 0, 0.1, 0.3, 0.6, 1.0]))
    observed = values + noise * values.std() * rng.standard_normal(len(values))
    scores = scores + 0.7 * noise * scores.std(axis=0) * rng.standard_normal(scores.shape)
    first = _anchors(parts, required) if rng.random() < 0.9 else []
    order = _preference(parts, observed, rng)
    order[first] = -np.inf
    chosen, repeats = np.argsort(order)[:known], known // 4
    if noise and rng.random() < 0.5 and repeats:
        chosen[known - repeats :] = rng.choice(chosen, repeats)
    asked = _asked(parts, chosen, observed, rng)
    again = noise * values.std() * rng.standard_normal(known) * (np.arange(known) >= known - repeats)
    shown = np.concatenate([observed[chosen] + again, values[asked]])
    both = np.concatenate([chosen, asked])
    return parts[both], scores[both], shown, target


def _part(pool: Pool, rng: np.random.Generator, known: int, drop: int) -> tuple[Pool, list[int]]:
    """Gives a pool without `drop` of its datasets, on the runs that hold what is required, and that: the target first.

    Sometimes a second dataset is required, if that leaves runs enough.
    """
    width = pool.parts.shape[1]
    kept = rng.permutation(width)[: width - drop]  # [task]
    without = ~(pool.parts[:, np.setdiff1d(np.arange(width), kept)] > 0).any(axis=1)  # [run]
    target = int(rng.integers(len(kept)))
    required = [target, *([int(rng.integers(len(kept)))] if rng.random() < 0.15 else [])]
    rows = (pool.parts[:, kept[required]] > 0).all(axis=1) & without
    if rows.sum() < known + SPARE:
        required, rows = [target], (pool.parts[:, kept[target]] > 0) & without
    return Pool(pool.parts[rows][:, kept], pool.nll[rows][:, kept], pool.em[rows][:, kept]), required


def _scores(pool: Pool, target: int, rng: np.random.Generator) -> Array:
    """Gives what each run shows of each task [run, task]; nan where that is nothing."""
    scores = (pool.em if rng.random() < 0.15 else -pool.nll).copy()
    if rng.random() < 0.4:
        scores[:, target] = np.nan
    if rng.random() < 0.12:
        scores[:] = np.nan
    return scores


def _target_values(losses: Array, right: Array, rng: np.random.Generator) -> Array:
    kind = rng.choice(4, p=[0.45, 0.2, 0.25, 0.1])
    if kind == 1 and (losses < 0).all():
        return -np.log(-losses)
    if kind == 2 and right.std() > 0:
        return right
    return 0.5 * losses / max(losses.std(), 1e-9) + right / max(right.std(), 1e-9) if kind == 3 else losses


def _anchors(parts: Array, required: Sequence[int]) -> list[int]:
    alone = np.zeros(parts.shape[1])
    alone[required] = 1
    found = [np.flatnonzero((parts == wanted).all(axis=1)) for wanted in (alone, np.ones(parts.shape[1]))]
    return [int(rows[0]) for rows in found if len(rows)]


def _preference(parts: Array, observed: Array, rng: np.random.Generator) -> Array:
    """Gives numbers [run]; the runs with the lowest are known first."""
    kind, uniform = rng.random(), rng.random(len(parts))
    if kind < 0.25:
        return uniform
    if kind < 0.35:
        return np.abs((parts > 0).mean(axis=1) - uniform)
    standard = (observed - observed.mean()) / max(float(observed.std()), 1e-9)
    blurred = rng.standard_normal(len(parts)) - rng.uniform(0.3, 3) * standard
    if kind < 0.7:
        return np.asarray(blurred)
    found = parts[blurred.argmin()] > 0
    away = ((parts > 0) != found).sum(axis=1)
    return np.asarray(away + 2 * uniform - rng.uniform(0, 1.5) * standard)


def _asked(parts: Array, chosen: NDArray[np.int64], observed: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    rest = np.setdiff1d(np.arange(len(parts)), chosen)
    best = parts[chosen[observed[chosen].argmax()]]
    near = np.argsort(np.abs(parts[rest] - best).sum(axis=1) + rng.random(len(rest)))[: ASKED // 2]
    return np.concatenate([rest[near], rng.choice(rest, ASKED - len(near))])
