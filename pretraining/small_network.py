"""Small networks trained on many mixtures of one pool, all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pretraining.rows import Array, Rows

CODE = 16
"""Width of the code that says which task is asked for, as a prompt does."""
JOINT = 48
"""Width in which texts and labels are compared."""
WARM = 0.06
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Recipe:
    """How every mixture of a pool is trained."""

    steps: NDArray[np.int64]  # [run]
    shares: Array  # [run, task], of the rows shown
    batch: int
    rate: float
    hidden: int
    seed: int


def train_pool(
    pool: list[Rows], labels: Array, recipe: Recipe, fractions: Sequence[float] = ()
) -> tuple[Array, Array, Array]:
    """Gives mean negative log-likelihoods and accuracies [run, task] on dev rows, and the former at points on the way.

    The points [run, point, task] are after `fractions` of each run's steps. They change nothing of the training.
    As in a language model all tasks answer in one vocabulary, and a code names the task. One hidden layer, Adam with
    warm-up and cosine decay, gradients clipped at 1, the same initial weights for every run, rows in an order of each
    run's own.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    used = np.unique(np.concatenate([y for rows in pool for y in (rows.train_y, rows.dev_y)]))
    codes = 0.6 * torch.randn(len(pool), CODE, generator=generator)
    x = torch.cat([_coded(rows.train_x, code) for rows, code in zip(pool, codes, strict=True)])
    y = torch.tensor(np.searchsorted(used, np.concatenate([rows.train_y for rows in pool])))
    answers = torch.tensor(labels[used] / labels.std() / 8, dtype=torch.float32)  # [label, width]
    answers = answers @ torch.randn(labels.shape[1], JOINT, generator=generator) * (2 / labels.shape[1] ** 0.5)
    weights = _initial(x.shape[1], recipe, generator)
    passed = [[w.clone() for w in weights] for _ in fractions]
    orders = _orders([len(rows.train_y) for rows in pool], recipe)
    _descend(weights, x, y, answers, orders, recipe, dict(zip(fractions, passed, strict=True)))

    def measured(now: list[torch.Tensor]) -> tuple[Array, Array]:
        pairs = zip(pool, codes, strict=True)
        scores = [_score(now, _coded(r.dev_x, c), np.searchsorted(used, r.dev_y), answers) for r, c in pairs]
        return np.stack([loss for loss, _ in scores], axis=1), np.stack([right for _, right in scores], axis=1)

    nll, em = measured(weights)
    curve = [measured(now)[0] for now in passed]
    return nll, em, np.stack(curve, axis=1) if curve else np.empty((len(nll), 0, len(pool)))


def _coded(x: Array, code: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.tensor(x, dtype=torch.float32), code.expand(len(x), -1)], dim=1)


def _initial(width: int, recipe: Recipe, generator: torch.Generator) -> list[torch.Tensor]:
    hidden = recipe.hidden
    first = torch.randn(width, hidden, generator=generator) * 1.5 / width**0.5
    second = 0.02 * torch.randn(hidden, JOINT, generator=generator)
    one_run = (first, torch.zeros(1, hidden), second, torch.zeros(1, JOINT))
    return [weight.repeat(len(recipe.steps), 1, 1) for weight in one_run]


def _forward(weights: list[torch.Tensor], x: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    a, b, c, d = weights
    return (torch.tanh(x @ a + b) @ c + d) @ answers.T  # [run, row, label]


def _descend(
    weights: list[torch.Tensor],
    x: torch.Tensor,
    y: torch.Tensor,
    answers: torch.Tensor,
    orders: torch.Tensor,
    recipe: Recipe,
    passed: Mapping[float, list[torch.Tensor]],
) -> None:
    """Trains `weights` in place; `orders` [run, step, row] says which rows each run sees.

    Weights after a fraction of each run's steps are left in `passed`.
    """
    steps = torch.tensor(recipe.steps)
    first, second = ([torch.zeros_like(w) for w in weights] for _ in range(2))
    for step in range(int(steps.max())):
        active = torch.nonzero(steps > step)[:, 0]
        rows = orders[active, step]  # [run, row]
        now = [w[active].requires_grad_() for w in weights]
        logits = _forward(now, x[rows], answers)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y[rows].flatten(), reduction="sum")
        slopes = torch.autograd.grad(loss / recipe.batch, now)
        norm = torch.stack([slope.square().flatten(1).sum(1) for slope in slopes]).sum(0).sqrt()  # [run]
        clip = (1 / norm).clamp(max=1)[:, None, None]
        total = steps[active].float()
        rise = ((step + 1) / (WARM * total).clamp(min=1)).clamp(max=1)
        rate = (recipe.rate * rise * 0.5 * (1 + torch.cos(torch.pi * step / total)))[:, None, None]
        with torch.no_grad():
            for w, m, v, slope in zip(weights, first, second, slopes, strict=True):
                clipped = slope * clip
                m[active] = 0.9 * m[active] + 0.1 * clipped
                v[active] = 0.99 * v[active] + 0.01 * clipped.square()
                change = m[active] / (1 - 0.9 ** (step + 1)) / ((v[active] / (1 - 0.99 ** (step + 1))).sqrt() + 1e-8)
                w[active] -= rate * change
        for fraction, kept in passed.items():
            there = torch.nonzero((steps.double() * fraction).round().clamp(min=1) == step + 1)[:, 0]
            for w, copy in zip(weights, kept, strict=True):
                copy[there] = w[there]


def _orders(sizes: list[int], recipe: Recipe) -> torch.Tensor:
    """Gives the rows [run, step, row] that each run sees: each dataset its share, as even as whole rows allow."""
    start = np.concatenate([[0], np.cumsum(sizes)])
    orders = np.zeros((len(recipe.steps), int(recipe.steps.max()), recipe.batch), dtype=np.int64)
    for run, (steps, shares) in enumerate(zip(recipe.steps, recipe.shares, strict=True)):
        rng = np.random.default_rng([recipe.seed, run])
        wanted = int(steps) * recipe.batch
        ends = np.round(np.cumsum(shares) * wanted).astype(int)
        counts = np.diff(ends, prepend=0)
        shown = [start[task] + _passes(rng, sizes[task], int(count)) for task, count in enumerate(counts) if count]
        orders[run, :steps] = rng.permutation(np.concatenate(shown)).reshape(-1, recipe.batch)
    return torch.tensor(orders)


def _passes(rng: np.random.Generator, rows: int, count: int) -> NDArray[np.int64]:
    """Gives `count` rows from as many shuffled passes as it takes."""
    passes = -(-count // rows)
    return np.concatenate([rng.permutation(rows) for _ in range(passes)])[:count]


@torch.no_grad()
def _score(
    weights: list[torch.Tensor], x: torch.Tensor, y: NDArray[np.int64], answers: torch.Tensor
) -> tuple[Array, Array]:
    """Gives the mean negative log-likelihood and the accuracy [run]."""
    losses, right = [], []
    for start in range(0, len(weights[0]), 64):
        logits = _forward([w[start : start + 64] for w in weights], x, answers)
        losses.append(-torch.log_softmax(logits, -1)[:, torch.arange(len(y)), torch.tensor(y)].mean(1))
        right.append((logits.argmax(-1) == torch.tensor(y)).float().mean(1))
    return torch.cat(losses).double().numpy(), torch.cat(right).double().numpy()
