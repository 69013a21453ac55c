"""Study: a problem, its journal and the circle that turns between them."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from cotune.journal import Journal, JournalView, read_journal
from cotune.problem import Problem
from cotune.study.batch import Batch, batch_of, check_batch
from cotune.study.circle import Circle
from cotune.study.events import Event, Rule, Stopped
from cotune.study.phases import in_pool
from cotune.study.plan import Plan
from cotune.study.repeat import repeat
from cotune.study.reuse import OBJECTIVE
from cotune.study.steps import Course, Past, next_step, open_requests, search_end
from cotune.study.stops import all_failed
from cotune.study.versions import versions
from cotune.trial import Comparable, Evaluate, Proposal, Record, side_by_side
from cotune.trial_json import JsonObject

if TYPE_CHECKING:  # at run time it would import SciPy, which a study with its own sampler does without
    from cotune.search import Sampler
    from cotune.verdict import Verdict


class Study:
    """A search for the best mixture of one problem, kept in one folder; killed and run again, it goes on.

    Its only state is the journal in the folder, so that a study that was killed and resumed equals one that was not:
    in requests, scores, losses, per-example results and tokens, though not in seconds.

    >>> from tempfile import TemporaryDirectory
    >>> from cotune import Task, each
    >>> with TemporaryDirectory() as folder:
    ...     study = Study(folder, Problem([Task("a"), Task("b")], targets=["a"]))
    ...     study.run(each(lambda request: {"a": 0.1 * len(request.mixture)}), trials=4)
    ...     study.stopped
    'exhausted'
    """

    def __init__(
        self,
        folder: str | Path,
        problem: Problem,
        *,
        seed: int = 0,
        allow: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Names the study; nothing is read or written yet.

        Args:
            folder: Where the journal lies or will lie.
            problem: What may be tried and what counts.
            seed: Seed of the search.
            allow: Start a new group of trials where settings or data differ from those of the journal.
            settings: What makes scores comparable, for an evaluation that does not tell it itself (`Comparable`).
        """
        self.folder = Path(folder)
        self.problem = problem
        self.seed = seed
        self._allow = allow
        self._settings = dict(settings or {})
        self._stop = threading.Event()

    def run(
        self,
        evaluate: Evaluate,
        *,
        sampler: "Sampler | None" = None,
        trials: int = 24,
        hours: float | None = None,
        patience: int | None = None,
        min_improvement: float | None = None,
        min_improvement_noise: float | None = None,
        confirm: int = 3,
        batch: Batch = "auto",
        repeats: bool = True,
        base: bool = True,
        early_stopping: Literal["none", "auto"] = "none",
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Runs until a rule stops it; what is pending from an earlier run comes first.

        The base model is scored once, the anchors are run with two seeds (one if `trials` < 8), the sampler searches,
        and the winner by posterior mean is confirmed against the anchors with fresh seeds (101, 102, ...). Where these
        seeds make another mixture the winner, that one is confirmed too, while fine-tunings are left. A failed request
        is tried once more.

        Args:
            evaluate: Trains and scores batches of requests.
            sampler: Proposes what to try next; by default `cotune.search.default`.
            trials: Fine-tunings at most, over all runs: anchors, repeats, confirmation and failures included.
            hours: No new batch is started after so many hours of this run.
            patience: The search ends after so many of its fine-tunings without a better value.
            min_improvement: The search ends when the best expected improvement of a round is smaller.
            min_improvement_noise: The same as a fraction of the noise between seeds, the standard deviation pooled over
                repeated mixtures; never while nothing was repeated.
            confirm: Fresh seeds for the winner and each anchor, equally many for each; fewer where that would take
                more fine-tunings than the search gets. With 0 the search itself repeats what may be best.
            batch: How many requests are proposed and handed to `evaluate` together; "auto" is 1, 2 or 4 and no more
                than it runs side by side (see `cotune.trial.SideBySide`), "widest" as many as that.
            repeats: Whether the anchors are repeated and the winner confirmed; a table without noise needs neither.
            base: Whether the untrained base model is scored; it costs no fine-tuning.
            early_stopping: With "auto", fine-tunings of the search that are hopeless by their dev loss after a quarter
                or half of the budget end there and count that share; what seems hopeful again later goes on.
            on_event: Is told what happens, for progress bars.

        Raises:
            JournalError: the folder, the disk, or settings that differ; see `Journal`.
            ValueError: an argument out of range; a sampler or an evaluation that breaks its contract.
            KeyboardInterrupt: passed on; the journal is closed and nothing finished is lost.
        """
        least = (min_improvement, min_improvement_noise)
        plan = Plan(trials, hours, patience, *least, confirm, batch, repeats, base, early_stopping)
        deadline = time.monotonic() + (float("inf") if hours is None else hours * 3600)
        tell = on_event or _nobody
        try:
            with self._open(evaluate) as journal:
                if plan.needs_width:
                    plan = plan.sized(side_by_side(evaluate))
                journal.log("run", {"plan": cast(JsonObject, asdict(plan)), **versions()})
                course = Course(self.problem, sampler or _default_sampler(), plan, self.seed)
                stopped = _logged(Circle(course, journal, evaluate, deadline, self._stop.is_set, tell))
        finally:
            self._stop.clear()
        tell(stopped)

    def repeat(
        self,
        evaluate: Evaluate,
        proposals: Sequence[Proposal],
        *,
        batch: Batch = "widest",
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Runs given requests and nothing else, as far as the journal lacks them; stops when it is asked to.

        Raises:
            JournalError: the folder, the disk, or settings that differ; see `Journal`.
            ValueError: an evaluation that breaks its contract.
        """
        check_batch(batch)
        tell = on_event or _nobody
        try:
            with self._open(evaluate) as journal:
                asked, size = self._stop.is_set, batch_of(batch, side_by_side(evaluate))
                tell(repeat(journal, self.problem, evaluate, proposals, batch=size, is_stopped=asked, tell=tell))
        finally:
            self._stop.clear()

    def upcoming(self, plan: Plan, *, sampler: "Sampler | None" = None) -> list[Proposal] | Stopped:
        """Gives the requests that a run with `plan` would begin with, or why it would train nothing; writes nothing.

        Raises:
            ValueError: the sampler broke its contract.
        """
        view = self.view(examples=False)  # as a run proposes, which sees no examples either
        records = list(view.records) if view else []
        course = Course(self.problem, sampler or _default_sampler(), plan, self.seed)
        waiting = all_failed(in_pool(self.problem, records), patient=True) or open_requests(course, records)
        if waiting:
            return waiting if isinstance(waiting, Stopped) else [record.proposal for record in waiting]
        ended = search_end(course, [entry.payload for entry in view.logged("search ended")] if view else [])
        return next_step(course, records, ended, Past(self.records, _nobody))

    def _open(self, evaluate: Evaluate) -> Journal:
        own: Mapping[str, object] = evaluate.settings() if isinstance(evaluate, Comparable) else {}
        return Journal(
            self.folder,
            settings={**self._settings, **own, OBJECTIVE: self._objective()},
            datasets={task.name: task.fingerprint for task in self.problem.tasks},
            seed=self.seed,
            allow=self._allow,
        )

    def _objective(self) -> dict[str, object]:
        """Gives what the search is for; the weights alone where nothing else is said, as in earlier journals."""
        problem = self.problem
        if problem.objective == "mean" and not problem.reference and not problem.keep:
            return dict(problem.weights)
        more = {"reference": dict(problem.reference), "keep": dict(problem.keep)}
        return {"weights": dict(problem.weights), "kind": problem.objective, **more}

    def request_stop(self) -> None:
        """Asks a study to end after what has finished; what is running stays pending and costs nothing.

        A study that is not running yet ends as soon as it is.
        """
        self._stop.set()

    def view(self, *, examples: bool = True) -> JournalView | None:
        """Reads the journal, also while the study runs; None before the first run."""
        try:
            return read_journal(self.folder, examples=examples)
        except FileNotFoundError:
            return None

    def records(self) -> list[Record]:
        """Gives all requests so far, in order, with the trials of those that ended."""
        view = self.view()
        return [] if view is None else list(view.records)

    def verdict(self) -> "Verdict":
        """Gives what the trials so far allow one to say."""
        from cotune.verdict import judge

        return judge(self.problem, self.records())

    @property
    def stopped(self) -> Rule | None:
        """The rule that ended the last run, None if there was none or it was killed; the log has its message."""
        view = self.view(examples=False)
        ends = [entry for entry in view.log if entry.kind in ("run", "stopped")] if view else []
        return cast(Rule, ends[-1].payload["rule"]) if ends and ends[-1].kind == "stopped" else None


def _logged(circle: Circle) -> Stopped:
    """Gives how the circle ended, once its journal's log says so."""
    try:
        stopped = circle.run()
    except KeyboardInterrupt:
        circle.journal.log("stopped", Stopped("interrupted", "Ctrl-C; run again to go on").to_json())
        raise
    circle.journal.log("stopped", stopped.to_json())
    return stopped


def _default_sampler() -> "Sampler":
    from cotune.search import default

    return default


def _nobody(event: object) -> None:
    del event
