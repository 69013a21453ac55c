"""One call of `cotune train`: what it trains and how it is scored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.cache import cache_root
from cotune.cli.artefact import check_out
from cotune.cli.opening import Opened
from cotune.cli.progress import Stages
from cotune.config import FineTuning
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Split, Task
from cotune.trial import Request, TaskResult

if TYPE_CHECKING:
    from cotune.training.adapter import Adapter


@dataclass(frozen=True)
class Outcome:
    """A mixture's adapter and its results, by dataset, where it has a score."""

    mixture: Mixture
    adapter: "Adapter"
    results: Mapping[str, TaskResult]


@dataclass(frozen=True)
class Final:
    """One call of `cotune train`."""

    opened: Opened
    problem: Problem
    out: Path
    seed: int
    quiet: bool

    @classmethod
    def prepare(cls, opened: Opened, *, out: Path, seed: int, data: Path | None, quiet: bool) -> "Final":
        """Checks the folder and loads the data.

        Raises:
            FileNotFoundError, ValueError: a dataset is not there or breaks a rule; `out` has something in it; the
                study has an evaluation of its own.
        """
        if opened.config.evaluate is not None:
            raise ValueError(
                f"This study has an evaluation of its own ({opened.config.evaluate}); train its winner with that, "
                "since `cotune train` trains language models."
            )
        check_out(out)
        return cls(opened, opened.problem(data=data), out, seed, quiet)

    def train(self, mixtures: Iterable[Mixture], *, targets: Iterable[str], split: Split) -> "list[Outcome]":
        """Trains each mixture once and scores it on all rows of `split`, targets by their metrics."""
        config = self.opened.config
        weights = dict.fromkeys(targets, 1.0)
        config = config.model_copy(update={"targets": weights, "scoring": replace(config.scoring, metric_for=())})
        tasks = tuple(task if task.name in weights else _without(task, split) for task in self.problem.tasks)
        outcomes = []
        with Stages(quiet=self.quiet) as stages:
            fine_tune = FineTuning(config, tasks, cache_root() / "trunk")(stages.tell)
            for mixture in dict.fromkeys(mixtures):
                adapter = fine_tune.fit(Request(mixture, self.seed))
                results = fine_tune.score(adapter, split=split)
                measured = {name: result for name, result in results.items() if result.score is not None}
                outcomes.append(Outcome(mixture, adapter, measured))
        return outcomes


def _without(task: Task, split: Split) -> Task:
    """Gives a task that is not scored, since only tasks with rows in the split are."""
    return replace(task, rows={name: rows for name, rows in task.rows.items() if name != split})
