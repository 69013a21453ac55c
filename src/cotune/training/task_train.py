"""What one task trains with instead of the common settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cotune.training.checks import check_choice, check_positive
from cotune.training.loss.choice import LOSSES, Loss


@dataclass(frozen=True)
class TaskTrain:
    """What one task trains with instead of the common settings; None keeps the common value.

    `draw` rows of the task always enter a batch together, which makes it the task's own batch size. `lr` is a factor on
    the learning rate for what comes from this task: see `losses.pace`. `costs` says by right and given label what a
    wrong label costs, for the losses `cost_sensitive` and `judged`.
    """

    weight: float = 1.0
    loss: Loss | None = None
    max_length: int | None = None
    draw: int = 1
    lr: float | None = None
    loss_options: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        amounts = {"weight": self.weight, "max_length": self.max_length, "draw": self.draw, "lr": self.lr}
        check_positive("train.overrides", amounts)
        if self.loss is not None:
            check_choice("train.overrides.loss", self.loss, LOSSES)
        bad = {
            one: costs for one, costs in self.costs.items() if not all(0 <= c < float("inf") for c in costs.values())
        }
        if bad or any(costs.get(one, 0) > 0 for one, costs in self.costs.items()):
            raise ValueError(f"Costs are >= 0 and finite, and 0 for the right label; got {dict(self.costs)}.")
