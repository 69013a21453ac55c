"""One call of `cotune train`: what it trains and how it is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.cache import cache_root
from cotune.cli.opening import Opened
from cotune.cli.planned import Planned
from cotune.cli.progress import ROOM
from cotune.cli.screen import Screen
from cotune.cli.stages import Stages, load_problem
from cotune.cli.unfinished import check_out, whole
from cotune.config import FineTuning
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Split, Task
from cotune.tasks import DatasetSpec
from cotune.trial import Request, TaskResult
from cotune.verdict.wording import datasets_of

if TYPE_CHECKING:
    from cotune.training.adapter import Adapter
    from cotune.training.baseline import Baseline
    from cotune.training.fine_tune import Estimate


@dataclass(frozen=True)
class Outcome:
    """A mixture's adapter, its results, by dataset, where it has a score, and the settings that they come from.

    `baselines` are what later rows of these datasets can be compared with.
    """

    mixture: Mixture
    adapter: "Adapter"
    results: Mapping[str, TaskResult]
    settings: Mapping[str, object]
    baselines: "Sequence[Baseline]"


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
        return cls(opened, load_problem(opened, data=data, quiet=quiet), out, seed, quiet)

    def train(self, planned: Planned, *, folders: Mapping[Mixture, Path]) -> list[Outcome]:
        """Trains each mixture once, saves those that have a folder, then scores all on all rows of the split.

        What the base model sees of these rows is read in between, while a failure costs no reading of test.
        """
        from cotune.training.monitoring import baselines_of

        with Screen(quiet=self.quiet) as screen:
            fine_tune = self._fine_tuning(planned)(self._stages(screen).tell)
            adapters = []
            for mixture in planned.mixtures:
                adapters.append(fine_tune.fit(Request(mixture, self.seed)))
                if mixture in folders:
                    with whole(folders[mixture]):
                        adapters[-1].save(folders[mixture])
            settings = fine_tune.settings()
            baselines = baselines_of(fine_tune, planned.split, self.opened.config.model, self._columns())
            scored = [fine_tune.score(adapter, split=planned.split) for adapter in adapters]
        return [
            Outcome(adapter.request.mixture, adapter, measured, settings, baselines(results))
            for adapter, results in zip(adapters, scored, strict=True)
            for measured in [{name: result for name, result in results.items() if result.score is not None}]
        ]

    def estimates(self, planned: Planned) -> "dict[Mixture, Estimate]":
        """Gives what training each mixture would cost; loads the model and trains nothing."""
        with Screen(quiet=self.quiet) as screen:
            fine_tune = self._fine_tuning(planned)(self._stages(screen).tell)
            return {mixture: fine_tune.estimate(Request(mixture, self.seed)) for mixture in planned.mixtures}

    def _columns(self) -> dict[str, Mapping[str, str]]:
        """Gives the names that each dataset has for our columns."""
        entries = self.opened.config.datasets
        return {entry.name: entry.columns for entry in entries if isinstance(entry, DatasetSpec)}

    def _stages(self, screen: Screen) -> Stages:
        return Stages(screen, name=partial(datasets_of, self.problem, room=ROOM))

    def _fine_tuning(self, planned: Planned) -> FineTuning:
        """Gives the fine-tuning whose targets are scored by their metrics, and nothing else."""
        config, targets = self.opened.config, dict.fromkeys(planned.targets, 1.0)
        scoring = replace(config.scoring, metric_for=())
        config = config.model_copy(update={"targets": targets, "keep": {}, "scoring": scoring})
        tasks = [task if task.name in targets else _without(task, planned.split) for task in self.problem.tasks]
        return FineTuning(config, tuple(tasks), cache_root() / "trunk")


def _without(task: Task, split: Split) -> Task:
    """Gives a task that is not scored, since only tasks with rows in the split are."""
    return replace(task, rows={name: rows for name, rows in task.rows.items() if name != split})
