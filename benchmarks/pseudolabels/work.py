"""What is measured, what one training gave, and the file that a stopped run goes on with."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.rows import check_settings
from cotune.tasks.tacle import threshold
from cotune.training import Train

STAGES = 5


@dataclass(frozen=True)
class Work:
    """What is measured: every share of labels on every seed, supervised and with the pseudo-labels of each threshold.

    All trainings have `tokens` tokens, shared evenly between labelled and pseudo-labelled rows where there are both.
    """

    model: str = "embedded"
    dataset: str = "snips"
    shares: tuple[float, ...] = (0.01, 0.1)
    thresholds: tuple[float, ...] = (threshold(1), round(threshold(STAGES), 4))
    seeds: int = 5
    tokens: int = 20_000
    lr: float = 2e-3
    layers: str = "top-4"

    def __post_init__(self) -> None:
        parts = (*self.shares, *self.thresholds)
        if not self.shares or not self.thresholds or not all(0 < part < 1 for part in parts):
            raise ValueError(f"Shares and thresholds are above 0 and below 1, one or more of each; got {parts}.")
        if self.seeds < 2 or self.tokens < 1:
            raise ValueError(f"Two seeds or more and a token or more are needed; got {self.seeds}, {self.tokens}.")

    @property
    def train(self) -> Train:
        """How all are trained."""
        return Train(lr=self.lr, batch_tokens=256, max_length=128, threads=1, width=1, device="cpu")


@dataclass(frozen=True)
class Found:
    """What one training gave: its score on dev; of pseudo-labels, the share of rows kept and of those right.

    `threshold` is None of a training on labelled rows alone; where `share` is 1 those are all train rows.
    """

    share: float
    seed: int
    threshold: float | None
    score: float
    kept: float = 0.0
    right: float | None = None


class Done:
    """One line of settings, then one for each share and seed; a line that was cut off is dropped and measured again."""

    def __init__(self, path: Path | None, settings: dict[str, object]) -> None:
        """Opens a file, or begins it; without a path nothing is kept.

        Raises:
            ValueError: it holds rows of other settings, code or versions.
        """
        self._path, self.found = path, dict[tuple[float, int], list[Found]]()
        if path is None:
            return
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        first, *rest = [json.loads(line) for line in whole.splitlines()] or [None]
        if first is None:
            path.write_text(json.dumps(settings) + "\n")
            return
        check_settings(path, first, json.loads(json.dumps(settings)))
        os.truncate(path, len(whole) + 1)
        for line in rest:
            rows = [Found(**row) for row in line]
            self.found[rows[0].share, rows[0].seed] = rows

    def add(self, rows: list[Found]) -> None:
        """Adds what one share and seed gave."""
        self.found[rows[0].share, rows[0].seed] = rows
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps([asdict(row) for row in rows]) + "\n")
