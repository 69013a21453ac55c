"""The choice of a balancer: its name and options in the settings, and the object that they stand for."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from importlib import import_module
from typing import Literal, TypeAlias, cast

from cotune.training.balance.contract import Balancer, Need

Option: TypeAlias = float | int | str | bool | Mapping[str, float]

EQUAL = "equal"
NOUNS = {"float": "number", "int": "whole number", "str": "word", "dict": "mapping from dataset to number"}
PLACES: Mapping[str, str] = {
    "importance": "importance:Importance",
    "inverse_size": "inverse_size:InverseSize",
    "mftcoder": "mftcoder:MFTCoder",
    "focal": "focal:Focal",
    "uncertainty": "uncertainty:Uncertainty",
    "uncertainty_optimal": "uncertainty_optimal:UncertaintyOptimal",
    "uncertainty_softmax": "uncertainty_softmax:UncertaintySoftmax",
    "dwa": "dwa:DynamicWeightAverage",
    "coba": "coba:CoBa",
    "igb": "igb:ImprovableGap",
    "famo": "famo:Famo",
    "gradnorm": "gradnorm:GradNorm",
    "sample_reweighting": "sample_reweighting:SampleReweighting",
    "group_dro": "group_dro:GroupDro",
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
    rows: int = 16
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
        if self.at == "hidden" and (balancer is None or not _merges(balancer.needs)):
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
    if choice.name == EQUAL:
        if choice.options:
            raise ValueError(f"Balancer 'equal' has no options; got {sorted(choice.options)}.")
        return None
    if choice.name not in PLACES:
        near = get_close_matches(choice.name, [EQUAL, *PLACES], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join([EQUAL, *PLACES])}."
        raise ValueError(f"Unknown balancer {choice.name!r}; {hint}")
    module, _, attribute = PLACES[choice.name].partition(":")
    kind = vars(import_module(f"cotune.training.balance.{module}"))[attribute]
    _check_options(choice, {known.name: _default(known) for known in fields(kind)})
    return cast(Balancer, kind(**choice.options))


def needs_of(choice: Balance) -> frozenset[Need]:
    """Gives what is to be computed for the balancer that was chosen."""
    balancer = made(choice)
    if balancer is None:
        return frozenset()
    return balancer.needs | ({"hidden"} if choice.at == "hidden" else frozenset())


def _merges(needs: frozenset[Need]) -> bool:
    return "gradients" in needs and not needs & {"ahead", "held_gradient"}


def _check_options(choice: Balance, defaults: Mapping[str, object]) -> None:
    for key, value in choice.options.items():
        if key not in defaults:
            near = get_close_matches(key, defaults, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(defaults) or 'none'}."
            raise ValueError(f"Balancer {choice.name!r} has no option {key!r}; {known}")
        kind = type(defaults[key]).__name__
        if type(value).__name__ not in (kind, "int" if kind == "float" else kind):
            raise ValueError(f"Option {key!r} of balancer {choice.name!r} is a {NOUNS[kind]}; got {value!r}.")


def _default(known: "Field[object]") -> object:
    return known.default if known.default_factory is MISSING else known.default_factory()
