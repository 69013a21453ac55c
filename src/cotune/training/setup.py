"""The setup of a study's training: model, tasks, targets and all settings, checked together."""

from dataclasses import asdict, dataclass
from pathlib import Path

from cotune.problem import check_names
from cotune.task import Task
from cotune.tasks.metrics import check_metric
from cotune.training.settings import Budget, Lora, Scoring, SizePolicy, Train

SCORES_VERSION = 3
"""Raised by hand whenever a change of the code changes a trial's scores beyond rounding."""


@dataclass(frozen=True)
class Setup:
    """Everything that a trial's scores hang on, but the request and the content of the data."""

    model: str
    tasks: tuple[Task, ...]
    targets: tuple[str, ...]
    budget: Budget
    size_policy: SizePolicy
    lora: Lora
    train: Train
    scoring: Scoring
    cache: Path | None

    def __post_init__(self) -> None:
        names = [task.name for task in self.tasks]
        check_names([*self.targets, *self.scoring.metric_for, *self.train.weights, *self.train.overrides], names)
        if not self.targets:
            raise ValueError(f"A fine-tuning has at least one target; name one or more of {names}.")
        if not self.model:
            raise ValueError("A model is a local folder, a hub id or 'embedded'; got nothing.")
        for task in self.tasks:
            if task.name in self.measured:
                check_metric(task.kind, task.metric)
                _check_rows(task)

    @property
    def measured(self) -> frozenset[str]:
        """Names of the tasks that get their metric."""
        return frozenset((*self.targets, *self.scoring.metric_for))

    def task(self, name: str) -> Task:
        """Gives the task `name`."""
        return next(task for task in self.tasks if task.name == name)

    def to_json(self) -> dict[str, object]:
        """Gives what makes scores comparable; device and threads only say where it ran, a curve what else is told."""
        train = asdict(self.train)
        del train["device"], train["threads"]
        train["weights"], train["overrides"] = dict(sorted(train["weights"].items())), _sorted(train["overrides"])
        scoring = asdict(self.scoring)
        del scoring["batch"], scoring["metric_for"], scoring["curve"]
        return {
            "scores_version": SCORES_VERSION,
            "budget": {self.budget.kind: self.budget.amount},
            "size_policy": asdict(self.size_policy),
            "lora": asdict(self.lora),
            "train": train,
            "scoring": {**scoring, "measured": sorted(self.measured)},
        }


def _sorted(overrides: dict[str, object]) -> dict[str, object]:
    return dict(sorted(overrides.items()))


def _check_rows(task: Task) -> None:
    if not task.rows.get("dev"):
        raise ValueError(
            f"{task.name!r} is to be scored but has no dev rows. Add a dev split, or let one be made from train."
        )
