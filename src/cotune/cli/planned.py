"""What `cotune train` is going to train, and what it will be scored on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from cotune.cli.mixtures import parse_mixture
from cotune.journal import JournalView
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Split
from cotune.tasks import metrics_of
from cotune.verdict import judge


@dataclass(frozen=True)
class Planned:
    """Mixtures to train, the one to ship first, and the datasets and the split that all are scored on.

    `reason` is the verdict's sentence, `read_on` the day when test was read, if it was.
    """

    mixtures: tuple[Mixture, ...]
    targets: tuple[str, ...]
    split: Split
    reason: str = ""
    read_on: date | None = None

    @property
    def chosen(self) -> Mixture:
        """The mixture to ship."""
        return self.mixtures[0]


def plan_final(view: JournalView, problem: Problem, *, winner: bool, anchors: bool) -> Planned:
    """Plans what the verdict recommends (with `winner` the leader) and the anchors, on test.

    Raises:
        ValueError: nothing has finished, or the data changed.
    """
    _refuse_other_data(view, problem)
    verdict = judge(problem, view.records)
    chosen = verdict.winner if winner else verdict.recommended
    if chosen is None or not len(chosen):
        raise ValueError(
            f"There is nothing to train: {verdict.sentence} To train all the same, say --winner or name a --mix."
        )
    rivals = [problem.target_only, problem.everything] if anchors else []
    readings = view.logged("test")
    day = datetime.fromtimestamp(readings[-1].at, UTC).date() if readings else None
    return Planned(tuple(dict.fromkeys([chosen, *rivals])), problem.targets, "test", verdict.sentence, day)


def plan_mixture(problem: Problem, mix: str | None, *, single: bool) -> Planned:
    """Plans a mixture of the user's choice, and each of its datasets alone with `single`, on dev.

    Scored are its datasets that have a metric, else the study's targets.

    Raises:
        ValueError: unknown datasets.
    """
    mixture = problem.everything if mix is None else parse_mixture(mix, problem)
    alone = [Mixture.of([name]) for name in mixture.names] if single else []
    kinds = {task.name: task.kind for task in problem.tasks}
    scored = tuple(name for name in mixture.names if metrics_of(kinds[name]))
    return Planned(tuple(dict.fromkeys([mixture, *alone])), scored or problem.targets, "dev")


def _refuse_other_data(view: JournalView, problem: Problem) -> None:
    changed = [
        task.name for task in problem.tasks if view.datasets.get(task.name, task.fingerprint) != task.fingerprint
    ]
    if changed:
        raise ValueError(
            f"Datasets {changed} have other content than when the study ran, so its winner may not be theirs. Restore "
            "them, or run the study again in another folder (--runs)."
        )
