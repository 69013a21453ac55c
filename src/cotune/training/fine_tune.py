"""FineTune: the evaluation that fine-tunes a language model on a mixture and scores it on the dev splits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.problem import check_names
from cotune.task import Split, Task
from cotune.training.settings import Budget, Lora, Scoring, SizePolicy, Train
from cotune.training.setup import Setup
from cotune.trial import Progress, Request, TaskResult, Trial

if TYPE_CHECKING:
    from cotune.training.adapter import Adapter
    from cotune.training.engine import Engine


@dataclass(frozen=True)
class Estimate:
    """What one request will cost: training tokens, examples and steps, scored rows, and the seconds if measured.

    `first_seconds` is what the first trial takes on top, to fill the cache. `references` are the trainings that each
    trial needs beside its own, for the losses that a mixer compares with; `first_references` those that the first needs
    on top, once for all trials of a process. Their time is in the seconds, their tokens are not in the tokens.
    """

    tokens: int
    examples: int
    steps: int
    scored_rows: int
    seconds: float | None = None
    first_seconds: float | None = None
    references: int = 0
    first_references: int = 0


class FineTune:
    """Fine-tunes `model` on a request's mixture and scores all tasks: an `Evaluate` that is `Comparable`.

    Targets are scored by their metric, the other tasks by their loss. The model is loaded when it is first needed and
    kept; a copy that went through pickle loads its own. The empty mixture scores the model as it is.
    """

    def __init__(
        self,
        model: str,
        tasks: Iterable[Task],
        *,
        targets: Sequence[str],
        budget: Budget,
        size_policy: SizePolicy = SizePolicy(),  # noqa: B008  (frozen)
        lora: Lora = Lora(),  # noqa: B008
        train: Train = Train(),  # noqa: B008
        scoring: Scoring = Scoring(),  # noqa: B008
        cache: Path | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Makes an evaluation; `cache` is a folder that keeps up to 4 GiB of frozen layers' states between processes.

        Raises:
            ValueError: unknown or missing names, a metric that does not suit its task, a target without dev rows.
        """
        self.setup = Setup(model, tuple(tasks), tuple(targets), budget, size_policy, lora, train, scoring, cache)
        self._progress = progress
        self._engine: Engine | None = None

    def __call__(self, requests: Sequence[Request]) -> Iterator[Trial]:
        """Runs the requests and yields each trial as it finishes; an error ends a trial, not all.

        Where `train.width` allows, several train and are scored side by side, and their trials come together.

        Raises:
            ValueError: a request names an unknown task, or the model does not suit the settings.
        """
        for request in requests:
            self._check(request)
        yield from self.engine.run_all(requests)

    def settings(self) -> dict[str, object]:
        """Gives a JSON object of everything but mixture, seed and data that changes a score; loads the model."""
        return {"model": self.engine.model.fingerprint, **self.engine.setup.to_json()}

    def side_by_side(self) -> int:
        """Gives how many trials run at once at most; loads the model where only it can tell."""
        if self._engine is None and self._is_surely_alone():
            return 1
        return self.engine.width()

    def warnings(self) -> tuple[str, ...]:
        """Gives what may go wrong with these settings on these tasks, one sentence each; loads the model."""
        from cotune.training.advice import advice

        return advice(self.engine)

    def estimate(self, request: Request, *, measure: bool = False) -> Estimate:
        """Gives the cost of `request`; with `measure` also seconds, from a few real steps.

        Raises:
            TrialError: a task of the mixture has no rows to train on, or measuring diverges or runs out of memory.
        """
        from cotune.training.estimate import measured_seconds
        from cotune.training.merge.turns import steps_of

        self._check(request)
        exams = self.engine.exams("dev", self.setup.scoring.dev_rows)
        rows = sum(len(exam.rows) for exam in exams)
        if not request.mixture.names:
            return Estimate(0, 0, 0, rows)
        drawn = self.engine.plan(request)
        tokens = sum(exposure.tokens for exposure in drawn.exposure.values())
        seconds, more = measured_seconds(self.engine, request, drawn) if measure else (None, None)
        before = self.engine.beforehand(request, drawn)
        each, first = (len(before.requests), 0) if before.is_each else (0, len(before.requests))
        return Estimate(
            tokens, len(drawn.examples), steps_of(drawn, self.setup.train), rows, seconds, more, each, first
        )

    def fit(self, request: Request) -> "Adapter":
        """Gives the adapter that `request` trains; it can be saved, and scored with `score`.

        Raises:
            TrialError: it diverges, runs out of memory or has nothing to train on.
        """
        self._check(request)
        return self.engine.fit(request)

    def score(
        self, adapter: "Adapter | None", *, split: Split = "test", rows: int | None = None
    ) -> dict[str, TaskResult]:
        """Gives the results by task of a trained adapter (None: the base model) on `rows` of each task (None: all).

        Raises:
            TrialError: a loss is not finite, or it runs out of memory.
            ValueError: a target has no rows in that split.
        """
        return self.engine.score(adapter, split, rows)

    @property
    def engine(self) -> "Engine":
        """The loaded model with what trials share."""
        if self._engine is None:
            from cotune.training.engine import Engine

            self._engine = Engine(self.setup, self._progress or (lambda _: None))
        return self._engine

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_engine": None}

    def _is_surely_alone(self) -> bool:
        from cotune.training.device import device_of
        from cotune.training.together.width import most_of

        train = self.setup.train
        return self.setup.runs_alone or most_of(train.width, device_of(train.device)) == 1

    def _check(self, request: Request) -> None:
        check_names(request.mixture.names, [task.name for task in self.setup.tasks])
