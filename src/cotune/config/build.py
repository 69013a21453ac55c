"""From a configuration to the objects of a study: problem, sampler and what makes its evaluation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cotune.blame import place_of
from cotune.config.model import StudyConfig
from cotune.config.names import SAMPLERS, imported, named
from cotune.problem import Problem
from cotune.task import Task
from cotune.training import FineTune
from cotune.trial import Comparable, Evaluate, Progress, Proposal, Request, Trial, side_by_side

if TYPE_CHECKING:
    import numpy as np

    from cotune.search import Sampler

Tell = Callable[[Progress], None]
"""Takes how far the work has come."""


def build_problem(config: StudyConfig, tasks: Iterable[Task]) -> Problem:
    """Gives the problem that a configuration states on its tasks.

    Raises:
        ValueError: unknown targets or required datasets; names the nearest.
    """
    return Problem(
        tasks,
        config.targets,
        required=config.required,
        levels=config.levels,
        objective=config.objective,
        reference=config.reference,
        keep=config.keep,
    )


def build_sampler(config: StudyConfig, folder: Path) -> "Sampler":
    """Gives the sampler that `search.sampler` names; a module of the user's own may lie in `folder`.

    Raises:
        ValueError: unknown, or not callable.
    """
    found = named(config.search.sampler, SAMPLERS, what="sampler", folder=folder)
    if not callable(found):
        raise ValueError(f"A sampler is a function; {config.search.sampler!r} is {type(found).__name__}.")
    sampler = cast("Sampler", found)
    return _own(sampler, config.search.sampler) if ":" in config.search.sampler else sampler


def _own(sampler: "Sampler", name: str) -> "Sampler":
    """Gives a user's sampler whose errors name it: they are the user's to mend."""

    def propose(
        problem: Problem, ended: Sequence[Trial], pending: Sequence[Request], rng: "np.random.Generator", count: int
    ) -> list[Proposal]:
        try:
            given: object = sampler(problem, ended, pending, rng, count)
            proposals = list(given) if isinstance(given, Iterable) else None
        except Exception as error:
            raise ValueError(
                f"The sampler {name!r} failed: {type(error).__name__}: {error} ({place_of(error)})."
            ) from error
        if proposals is None:
            raise ValueError(f"The sampler {name!r} gives a list of Proposals; got {given!r}.")
        return proposals

    return propose


@dataclass(frozen=True)
class FineTuning:
    """Makes the fine-tuning that a configuration describes; can be sent to a child process."""

    config: StudyConfig
    tasks: tuple[Task, ...]
    cache: Path

    def __call__(self, tell: Tell | None = None) -> FineTune:
        """Makes it; `tell` is told how far its work has come."""
        config = self.config
        return FineTune(
            config.model,
            self.tasks,
            targets=tuple(dict.fromkeys([*config.targets, *config.keep])),
            budget=config.budget,
            size_policy=config.size_policy,
            lora=config.lora,
            train=config.train,
            scoring=config.scoring,
            cache=self.cache,
            progress=tell,
        )


@dataclass(frozen=True)
class Named:
    """A user's own evaluation, whose trials are comparable with those of the same name."""

    evaluate: Evaluate
    name: str

    def __call__(self, requests: Sequence[Request]) -> Iterable[Trial]:
        """Runs the user's evaluation."""
        return self.evaluate(requests)

    def settings(self) -> Mapping[str, object]:
        """Gives its name, and what it tells itself."""
        own: Mapping[str, object] = self.evaluate.settings() if isinstance(self.evaluate, Comparable) else {}
        return {"evaluate": self.name, **own}

    def side_by_side(self) -> int:
        """Gives how many requests it runs at once, if it tells."""
        return side_by_side(self.evaluate)


@dataclass(frozen=True)
class OwnEvaluation:
    """Finds a user's own evaluation, named as `module:object`; can be sent to a child process."""

    reference: str
    folder: Path

    def __call__(self, tell: Tell | None = None) -> Named:  # noqa: ARG002 (an evaluation of one's own tells nothing)
        """Imports it.

        Raises:
            ValueError: it cannot be imported, or is no function.
        """
        found = imported(self.reference, what="evaluate", folder=self.folder)
        if not callable(found):
            raise ValueError(f"An evaluation is a function; {self.reference!r} is {type(found).__name__}.")
        return Named(cast(Evaluate, found), self.reference)


def evaluation(
    config: StudyConfig, tasks: tuple[Task, ...], *, folder: Path, cache: Path
) -> FineTuning | OwnEvaluation:
    """Gives what makes the evaluation of a study, here or in a child process.

    A user's own module may lie in `folder`; frozen layers' results are kept under `cache`.
    """
    if config.evaluate is not None:
        return OwnEvaluation(config.evaluate, folder.absolute())
    return FineTuning(config, tasks, cache)
