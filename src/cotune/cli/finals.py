"""Final trainings: what is shipped, what it is compared with, and how both score."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from cotune.cache import cache_root
from cotune.cli.artefact import budget_words, check_out, write_artefact
from cotune.cli.console import print_json, print_table, print_text, shorten
from cotune.cli.errors import OK
from cotune.cli.mixtures import parse_mixture
from cotune.cli.opening import Opened
from cotune.cli.progress import Stages
from cotune.config import FineTuning
from cotune.journal import Journal, JournalView, read_journal
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting.logged import final_entry
from cotune.task import Split, Task
from cotune.trial import Request, TaskResult
from cotune.trial_json import JsonObject
from cotune.verdict import judge
from cotune.verdict.wording import points, title

if TYPE_CHECKING:
    from cotune.training.adapter import Adapter

Lines: TypeAlias = Mapping[str, Mapping[str, float | None]]
"""By dataset: score, low, high."""


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


@dataclass(frozen=True)
class Outcome:
    """A mixture's adapter and its results, by dataset, where it has a score."""

    mixture: Mixture
    adapter: "Adapter"
    results: Mapping[str, TaskResult]


def train_final(final: Final, *, winner: bool, anchors: bool, reread_test: bool) -> int:
    """Trains what the verdict recommends, tests it beside the anchors, and writes adapter, log entry and card.

    Raises:
        FileNotFoundError: the study was not run.
        ValueError: nothing has finished, the data changed, or test was read before.
    """
    view, problem = read_journal(final.opened.folder), final.problem
    if not reread_test:
        _refuse_second_reading(view)
    _refuse_other_data(view, problem)
    verdict = judge(problem, view.records)
    chosen = verdict.winner if winner else verdict.recommended
    if chosen is None or not len(chosen):
        raise ValueError(
            f"There is nothing to train: {verdict.sentence} To train all the same, say --winner or name a --mix."
        )
    if not final.quiet:
        print_text(f"{verdict.sentence}\nTraining {title(problem, chosen)}.")
    rivals = [problem.target_only, problem.everything] if anchors else []
    with Journal(view.folder, settings=view.settings, datasets=view.datasets, seed=view.seed) as journal:
        outcomes = final.train([chosen, *rivals], targets=problem.targets, split="test")
        entry = final_entry(problem, {outcome.mixture: outcome.results for outcome in outcomes})
        journal.log("test", entry | {"training_seed": final.seed, "budget": budget_words(final.opened.config)})
    write_artefact(final.opened, problem, outcomes[0].adapter, final.out)
    return _conclude(final, entry, "test")


def train_mixture(final: Final, mix: str | None, *, single: bool) -> int:
    """Trains a mixture of the user's choice, and each of its datasets alone with `single`; scores them on dev.

    Raises:
        ValueError: unknown datasets.
    """
    problem = final.problem
    mixture = problem.everything if mix is None else parse_mixture(mix, problem)
    alone = [Mixture.of([name]) for name in mixture.names] if single else []
    outcomes = final.train([mixture, *alone], targets=mixture.names, split="dev")
    write_artefact(final.opened, problem, outcomes[0].adapter, final.out)
    for outcome in outcomes[1:]:
        write_artefact(final.opened, problem, outcome.adapter, final.out / "single" / outcome.mixture.names[0])
    entry = final_entry(problem, {outcome.mixture: outcome.results for outcome in outcomes})
    return _conclude(final, entry, "dev")


def _without(task: Task, split: Split) -> Task:
    """Gives a task that is not scored, since only tasks with rows in the split are."""
    return replace(task, rows={name: rows for name, rows in task.rows.items() if name != split})


def _refuse_second_reading(view: JournalView) -> None:
    readings = view.logged("test")
    if readings:
        day = datetime.fromtimestamp(readings[-1].at, UTC).date()
        raise ValueError(
            f"The test split was read on {day}, and `cotune report` shows the scores. Reading it again to choose by it "
            "makes them optimistic; if you must, say --reread-test, or train without it by --mix."
        )


def _refuse_other_data(view: JournalView, problem: Problem) -> None:
    changed = [
        task.name for task in problem.tasks if view.datasets.get(task.name, task.fingerprint) != task.fingerprint
    ]
    if changed:
        raise ValueError(
            f"Datasets {changed} have other content than when the study ran, so its winner may not be theirs. Restore "
            "them, or run the study again in another folder (--runs)."
        )


def _conclude(final: Final, entry: JsonObject, split: Split) -> int:
    if final.quiet:
        print_json({"out": str(final.out), "split": split, **entry})
        return OK
    results, leads = cast("dict[str, Lines]", entry["results"]), cast("dict[str, Lines]", entry["leads"])
    rows = [
        [
            dataset,
            shorten(label, 36),
            _points(line),
            _points(leads[label][dataset], sign=True) if label in leads else "",
        ]
        for label, lines in results.items()
        for dataset, line in lines.items()
    ]
    print_text(f"\nOn {split}, in points with 95 % intervals over its rows")
    print_table(["dataset", "trained on", "score", "the first leads by"], sorted(rows, key=lambda row: row[0]))
    print_text(f"\nAdapter and model card: {final.out}")
    return OK


def _points(line: Mapping[str, float | None], *, sign: bool = False) -> str:
    score, low, high = line["score"], line["low"], line["high"]
    reach = "" if low is None or high is None else f" [{points(low)}, {points(high)}]"
    return f"{points(score or 0.0, sign=sign)}{reach}"
