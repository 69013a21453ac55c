"""The choice of a balancer: its name and options in the settings, and the object that they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from cotune.training.balance.contract import Balancer
from cotune.training.options import Option, build

EQUAL = "equal"
PLACES: Mapping[str, str] = {
    "importance": "importance:Importance",
    "inverse_size": "inverse_size:InverseSize",
    "class_frequency": "class_frequency:ClassFrequency",
    "density_ratio": "density_ratio:DensityRatio",
    "mftcoder": "mftcoder:MFTCoder",
    "mftcoder_convergence": "mftcoder_convergence:MFTCoderConvergence",
    "focal": "focal:Focal",
    "uncertainty": "uncertainty:Uncertainty",
    "uncertainty_optimal": "uncertainty_optimal:UncertaintyOptimal",
    "uncertainty_softmax": "uncertainty_softmax:UncertaintySoftmax",
    "dwa": "dwa:DynamicWeightAverage",
    "coba": "coba:CoBa",
    "igb": "igb:ImprovableGap",
    "igb2": "igb2:ImprovableGapAgent",
    "famo": "famo:Famo",
    "gradnorm": "gradnorm:GradNorm",
    "sample_reweighting": "sample_reweighting:SampleReweighting",
    "group_dro": "group_dro:GroupDro",
    "mt_isa": "mt_isa:MtIsa",
    "private": "private:Private",
    "pcgrad": "pcgrad:PCGrad",
    "mgda": "mgda:MGDA",
    "cagrad": "cagrad:CAGrad",
    "nash_mtl": "nash_mtl:NashMTL",
    "aligned_mtl": "aligned_mtl:AlignedMTL",
    "upgrad": "upgrad:UPGrad",
    "arml": "arml:Arml",
}
"""Module and class of each balancer, below this package; `equal` is none, and costs nothing."""


@dataclass(frozen=True)
class Balance:
    """Which balancer merges the tasks' losses, with its options; `equal` weighs all answer tokens of a batch alike.

    Balancers that look at validation losses measure them on `rows` train rows of each dataset that are then not trained
    on, every `every` steps.
    """

    name: str = EQUAL
    options: Mapping[str, Option] = field(default_factory=dict)
    every: int = 10
    rows: int = 16

    def __post_init__(self) -> None:
        if self.every < 1 or self.rows < 1:
            raise ValueError(f"every and rows of train.balancer are >= 1; got {self.every} and {self.rows}.")
        made(self)  # a wrong name or option shows before anything is loaded


def made(choice: Balance) -> Balancer | None:
    """Gives the balancer that was chosen; None stands for equal weights.

    Raises:
        ValueError: no such balancer, no such option, or a value out of its range.
    """
    if choice.name == EQUAL:
        if choice.options:
            raise ValueError(f"Balancer 'equal' has no options; got {sorted(choice.options)}.")
        return None
    places = {name: f"cotune.training.balance.{place}" for name, place in PLACES.items()}
    return cast(Balancer, build("Balancer", choice.name, choice.options, places, none=EQUAL))
