"""MT-ISA's data-level weights: rows of auxiliary datasets count as far as one can be sure of their answers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told
from cotune.training.balance.uncertainty import Uncertainty


@dataclass(frozen=True)
class MtIsa:
    """Weights confidence^power of rows of auxiliary datasets, with mean 1 over those of a batch; targets' rows have 1.

    Source: Lai et al. (2025), "Multi-Task Learning with LLMs for Implicit Sentiment Analysis: Data-level and Task-level
    Automatic Weight Learning", the output strategy: a row's loss is multiplied by its confidence score. Our readings:
    the confidence is the row's field `confidence` where the dataset has that column, else how likely the model itself
    finds the answer's tokens, on average over the passes so far. The power begins at the paper's 1 and learns by the
    paper's own rule for tasks, taken to rows: gradient steps on loss / (2 v) + log(v) / 2 with the variance
    v = confidence^-power; `lr` 0 keeps it. Where all datasets are targets, all count as auxiliary. `tasks` multiplies
    by the task-level weights, which are those of `uncertainty`. Scaling inputs by confidence (the paper's other
    strategies) is not here: there is no generated context to scale.
    """

    lr: float = 0.1
    floor: float = 1e-3
    tasks: bool = True
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "confidences"})

    def __post_init__(self) -> None:
        check_options("mt_isa", positive={"floor": self.floor}, at_least_0={"lr": self.lr})

    def start(self, tasks: Tasks) -> State:
        """Gives a power of 1 and the start of the task-level weights."""
        return {"power": np.ones(1), **Uncertainty().start(tasks)}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights of the rows; then the power takes a step."""
        targets = np.array(signals.tasks.targets)
        auxiliary = np.full(len(signals.owner), True) if targets.all() else ~targets[signals.owner]
        logs = np.log(told(signals.confidences).clip(self.floor, 1.0))
        raw = np.exp(state["power"] * logs)  # [example]
        factors = np.ones(len(raw))
        power = state["power"]
        if auxiliary.any():
            factors[auxiliary] = raw[auxiliary] / raw[auxiliary].mean()
            slope = 0.5 * logs * (told(signals.example_losses) * raw - 1)
            power = np.maximum(power - self.lr * slope[auxiliary].mean(), 0.0)
        answer, learned = Uncertainty().weigh(signals, {"log_variance": state["log_variance"]})
        weights = told(answer.weights) if self.tasks else signals.tasks.equal
        total = np.bincount(signals.owner, weights=signals.tokens, minlength=len(targets))
        share = weights[signals.owner] * signals.tokens / total[signals.owner]
        return Answer(examples=share * factors * weights.sum() / weights[signals.present].sum()), {
            "power": power,
            **learned,
        }
