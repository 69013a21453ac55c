"""Training every combination of a pool from the command line: what is left, how long it takes, the table at the end."""

from dataclasses import dataclass, replace
from pathlib import Path

from cotune import __version__
from cotune.cli.console import Json, print_json, print_text
from cotune.cli.errors import OK
from cotune.cli.left import finished, left_words, seconds_left
from cotune.cli.opening import Opened
from cotune.cli.outfile import check_folder
from cotune.cli.searching import Search
from cotune.journal import read_journal
from cotune.journal.table import export_table
from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.search import Exhaustive
from cotune.study import Plan
from cotune.training import FineTune
from cotune.trial import Record, Request
from cotune.trial_json import Json as JsonValue

MOST_DATASETS = 12
SUFFIX = "-exhaust"
"""Ends the name of a table's study folder, beside the one of the search."""


def exhaustive(opened: Opened) -> Opened:
    """Gives the study whose space is every combination and whose targets are all datasets, in a folder of its own.

    Raises:
        ValueError: the pool is too large.
    """
    names = [entry.name for entry in opened.config.datasets]
    if len(names) > MOST_DATASETS:
        raise ValueError(
            f"A table holds every combination: {2 ** len(names) - 1:,} of {len(names)} datasets; cotune exhaust takes "
            f"at most {MOST_DATASETS} datasets. Leave some out of the pool, or search it with cotune run."
        )
    own = {"targets": dict.fromkeys(names, 1.0), "required": (), "levels": 1, "keep": {}, "reference": {}}
    name = opened.folder.name.removesuffix(SUFFIX) + SUFFIX
    config = opened.config.model_copy(update={**own, "objective": "mean", "name": name})
    return replace(opened, config=config, folder=opened.folder.with_name(name))


def check_scored(problem: Problem) -> None:
    """Checks that every dataset can be a target of the table.

    Raises:
        ValueError: one is of texts, which have no metric.
    """
    texts = [task.name for task in problem.tasks if task.kind == "text"]
    if texts:
        raise ValueError(
            f"A table scores every dataset in turn by its metric, and {texts} are unlabelled texts, which have none. "
            "Leave them out of the pool for cotune exhaust."
        )


@dataclass(frozen=True)
class Tabulation:
    """One call of `cotune exhaust`; `again` is the command that goes on."""

    opened: Opened
    problem: Problem
    again: str
    seeds: tuple[int, ...]
    out: Path
    reuse: tuple[Path, ...] = ()
    in_process: bool = False
    allow: bool = False
    quiet: bool = False

    def run(self) -> int:
        """Trains what is missing, writes the table and gives the exit code.

        Raises:
            ValueError: the study cannot begin or go on, or combinations failed for good.
        """
        check_folder(self.out)
        wasted = -1
        while wasted < (wasted := self._wasted()):  # failed attempts are paid for on top, once they are known
            code = self._search(wasted).execute()
            if code != OK:
                return code
        return self._conclude()

    def preview(self) -> int:
        """Prints how many trainings are left and about how long they take; trains a few examples for that."""
        left = len(self._wanted() - finished(self._records()))
        facts: dict[str, Json] = {"combinations": self.problem.count(), "seeds": self.seeds, "left": left}
        seconds = seconds_left(self.opened, self.problem, left, typical=self._typical, quiet=self.quiet)
        if self.quiet:
            print_json(facts | {"folder": str(self.opened.folder), "seconds": seconds})
            return OK
        many = f"{self.problem.count():,} combinations of {len(self.problem.tasks)} datasets, seeds {list(self.seeds)}"
        print_text(f"{many}: {left_words(left, seconds)}")
        return OK

    def _search(self, wasted: int) -> Search:
        trials = len(self._wanted()) + wasted + (0 not in self.seeds)  # a study begins with its anchor, seed 0
        batch = self.opened.config.search.batch
        return Search(
            self.opened,
            self.problem,
            self.again,
            reuse=self.reuse,
            in_process=self.in_process,
            allow=self.allow,
            quiet=self.quiet,
            given_sampler=Exhaustive(self.seeds),
            given_plan=Plan(trials, confirm=0, batch="widest" if batch == "auto" else batch, repeats=False),
        )

    def _wanted(self) -> set[Request]:
        return {Request(mixture, seed) for mixture in self.problem.mixtures() for seed in self.seeds}

    def _records(self) -> tuple[Record, ...]:
        view = self._search(0).study.view(examples=False)
        return view.records if view else ()

    def _wasted(self) -> int:
        """Gives how many attempts failed."""
        records = self._records()
        trained = [record for record in records if len(record.request.mixture)]
        return sum(record.attempts for record in trained) - len(finished(records) - {Request(BASE)})

    def _typical(self, fine_tune: FineTune) -> Mixture:
        """Gives the combination of all datasets; where that trains longer than others, the one nearest to the mean."""
        if self.opened.config.budget.kind != "epochs":
            return self.problem.everything
        tokens = {mixture: fine_tune.estimate(Request(mixture)).tokens for mixture in self.problem.mixtures()}
        mean = sum(tokens.values()) / len(tokens)
        return min(tokens, key=lambda mixture: abs(tokens[mixture] - mean))

    def _conclude(self) -> int:
        """Writes the table, and says what is missing in it."""
        view = read_journal(self.opened.folder, examples=False)
        about: dict[str, JsonValue] = {
            "model": Path(self.opened.config.model).name,
            "metric": {task.name: task.metric for task in self.problem.tasks},
            "cotune": __version__,
            "devices": [*sorted({record.trial.device for record in view.records if record.trial})],
        }
        made = export_table(view, self.out, names=self.problem.names, seeds=self.seeds, about=about)
        missing = self._wanted() - finished(view.records)
        if self.quiet:
            print_json({"table": str(self.out), "combinations": len(made), "missing": len(missing)})
        else:
            print_text(f"{len(made):,} combinations of {len(self.problem.tasks)} datasets are in {self.out}.")
        if missing:
            first = min(missing)
            raise ValueError(
                f"{len(missing)} trainings failed for good, first {first.mixture} (seed {first.seed}); their "
                f"combinations are not in the table. See why with: cotune status {self.opened.folder}"
            )
        return OK
