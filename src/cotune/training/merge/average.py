"""The average of task vectors.

Model averaging (Wortsman et al., 2022, "Model soups", section 2; Ilharco et al., 2023, "Editing Models with Task
Arithmetic", section 2) is one turn of it: theta + scale * mean_t (theta_t - theta). Turn after turn it is ATM (Zhou et
al., 2024, "ATM: Improving Model Merging by Alternating Tuning and Merging", section 4). With `scale` the number of
datasets it is the sum of task arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cotune.training.lora_factors import Factors, joined
from cotune.training.merge.contract import Differences


@dataclass(frozen=True)
class Average:
    """Adds `scale` times the weighted mean of what each dataset changed."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"Option 'scale' of merger 'average' is > 0 and finite; got {self.scale}.")

    def merge(
        self, start: Differences, tuned: Mapping[str, Differences], weights: Mapping[str, float]
    ) -> dict[str, Factors]:
        """Gives (1 - scale) * start + scale * sum_t w_t tuned_t, with weights that sum to 1."""
        total = sum(weights[name] for name in tuned)
        parts = {name: self.scale * weights[name] / total for name in tuned}
        return {
            module: joined([(1 - self.scale, own), *((parts[name], tuned[name][module]) for name in tuned)])
            for module, own in start.items()
        }
