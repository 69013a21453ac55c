"""The setup of a study's training: model, tasks, targets and all settings, checked together."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cotune.problem import check_names
from cotune.task import Task
from cotune.tasks.metrics import check_metric
from cotune.training.balance.choice import Balance, needs_of
from cotune.training.balance.contract import UNDROPPED
from cotune.training.balance.fitting import check_fit
from cotune.training.curriculum.choice import Curriculum
from cotune.training.curriculum.fitting import check_curriculum
from cotune.training.loss.choice import PLAIN
from cotune.training.loss.fitting import check_losses
from cotune.training.merge.choice import Merging
from cotune.training.merge.fitting import check_merging
from cotune.training.mix.choice import FIXED, Mixing
from cotune.training.mix.fitting import check_fit as check_mixing
from cotune.training.settings import Budget, Lora, Scoring, SizePolicy, Train

SCORES_VERSION = 3
"""Raised by hand whenever a change of the code changes a trial's scores beyond rounding."""

PASSING = frozenset(
    {"device", "threads", "gradient_checkpointing", "trunk", "device_map", "processes", "width", "compile"}
)
"""Keys of `train` that change no score beyond rounding."""

LATER = frozenset({"load_in_4bit", "load_in_8bit", "loss_options", "lr", "costs"})
"""Keys of `train` and its overrides that came later; left out while they are off, so that older studies go on."""


@dataclass(frozen=True)
class Setup:
    """Everything that a trial's scores hang on, but the request and the content of the data."""

    model: str
    tasks: tuple[Task, ...]
    targets: tuple[str, ...]
    budget: Budget
    size_policy: SizePolicy
    lora: Lora
    train: Train
    scoring: Scoring
    cache: Path | None

    def __post_init__(self) -> None:
        names = [task.name for task in self.tasks]
        check_names([*self.targets, *self.scoring.metric_for], names)
        check_names(self.train.weights, names, "train.weights")
        check_names(self.train.overrides, names, "train.overrides")
        if not self.targets:
            raise ValueError(f"A fine-tuning has at least one target; name one or more of {names}.")
        if self.train.bits and self.lora.method == "full":
            raise ValueError(
                f"lora.method 'full' trains the model's own weights, which train.load_in_{self.train.bits}bit fixes in "
                f"{self.train.bits} bits. Use method: lora, or leave load_in_{self.train.bits}bit out."
            )
        if self.train.processes > 1 and self.lora.dropout > 0:
            raise ValueError("train.processes above 1 draw dropout each for itself; lora.dropout must be 0 with them.")
        if self.train.processes > 1 and self.train.device_map:
            raise ValueError("train.processes each load the model whole; device_map splits one. Keep one of the two.")
        if self.train.trunk == "on" and self.lora.top is None:
            raise ValueError(
                "train.trunk 'on' keeps what frozen layers give; lora.layers 'all' leaves none. Use top-N."
            )
        if self.train.compile == "on" and self.lora.dropout > 0:
            raise ValueError("train.compile 'on' would drop out others than without; lora.dropout must be 0 with it.")
        if not self.model:
            raise ValueError("A model is a local folder, a hub id or 'embedded'; got nothing.")
        check_fit(self.train.balancer, self.tasks, self.targets)
        check_mixing(self.train.mixing, self.tasks, self.targets)
        check_curriculum(self.train.curriculum, names, self.targets)
        check_merging(self.train, self.lora, self.scoring, names)
        check_losses(self.train, self.tasks)
        self._check_balancer()
        for task in self.tasks:
            if task.name in self.measured:
                _check_scored(task)

    def _check_balancer(self) -> None:
        if self.train.compares and self._balancer_needs & {"clipped", "hidden", "saliency", "teachers"}:
            raise ValueError(
                f"Balancer {self.train.balancer.name!r} looks at rows, tokens or packs by themselves; losses that "
                "compare rows need whole batches. Choose another loss or balancer."
            )
        if self.lora.method == "full" and self.lora.top is None and self._balancer_needs & {"hidden", "saliency"}:
            raise ValueError(
                f"Balancer {self.train.balancer.name!r} merges gradients under the output layer, which lora.method "
                "'full' with layers 'all' trains as well. Use top-N, or method: lora."
            )
        texts = sorted(task.name for task in self.tasks if task.kind == "text")
        if texts and "clipped" in self._balancer_needs:
            raise ValueError(
                f"Balancer {self.train.balancer.name!r} hides single examples, but a text of {texts} may be several of "
                "them. Leave these out of the pool, or choose another balancer."
            )
        own = sorted(task.name for task in self.tasks if self.train.weight(task.name) != 1)
        if own and "clipped" in self._balancer_needs:
            raise ValueError(
                f"Balancer {self.train.balancer.name!r} weighs datasets by their sizes alone, or rows would hide "
                f"behind less noise than it says; {own} have a weight or rate of their own. Leave these out of train."
            )

    @property
    def _balancer_needs(self) -> frozenset[str]:
        return needs_of(self.train.balancer)

    @property
    def runs_alone(self) -> bool:
        """Whether trials run one by one wherever they run.

        A balancer or a mixer weighs the batch of one trial; a merger trains several adapters in turn; some losses need
        more than the logits; a look at a curve comes in the middle of a training.
        """
        train = self.train
        is_guided = train.balancer.is_on or train.mixing.name != FIXED or train.merging.is_on or self.scoring.curve > 0
        is_large = train.processes > 1 or train.gradient_checkpointing or self.lora.method == "full"
        return is_guided or is_large or any(train.loss_of(task.name) not in PLAIN for task in self.tasks)

    @property
    def measured(self) -> frozenset[str]:
        """Names of the tasks that get their metric."""
        return frozenset((*self.targets, *self.scoring.metric_for))

    def task(self, name: str) -> Task:
        """Gives the task `name`."""
        return next(task for task in self.tasks if task.name == name)

    def to_json(self) -> dict[str, object]:
        """Gives what makes scores comparable; device, threads and what saves memory only say where and how it ran."""
        train = {name: value for name, value in asdict(self.train).items() if name not in PASSING}
        train = {**_in_use(train), "balancer": self._balancer_to_json()}
        if not train["balancer"]:
            del train["balancer"]  # as it was before there were any
        if self.train.parts_of == "tokens":
            del train["parts_of"]
        if self.train.mixing == Mixing():
            del train["mixing"]
        if self.train.curriculum == Curriculum():
            del train["curriculum"]
        if self.train.merging == Merging():
            del train["merging"]
        train["weights"] = dict(sorted(train["weights"].items()))
        train["overrides"] = {name: _in_use(own) for name, own in sorted(train["overrides"].items())}
        scoring = asdict(self.scoring)
        del scoring["batch"], scoring["metric_for"], scoring["curve"]
        return {
            "scores_version": SCORES_VERSION,
            "budget": {self.budget.kind: self.budget.amount},
            "size_policy": asdict(self.size_policy),
            "lora": asdict(self.lora),
            "train": train,
            "scoring": {**scoring, "measured": sorted(self.measured)},
            **({"dropout": self._dropout()} if self.lora.dropout else {}),  # once it was active in scoring too
        }

    def _balancer_to_json(self) -> dict[str, object]:
        """Gives what of the balancer changes scores; what came later is left out while it is off."""
        chosen = replace(self.train.balancer, conflicts=0)
        later = {"conflicts"} | ({"at"} if chosen.at == Balance().at else set())
        return {} if chosen == Balance() else {key: value for key, value in asdict(chosen).items() if key not in later}

    def _dropout(self) -> str:
        looks = ", and off where a balancer looks" if self._balancer_needs & UNDROPPED else ""  # once it was on there
        return f"in training only{looks}"


def _in_use(section: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if value or name not in LATER}


def _check_scored(task: Task) -> None:
    try:
        check_metric(task.kind, task.metric)
    except ValueError as error:
        raise ValueError(f"Dataset {task.name!r}: {error}") from None
    if not task.rows.get("dev"):
        raise ValueError(
            f"{task.name!r} is to be scored but has no dev rows. Add a dev split, or let one be made from train."
        )
