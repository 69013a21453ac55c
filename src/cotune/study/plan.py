"""How a study's fine-tunings are shared out over anchors, search and confirmation."""

from dataclasses import dataclass, replace
from typing import Literal

from cotune.problem import Problem
from cotune.study.batch import Batch, batch_of, check_batch
from cotune.trial_json import JsonObject

ROOMY = 8
"""From so many fine-tunings on, the anchors are run with two seeds."""


@dataclass(frozen=True)
class Plan:
    """What a study may spend and when it stops; see `Study.run` for the meaning of each field."""

    trials: int = 24
    hours: float | None = None
    patience: int | None = None
    min_improvement: float | None = None
    min_improvement_noise: float | None = None
    confirm: int = 3
    batch: Batch = "auto"
    repeats: bool = True
    base: bool = True
    early_stopping: Literal["none", "auto"] = "none"

    def __post_init__(self) -> None:
        whole = {"trials": self.trials, "patience": self.patience}
        for name, value in whole.items():
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"{name} is a whole number >= 1; got {value!r}.")
        check_batch(self.batch)
        if type(self.confirm) is not int or self.confirm < 0:
            raise ValueError(f"confirm is a whole number of seeds >= 0; got {self.confirm!r}.")
        if self.hours is not None and not self.hours > 0:
            raise ValueError(f"hours is a positive number; got {self.hours!r}.")
        least = {"min_improvement": self.min_improvement, "min_improvement_noise": self.min_improvement_noise}
        for name, number in least.items():
            if number is not None and not number >= 0:
                raise ValueError(f"{name} is a number >= 0; got {number!r}.")
        if self.early_stopping not in ("none", "auto"):
            raise ValueError(f"early_stopping is 'none' or 'auto'; got {self.early_stopping!r}.")

    @property
    def needs_width(self) -> bool:
        """Whether the batch hangs on how many trials run side by side; those that may be stopped early run alone."""
        return isinstance(self.batch, str) and self.early_stopping == "none"

    def sized(self, width: int) -> "Plan":
        """Gives the plan with its batch in numbers, where an evaluation runs `width` requests side by side."""
        return replace(self, batch=batch_of(self.batch, width if self.needs_width else 1))

    @property
    def at_once(self) -> int:
        """How many requests are proposed and run together; one while the plan is not `sized`."""
        return 1 if isinstance(self.batch, str) else self.batch

    @property
    def anchor_seeds(self) -> tuple[int, ...]:
        """Seeds of the anchors: two, to see the noise first; one where trials are few or repeats are useless."""
        return (0, 1) if self.repeats and self.trials >= ROOMY else (0,)

    def reserve(self, problem: Problem) -> int:
        """Gives how many fine-tunings are kept back to confirm the winner and the anchors, equally many for each.

        It is `confirm` for each of them, but never more than the search gets: half of what the anchors leave. If the
        winner is an anchor, its part is not needed.
        """
        anchors = 1 if problem.target_only == problem.everything else 2
        left = max(0, self.trials - anchors * len(self.anchor_seeds))
        return (1 + anchors) * min(self.confirming_seeds, left // 2 // (1 + anchors))

    @property
    def confirming_seeds(self) -> int:
        """Fresh seeds that each finalist is confirmed with, as far as the fine-tunings go."""
        return self.confirm if self.repeats else 0

    def rules(self) -> JsonObject:
        """Gives what decides when the search ends, for the log."""
        return {
            "trials": self.trials,
            "patience": self.patience,
            "min_improvement": self.min_improvement,
            "min_improvement_noise": self.min_improvement_noise,
            "confirm": self.confirm,
            "repeats": self.repeats,
            "early_stopping": self.early_stopping,
        }
