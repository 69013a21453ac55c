"""UPGrad: each gradient is projected to where no task loses, then the mean is taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import ClassVar

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, spread
from cotune.training.balance.gramian import need, preferences, torchjd_weights


@dataclass(frozen=True)
class UPGrad:
    """The mean of the gradients after each was projected onto the dual cone of all.

    Source: Quinton and Rey (2024), "Jacobian Descent for Multi-Objective Optimization", section 3, by torchjd, with a
    regularisation of 1e-12 in place of 1e-4. Preferences are of datasets, 1 unless named, scaled to sum 1.
    """

    preferences: Mapping[str, float] = field(default_factory=dict)
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients"})

    def __post_init__(self) -> None:
        need("upgrad", "torchjd", "quadprog", "qpsolvers")
        check_options("upgrad", positive=self.preferences)

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights under which the gradients make the merged one."""
        wanted = preferences(self.preferences, signals)
        projector = vars(import_module("torchjd.linalg"))["QuadprogProjector"](norm_eps=1e-30, reg_eps=1e-12)
        weights = torchjd_weights("UPGradWeighting", signals, wanted=wanted, options={"projector": projector})
        return Answer(weights=spread(weights, signals.present)), state
