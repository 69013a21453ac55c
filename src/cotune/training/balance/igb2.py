"""Improvable gap balancing, second version: a soft actor-critic chooses the weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, softmax, told


@dataclass(frozen=True)
class ImprovableGapAgent:
    """Weights on the logarithms of the losses that an agent chooses; it is rewarded if every loss falls.

    Source: Dai, Fei and Lu (2023), "Improvable Gap Balancing for Multi-Task Learning", IGB v2: state is the losses,
    action K * softmax(u) with u from the actor's Gaussian, reward the least of (loss before - loss) / base loss; random
    weights at first. The base is the mean of the first `warmup` steps (the released code: of its second epoch). The
    agent is in `soft_actor_critic`, smaller than the paper's and, since our trainings are short, updated `updates`
    times every step with a larger `lr` on fewer transitions. It is still far from the thousands of steps of the paper.
    """

    warmup: int = 5
    explore: float = 0.3
    lr: float = 3e-3
    hidden: int = 32
    batch: int = 32
    updates: int = 2
    floor: float = 1e-3
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        positive = {"warmup": self.warmup, "lr": self.lr, "hidden": self.hidden, "batch": self.batch}
        at_least_0 = {"explore": self.explore, "updates": self.updates}
        check_options("igb2", positive={**positive, "floor": self.floor}, at_least_0=at_least_0)

    def start(self, tasks: Tasks) -> State:
        """Gives a base that is still to be measured, no transitions, and no agent before it is needed."""
        count = len(tasks.names)
        return {"sum": np.zeros(count), "count": np.zeros(1), "met": np.zeros((0, 3 * count + 1))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights; before that the agent learns from what its last ones did."""
        losses = told(signals.losses).clip(min=self.floor)
        rng = np.random.default_rng([signals.seed, signals.step, 0x5AC])
        state = self._remembered(losses, state)
        is_random = signals.step <= max(self.warmup, round(self.explore * signals.steps))
        if is_random or len(state["met"]) < 2:
            action = softmax(rng.standard_normal(len(losses)))
        else:
            action, state = self._chosen(losses, state, rng)
        state = {**state, "losses": losses, "action": action}
        return Answer(weights=action / losses), state

    def _remembered(self, losses: Array, state: State) -> State:
        """Gives the state with these losses in the base, and with what the last action led to."""
        if state["count"][0] < self.warmup:
            return {**state, "sum": state["sum"] + losses, "count": state["count"] + 1}
        base = state["sum"] / state["count"]
        reward = ((state["losses"] - losses) / base).min()
        line = np.concatenate([state["losses"], len(losses) * state["action"], [reward], losses])
        return {**state, "met": np.vstack([state["met"], line])}

    def _chosen(self, losses: Array, state: State, rng: np.random.Generator) -> tuple[Array, State]:
        from cotune.training.balance.soft_actor_critic import Agent, begun, chosen, improved

        agent = Agent(len(losses), self.hidden, self.lr)
        mind = {name: array for name, array in state.items() if name.startswith("agent_")} or begun(agent, rng)
        for _ in range(self.updates):
            rows = rng.integers(len(state["met"]), size=self.batch)
            mind = improved(agent, mind, state["met"][rows], rng)
        return chosen(agent, mind, losses, rng), {**state, **mind}
