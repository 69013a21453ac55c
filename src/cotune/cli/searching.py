"""Running a study from the command line: worker, bars, signals, and what is printed at the end."""

import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cotune import journal
from cotune.cache import cache_root
from cotune.cli.balancing import check_rivals, compare, reserved, rivals, try_balancers
from cotune.cli.console import Json, plain, print_json, print_text
from cotune.cli.errors import INTERRUPTED, OK, TERMINATED, say
from cotune.cli.opening import Opened, save_config
from cotune.cli.progress import Display
from cotune.cli.screen import Screen
from cotune.config import OwnEvaluation, StudyConfig, build_sampler, evaluation
from cotune.problem import Problem
from cotune.reporting.logged import standing_alarms
from cotune.study import Event, Plan, Reuse, Stopped, Study, interruptible, reuse
from cotune.trial import Evaluate, Proposal, Record, side_by_side
from cotune.worker import Worker

if TYPE_CHECKING:
    from cotune.search import Sampler

HEAVY = ("torch", "cotune.training", "transformers", "peft")
"""What a training child needs, imported once; our own first, which keeps others from printing what they recommend."""


@dataclass(frozen=True)
class Search:
    """One call of `cotune run`; `again` is the command that goes on.

    Sampler and plan are those of the configuration, unless others are given.
    """

    opened: Opened
    problem: Problem
    again: str
    reuse: tuple[Path, ...] = ()
    in_process: bool = False
    allow: bool = False
    quiet: bool = False
    given_sampler: "Sampler | None" = None
    given_plan: Plan | None = None

    @property
    def study(self) -> Study:
        """The study in its folder."""
        seed = self.opened.config.search.seed
        return Study(self.opened.folder, self.problem, seed=seed, allow=self.allow, settings=self.settings)

    @property
    def plan(self) -> Plan:
        """What the study may spend and when it stops."""
        if self.given_plan is not None:
            return self.given_plan
        return planned(self.opened.config)

    @property
    def sized_plan(self) -> Plan:
        """The plan with its batch in numbers, as a run here would have it; that may load the model."""
        if not self.plan.needs_width:
            return self.plan.sized(1)
        config = self.opened.config
        factory = evaluation(config, self.problem.tasks, folder=self.opened.base, cache=cache_root() / "trunk")
        return self.plan.sized(side_by_side(factory()))

    @property
    def sampler(self) -> "Sampler":
        """What proposes."""
        return self.given_sampler or build_sampler(self.opened.config, self.opened.base)

    @property
    def settings(self) -> dict[str, object]:
        """What makes trials comparable beside what the evaluation tells itself."""
        return {"leaks": self.opened.config.leaks}

    def rebuild(self) -> None:
        """Makes the study's journal again from its trials' files."""
        journal.rebuild(self.opened.folder)
        say(f"The journal in {self.opened.folder} was made again from its trials; the old one is kept beside it.")

    def check(self) -> None:
        """Refuses settings that cannot work with the datasets, before anything is trained or written.

        Raises:
            ValueError: says which, why, and what to do.
        """
        cache = cache_root() / "trunk"
        factory = evaluation(self.opened.config, self.problem.tasks, folder=self.opened.base, cache=cache)
        if not isinstance(factory, OwnEvaluation):  # whose module may be heavy, and is imported where it runs
            factory()
        check_rivals(self.opened, self.problem.tasks, cache)

    def run(self) -> int:
        """Runs the study to its end, prints what came out and gives the exit code.

        Raises:
            FileNotFoundError: a folder to reuse holds no study.
            ValueError: the study cannot begin or go on; see `Study.run`.
        """
        self.check()
        code = self.execute()
        if code == OK and self.opened.config.search.balancers:
            code = try_balancers(self, self.study.verdict())
        return self._conclude() if code == OK else code

    def repeat(self, proposals: Sequence[Proposal]) -> int:
        """Runs given requests under this configuration and gives the exit code."""
        study = self.study
        wanted = {proposal.request for proposal in proposals}
        earlier = [record for record in self._earlier(study) if record.request in wanted]
        about = f"{len(proposals):,} fine-tunings"
        return self._attend(study, len(proposals), partial(study.repeat, proposals=proposals), earlier, about)[0]

    def execute(self) -> int:
        """Runs the study to its end and gives the exit code, that of an interruption included.

        Raises:
            FileNotFoundError: a folder to reuse holds no study.
            ValueError: the study cannot begin or go on, or every trial failed; see `Study.run`.
        """
        study = self.study
        work = partial(study.run, sampler=self.sampler, **asdict(self.plan))
        many = f"{self.problem.count():,} mixtures of {len(self.problem.tasks)} datasets"
        about = f"{many}, at most {self.plan.trials} fine-tunings"
        code, ended = self._attend(study, self.plan.trials, work, self._earlier(study), about)
        if code == OK and not (ended or self.quiet):
            print_text("Nothing was left to train.")
        return code

    def _earlier(self, study: Study) -> tuple[Record, ...]:
        view = study.view(examples=False)
        return view.records if view else ()

    def _attend(
        self, study: Study, total: int, work: Callable[..., None], earlier: Sequence[Record], about: str
    ) -> tuple[int, int]:
        """Has a study do `work` on its evaluation, gives the exit code and how many trials ended.

        `earlier` are the records that count in `total` already, `about` says in words what is run.
        """
        screen = Screen(quiet=self.quiet)
        display = Display(self.problem, screen, total=total)
        display.resumed(earlier)
        with ExitStack() as stack:
            evaluate, stops = self._evaluate(display, stack)
            watcher = _Watcher(self.opened, display, evaluate, about)
            asked = stack.enter_context(interruptible(study.request_stop, *stops, _promise))
            stack.enter_context(screen)
            with suppress(KeyboardInterrupt):  # the second Ctrl-C, or one while the model loads: the journal is closed
                work(evaluate, on_event=watcher.event)
        if watcher.stopped is None or watcher.stopped.rule == "interrupted":
            say(f"Stopped; no finished fine-tuning is lost. Go on with: {self.again}")
            return TERMINATED if asked.signal == signal.SIGTERM else INTERRUPTED, display.ended
        if watcher.stopped.rule == "failures":
            raise ValueError(watcher.stopped.message)
        return OK, display.ended

    def _evaluate(self, display: Display, stack: ExitStack) -> tuple[Evaluate, list[Callable[[], None]]]:
        """Gives the evaluation, here or in a child process, and what asks it to stop."""
        config, limits = self.opened.config, self.opened.config.limits
        factory = evaluation(config, self.problem.tasks, folder=self.opened.base, cache=cache_root() / "trunk")
        if self.in_process:
            return self._reusing(factory(display.stage)), []
        worker = Worker(
            factory,
            progress=display.stage,
            timeout=None if limits.hours is None else limits.hours * 3600,
            memory=None if limits.memory_gib is None else int(limits.memory_gib * 2**30),
            preload=() if isinstance(factory, OwnEvaluation) else HEAVY,
        )
        return self._reusing(stack.enter_context(worker)), [worker.request_stop]

    def _reusing(self, evaluate: Evaluate) -> Evaluate:
        if not self.reuse:
            return evaluate
        for folder in self.reuse:
            journal.read_journal(folder, examples=False)
        return reuse(evaluate, self.reuse, self.problem.tasks, settings=self.settings)

    def _conclude(self) -> int:
        """Prints what came out and gives the exit code."""
        study = self.study
        verdict, view = study.verdict(), study.view()
        stopped = view.logged("stopped")[-1].payload if view else {}
        found = compare(self.opened, self.problem, view, verdict) if view and rivals(self.opened.config) else None
        if self.quiet:
            winner = None if verdict.winner is None else verdict.winner.to_json()
            facts: dict[str, Json] = {"stopped": stopped["rule"], "message": stopped["message"]}
            facts |= {"folder": str(study.folder), **({"balancers": plain(found)} if found else {})}
            warnings = (*verdict.warnings, *(standing_alarms(view.log) if view else ()))
            print_json(facts | {"winner": winner, "verdict": verdict.sentence, "warnings": warnings})
            return OK
        print_text(f"\n{verdict}\n\nStopped: {stopped['message']}.")
        if found is not None:
            print_text(found.sentence)
        print_text(f"Next: cotune report {study.folder}")
        return OK


def planned(config: StudyConfig) -> Plan:
    """Gives what a study may spend and when it stops, by its configuration."""
    search = config.search
    return Plan(
        trials=search.trials - reserved(config),
        hours=search.max_hours,
        patience=search.patience,
        min_improvement=search.min_improvement,
        min_improvement_noise=search.min_improvement_noise,
        confirm=search.confirm,
        batch=search.batch,
        early_stopping=search.early_stopping,
    )


def _promise() -> None:
    say("Stopping; once more stops at once.")


@dataclass
class _Watcher:
    """Passes a study's events on, and keeps its configuration beside the journal once that is open."""

    opened: Opened
    display: Display
    evaluate: Evaluate
    about: str
    stopped: Stopped | None = None
    is_saved: bool = False

    def event(self, event: Event) -> None:
        if not self.is_saved:
            save_config(self.opened)
            self.is_saved = True
            self.display.screen.say(f"{self.opened.config.name}: {self.about}")
            for folder, why in self.evaluate.obstacles().items() if isinstance(self.evaluate, Reuse) else ():
                self.display.screen.say(f"Nothing can be taken from {folder}: {why}.")
        if isinstance(event, Stopped):
            self.stopped = event
        self.display.event(event)
