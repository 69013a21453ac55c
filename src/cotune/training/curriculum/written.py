"""A schedule that the user writes: stages with their datasets, one after another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from cotune.training.curriculum.contract import Facts, Need, Phase
from cotune.training.curriculum.pacing import Pace


@dataclass(frozen=True)
class Stage:
    """A part of every training, to the fraction `until` of the budget, of the datasets in `datasets` (None: all).

    A dataset's share there is proportional to its share of the mixture, times the parts that stand here.
    """

    until: float
    datasets: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.until <= 1:
            raise ValueError(f"A stage of train.curriculum ends at a fraction in (0, 1]; got until {self.until}.")
        if self.datasets is not None and not self.datasets:
            raise ValueError("A stage of train.curriculum has at least one dataset; leave `datasets` out for all.")
        bad = {name: parts for name, parts in (self.datasets or {}).items() if not 0 < parts < float("inf")}
        if bad:
            raise ValueError(f"Parts of a stage's datasets are positive and finite; got {bad}. Leave a dataset out.")


@dataclass(frozen=True)
class Written:
    """Shows what the stages say: here, other than in all other curricula, these decide how much as well as when.

    A stage of which a mixture has no dataset is left out, and the others take its place in proportion.
    """

    stages: tuple[Stage, ...]
    needs: ClassVar[frozenset[Need]] = frozenset({"several"})
    pacing: ClassVar[Pace | None] = None

    def __post_init__(self) -> None:
        ends = [stage.until for stage in self.stages]
        if not ends or ends != sorted(set(ends)) or ends[-1] != 1:
            raise ValueError(
                f"Stages of train.curriculum end one after another, the last until 1; got until {ends}. Add or mend "
                "the last stage."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The datasets of all stages."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.datasets or ()))

    def phases(self, facts: Facts) -> tuple[Phase, ...]:
        """Gives the stages that have a dataset of the mixture."""
        starts = [0.0, *(stage.until for stage in self.stages)]
        kept = []
        for start, stage in zip(starts, self.stages, strict=False):
            parts = stage.datasets or dict.fromkeys(facts.wanted, 1.0)
            raised = {name: parts[name] * share for name, share in facts.wanted.items() if name in parts}
            if raised:
                kept.append((stage.until - start, raised))
        total, done, phases = sum(length for length, _ in kept), 0.0, []
        for length, raised in kept:
            done += length / total
            phases.append(Phase(done, {name: share / sum(raised.values()) for name, share in raised.items()}))
        return (*phases[:-1], Phase(1.0, phases[-1].shares))
