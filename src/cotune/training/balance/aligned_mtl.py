"""Aligned-MTL: the principal components of the gradients get equal length."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, spread
from cotune.training.balance.gramian import need, preferences, torchjd_weights


@dataclass(frozen=True)
class AlignedMTL:
    """Weights sqrt(smallest eigenvalue) * V S^-1 V' p, V S^2 V' the products of gradients, p the preferences.

    Source: Senushkin et al. (2023), "Independent Component Alignment for Multi-Task Learning", algorithm 1, by torchjd.
    Preferences are of datasets, 1 unless named, scaled to sum 1.
    """

    preferences: Mapping[str, float] = field(default_factory=dict)
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients"})

    def __post_init__(self) -> None:
        need("aligned_mtl", "torchjd")
        check_options("aligned_mtl", positive=self.preferences)

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights under which the gradients make the merged one."""
        wanted = preferences(self.preferences, signals)
        weights = torchjd_weights("AlignedMTLWeighting", signals, wanted=wanted)
        return Answer(weights=spread(weights, signals.present)), state
