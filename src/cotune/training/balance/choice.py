"""The choice of a balancer: its name and options in the settings, and the object that they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from cotune.training.balance.contract import Balancer, Need
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
    "difficulty": "difficulty:Difficulty",
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
    "multibalance": "multibalance:MultiBalance",
    "hyper_gradient": "hyper_gradient:HyperGradient",
    "task_sam": "task_sam:TaskSam",
    "rep_mtl": "rep_mtl:RepMtl",
    "dot": "dot:Dot",
}
"""Module and class of each balancer, below this package; `equal` is none, and costs nothing."""


@dataclass(frozen=True)
class Balance:
    """Which balancer merges the tasks' losses, with its options; `equal` weighs all answer tokens of a batch alike.

    Balancers that look at validation losses measure them on `rows` train rows of each dataset that are then not trained
    on, every `every` steps. Those that merge gradients take them of the trained parameters, or with `at="hidden"` of
    the hidden state under the output layer, in one backward pass. `conflicts` is every how many steps the cosines
    between the tasks' gradients are taken for the record, 0 for never; it changes nothing.
    """

    name: str = EQUAL
    options: Mapping[str, Option] = field(default_factory=dict)
    every: int = 10
    rows: int = 12
    at: Literal["parameters", "hidden"] = "parameters"
    conflicts: int = 0

    def __post_init__(self) -> None:
        if self.every < 1 or self.rows < 1:
            raise ValueError(f"every and rows of train.balancer are >= 1; got {self.every} and {self.rows}.")
        if self.conflicts < 0:
            raise ValueError(f"train.balancer.conflicts is a number of steps, 0 for never; got {self.conflicts}.")
        if self.at not in ("parameters", "hidden"):
            raise ValueError(f"train.balancer.at is one of ['parameters', 'hidden']; got {self.at!r}.")
        balancer = made(self)  # a wrong name or option shows before anything is loaded
        if self.at == "hidden" and not _merges(balancer):
            raise ValueError(
                f"train.balancer.at 'hidden' is for balancers that merge gradients; {self.name!r} is none, or needs "
                "those of the parameters. Leave it out."
            )

    @property
    def is_on(self) -> bool:
        """Whether a training is any of its business."""
        return self.name != EQUAL or self.conflicts > 0


def made(choice: Balance) -> Balancer | None:
    """Gives the balancer that was chosen; None stands for equal weights.

    Raises:
        ValueError: no such balancer, no such option, or a value out of its range.
    """
    places = {name: f"cotune.training.balance.{place}" for name, place in PLACES.items()}
    return cast(Balancer | None, build("Balancer", choice.name, choice.options, places, none=EQUAL))


def needs_of(choice: Balance) -> frozenset[Need]:
    """Gives what is to be computed for the balancer that was chosen."""
    balancer = made(choice)
    if balancer is None:
        return frozenset()
    return balancer.needs | ({"hidden"} if choice.at == "hidden" else frozenset())


def renamed(choice: Balance, name: str) -> Balance:
    """Gives the choice of another balancer, with its default options; `at` and the rest stay where they suit it.

    Raises:
        ValueError: no such balancer.
    """
    plain = replace(choice, name=name, options={}, at="parameters")
    return replace(plain, at=choice.at) if _merges(made(plain)) else plain


def _merges(balancer: Balancer | None) -> bool:
    """Tells whether what merges gradients could do so at the hidden state."""
    needs = balancer.needs if balancer else frozenset()
    return "gradients" in needs and not needs & {"ahead", "held_gradient", "clipped"}
