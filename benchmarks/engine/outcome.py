"""Outcomes: what a contestant did with the work, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass

Json = Mapping[str, object]


@dataclass(frozen=True)
class Ran:
    """One trial: its place among the requests, seconds, and the mean dev loss (see `batch_means`).

    `train_seconds` is all that comes before its scoring, set-up included; `first_step_seconds` lasts from its beginning
    to the end of its first step. Both are None where trials run together. `tokens` were trained and `scored` scored,
    without padding and with repeats; `start` is a digest of the factors that it began with.
    """

    place: int
    seconds: float | None
    train_seconds: float | None
    first_step_seconds: float | None
    tokens: int
    scored: int
    loss: float
    start: str


@dataclass(frozen=True)
class Outcome:
    """What one contestant did in a process of its own.

    `work_seconds` pass from its imports, which take `start_seconds`, to its last result. `flops` are what the layers
    that ran need for the tokens of its trials (see `flops`).
    """

    trials: tuple[Ran, ...]
    work_seconds: float
    device: str
    flops: float
    start_seconds: float = 0.0
    peak_bytes: int = 0

    @classmethod
    def of_json(cls, found: Json) -> "Outcome":
        """Gives the outcome that `asdict` made a JSON object of."""
        trials = tuple(Ran(**ran) for ran in found["trials"])  # type: ignore[attr-defined]
        return cls(**{**found, "trials": trials})  # type: ignore[arg-type]


def batch_means(losses: list[float], counts: list[int], batch: int) -> float:
    """Gives the mean over batches of rows of each batch's mean loss of an answer token, as a Trainer's `eval_loss`.

    `losses` are sums over a row's answer tokens, `counts` how many these are.

    >>> batch_means([1.0, 2.0, 3.0, 3.0], [1, 2, 1, 1], 2)
    2.0
    """
    starts = range(0, len(losses), batch)
    means = [sum(losses[start : start + batch]) / sum(counts[start : start + batch]) for start in starts]
    return sum(means) / len(means)
