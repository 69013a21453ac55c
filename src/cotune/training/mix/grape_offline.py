"""GRAPE without gradients: what helps the targets that improve slowest is read off the history of losses."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range, raised
from cotune.training.mix.grape import targets_of, unit_size


@dataclass(frozen=True)
class GrapeOffline:
    """Shares a and weights z of the targets as under `grape`, from rates of improvement in place of gradient products.

    At each look z_n <- z_n exp(-eta_targets r_n), scaled to sum 1, with the rate r_n = (last loss - loss) / last loss.
    Source: Fan et al. (2025), "GRAPE", the variant `grape_offline` of its released code, whose rate has the other sign,
    so that it raises the fastest there; we follow the paper, which raises the slowest.

    The released code takes gradients for a even then; how we do without is our own. In a round of as many windows as
    datasets, in an order drawn anew, window k is drawn by (1 - explore) a + explore e_k. To first order its r_n are
    (1 - explore) <grad log l_n, sum_j a_j g_j> + explore <grad log l_n, g_k>, so that at the end of the round
    c_k = sum_n z_n r_n, less the mean over windows, stands for the product there: a_k <- a_k exp(eta_sources c_k). As
    in `grape`, rates and c are divided by the largest size among them, and without a target all are. A window of a step
    or two shows little but noise.
    """

    eta_sources: float = 0.5
    eta_targets: float = 0.5
    explore: float = 0.25
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def __post_init__(self) -> None:
        check_range("grape_offline", {"eta_sources": self.eta_sources, "eta_targets": self.eta_targets}, low=0)
        check_range("grape_offline", {"explore": self.explore}, low=0, high=1)

    def start(self, tasks: Tasks, shares: Array) -> State:
        """Gives the mixture's shares and equal weights of the targets, before the first window."""
        count, targets = len(tasks.names), targets_of(tasks)
        state = {"shares": shares, "targets": targets / targets.sum(), "rates": np.zeros((count, count))}
        return state | {"before": np.zeros(count), "window": np.array([-1.0]), "order": np.arange(float(count))}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares of the window that a step is in."""
        if signals.validation is not None:
            state = self._next(signals, signals.validation, state)
        count, favoured = len(state["order"]), int(state["order"][int(state["window"][0])])
        ways = (1 - self.explore) * state["shares"] + self.explore * np.eye(count)  # [window, task]
        return Answer(ways[favoured], expected=ways.mean(axis=0)), state

    def _next(self, signals: Signals, losses: Array, state: State) -> State:
        """Gives the state in the next window, with what the last one showed."""
        window, order, count = int(state["window"][0]), state["order"], len(losses)
        shares, targets, rates = state["shares"], state["targets"], state["rates"]  # [task, window]
        if window >= 0:
            rates = rates.copy()
            rates[:, int(order[window])] = (state["before"] - losses) / np.maximum(state["before"], 1e-12)
            targets = raised(targets, -self.eta_targets * unit_size(rates[:, int(order[window])] * (targets > 0)))
        if window == count - 1:
            gains = targets @ rates
            shares = raised(shares, self.eta_sources * unit_size(gains - gains.mean()))
        window = (window + 1) % count
        if window == 0:
            order = signals.rng.permutation(count).astype(np.float64)
        kept = {"shares": shares, "targets": targets, "rates": rates, "before": losses}
        return kept | {"window": np.array([float(window)]), "order": order}
