"""MT-ISA's data-level weights: rows of auxiliary datasets count as far as one can be sure of them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told
from cotune.training.balance.uncertainty import Uncertainty

STRATEGIES = ("output", "input", "both")


@dataclass(frozen=True)
class MtIsa:
    """Weights confidence^power of rows of auxiliary datasets, with mean 1 over those of a batch; targets' rows have 1.

    Source: Lai et al. (2025), "Multi-Task Learning with LLMs for Implicit Sentiment Analysis: Data-level and Task-level
    Automatic Weight Learning", with its three strategies: `output` multiplies a row's loss by its confidence score,
    `input` the representation of what is read, `both` does both. Our readings.

    Output: the confidence is the row's field `confidence` where the dataset has that column, else how likely the model
    itself finds the answer's tokens, on average over the passes so far. The power begins at the paper's 1 and learns by
    the paper's own rule for tasks, taken to rows: gradient steps on loss / (2 v) + log(v) / 2 with the variance
    v = confidence^-power; `lr` 0 keeps it. Where all datasets are targets, all count as auxiliary. `tasks` multiplies
    by the task-level weights, which are those of `uncertainty`.

    Input: what the lowest trained layer is given at the tokens of a row's own prompt (without what all rows of its
    dataset begin with) is multiplied by the field `confidence`, at least `floor`, in training alone. With `lora.layers`
    "all" these are the embeddings, as we understand the paper. Rows without the field stay as they are, since the
    model's own likelihood is known only once it has read them.
    """

    lr: float = 0.1
    floor: float = 1e-3
    tasks: bool = True
    strategy: str = "output"
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "confidences", "scaled"})

    def __post_init__(self) -> None:
        check_options("mt_isa", positive={"floor": self.floor}, at_least_0={"lr": self.lr})
        if self.strategy not in STRATEGIES:
            raise ValueError(
                f"Option 'strategy' of balancer 'mt_isa' is one of {list(STRATEGIES)}; got {self.strategy!r}."
            )

    def start(self, tasks: Tasks) -> State:
        """Gives a power of 1, how inputs are scaled, and the start of the task-level weights."""
        scaling = np.array([0.0 if self.strategy == "output" else 1.0, self.floor])
        return {"power": np.ones(1), "scaling": scaling, **Uncertainty().start(tasks)}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights of the rows; then the power takes a step."""
        auxiliary = signals.tasks.auxiliary[signals.owner]  # [example]
        logs = np.log(told(signals.confidences).clip(self.floor, 1.0))
        raw = np.exp(state["power"] * logs)  # [example]
        factors = np.ones(len(raw))
        power = state["power"]
        if auxiliary.any() and self.strategy != "input":
            factors[auxiliary] = raw[auxiliary] / raw[auxiliary].mean()
            slope = 0.5 * logs * (told(signals.example_losses) * raw - 1)
            power = np.maximum(power - self.lr * slope[auxiliary].mean(), 0.0)
        answer, learned = Uncertainty().weigh(signals, {"log_variance": state["log_variance"]})
        weights = told(answer.weights) if self.tasks else signals.tasks.equal
        total = np.bincount(signals.owner, weights=signals.tokens, minlength=len(weights))
        share = weights[signals.owner] * signals.tokens / total[signals.owner]
        examples = share * factors * weights.sum() / weights[signals.present].sum()
        return Answer(examples=examples), {**state, "power": power, **learned}
