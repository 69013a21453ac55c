"""Weighing the losses of a combination from the command line: what is trained, what is left, what came out."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from cotune.cli.console import Json, plain, print_json, print_text
from cotune.cli.errors import OK
from cotune.cli.left import finished, left_words, seconds_left
from cotune.cli.opening import Opened
from cotune.cli.outfile import check_folder, write_csv
from cotune.cli.searching import Search
from cotune.cli.weights_table import csv_header, csv_rows, print_weightings
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Proposal, Record, Request
from cotune.verdict.tradeoff import Tradeoff, tradeoff
from cotune.verdict.weightings import Weightings, weigh


@dataclass(frozen=True)
class Weighing:
    """One call of `cotune weights`; `again` is the command that goes on, `asked` are the weightings to train."""

    opened: Opened
    problem: Problem
    again: str
    names: tuple[str, ...]
    asked: tuple[Mixture, ...]
    seeds: tuple[int, ...]
    priority: str | None = None
    out: Path | None = None
    in_process: bool = False
    allow: bool = False
    quiet: bool = False

    def run(self) -> int:
        """Trains what is missing, prints and writes the table and gives the exit code.

        Raises:
            ValueError: the study cannot begin or go on, or weightings failed for good.
        """
        if self.out is not None:
            check_folder(self.out)
        search = self._search
        search.check()
        is_over = set(self._requests) <= finished(self._records())
        code = search.repeat([Proposal(request, "weights") for request in self._requests])
        if code != OK:
            return code
        if is_over and not self.quiet:
            print_text("Nothing was left to train.")
        return self._conclude()

    def preview(self) -> int:
        """Prints how many trainings are left and about how long they take; trains a few examples for that."""
        self._search.check()
        left = len(set(self._requests) - finished(self._records()))
        even = Mixture.of(self.names)
        seconds = seconds_left(self.opened, self.problem, left, typical=lambda _: even, quiet=self.quiet)
        if self.quiet:
            facts: dict[str, Json] = {"weightings": len(self.asked), "seeds": self.seeds, "left": left}
            print_json(facts | {"folder": str(self.opened.folder), "seconds": seconds})
            return OK
        many = f"{len(self.asked):,} weightings of {', '.join(self.names)}, equal weights among them"
        print_text(f"{many}, seeds {list(self.seeds)}: {left_words(left, seconds)}")
        return OK

    @property
    def _search(self) -> Search:
        return Search(
            self.opened,
            self.problem,
            self.again,
            in_process=self.in_process,
            allow=self.allow,
            quiet=self.quiet,
        )

    @property
    def _requests(self) -> list[Request]:
        return [Request(mixture, seed) for seed in self.seeds for mixture in self.asked]

    def _records(self) -> tuple[Record, ...]:
        view = self._search.study.view(examples=False)
        return view.records if view else ()

    def _conclude(self) -> int:
        records = self._search.study.records()
        mine = set(self._requests)
        trials = [record.trial for record in records if record.trial is not None and record.request in mine]
        found = weigh(self.problem, trials, self.asked)
        if found is None:
            raise ValueError(
                f"No weighting finished with a score for {', '.join(self.problem.targets)}. See why with: "
                f"cotune status {self.opened.folder}"
            )
        self._tell(found)
        missing = mine - finished(records)
        if missing:
            raise ValueError(
                f"{len(missing)} trainings failed for good; what is said is of the others. See why with: "
                f"cotune status {self.opened.folder}"
            )
        return OK

    def _tell(self, found: Weightings) -> None:
        along = tradeoff(found.lines, self.priority) if self.priority else None
        if self.out is not None:
            write_csv(self.out, csv_header(self.problem, self.names), csv_rows(self.problem, self.names, found))
        if self.quiet:
            return print_json(self._facts(found, along))
        print_weightings(self.problem, self.names, found, along)
        print_text(f"\nNext: {self._next(found.best.mixture)}")
        return None

    def _next(self, best: Mixture) -> str:
        """Gives the command that trains the best weighting under the settings of its trials."""
        mix = ",".join(name if parts == 1 else f"{name}={parts}" for name, parts in best.parts)
        return shlex.join(["cotune", "train", str(self.opened.folder), "--mix", mix, "--out", "best/"])

    def _facts(self, found: Weightings, along: Tradeoff | None) -> dict[str, Json]:
        facts: dict[str, Json] = {"datasets": self.names, "targets": self.problem.targets, "seeds": self.seeds}
        facts |= {"folder": str(self.opened.folder), "weightings": plain(found.lines), "leads": plain(found.leads)}
        facts |= {"level": found.level, "warnings": found.warnings}
        return facts | ({"tradeoff": plain(along)} if along else {})
