"""FineTune: the evaluation that fine-tunes a language model on a mixture and scores it on the dev splits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cotune.task import Task
from cotune.training.settings import Budget, Lora, Scoring, SizePolicy, Train
from cotune.trial import Progress, Request, Trial


@dataclass(frozen=True)
class Estimate:
    """What one request will cost: training tokens, examples and steps, scored rows, and the seconds if measured."""

    tokens: int
    examples: int
    steps: int
    scored_rows: int
    seconds: float | None = None


class FineTune:
    """Fine-tunes `model` on a request's mixture and scores all tasks: an `Evaluate` that is `Comparable`."""

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
        raise NotImplementedError

    def __call__(self, requests: Sequence[Request]) -> Iterator[Trial]:
        """Runs the requests one after another and yields each trial as it finishes."""
        raise NotImplementedError

    def settings(self) -> dict[str, object]:
        """Gives a JSON object of everything but mixture, seed and data that changes a score."""
        raise NotImplementedError

    def warnings(self) -> tuple[str, ...]:
        """Gives what may go wrong with these settings on these tasks, one sentence each."""
        raise NotImplementedError

    def estimate(self, request: Request, *, measure: bool = False) -> Estimate:
        """Gives the cost of `request`; with `measure` also seconds, from a few real steps."""
        raise NotImplementedError
