"""Settings of a fine-tuning: budget, size policy, adapter, training and scoring, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cotune.training.balance.choice import Balance
from cotune.training.checks import check_choice, check_positive
from cotune.training.curriculum.choice import Curriculum
from cotune.training.loss.choice import BY_BATCH, LOSSES, OPTIONS, Loss, check_loss_options
from cotune.training.merge.choice import Merging
from cotune.training.mix.choice import FIXED, Mixing
from cotune.training.task_train import TaskTrain

MOST_POINTS = 8
"""Most points of a learning curve: the first is then after 1/256 of the budget."""


@dataclass(frozen=True)
class Budget:
    """How much every trial trains: tokens, examples or steps; or epochs, when more data may mean more training.

    >>> Budget(tokens=50_000).kind
    'tokens'
    """

    tokens: int | None = None
    examples: int | None = None
    steps: int | None = None
    epochs: float | None = None

    def __post_init__(self) -> None:
        given = {name: amount for name, amount in self._amounts.items() if amount is not None}
        if len(given) != 1:
            raise ValueError(
                f"A budget is exactly one of tokens, examples, steps, epochs; got {given or 'none'}. Keep one of them."
            )
        check_positive("budget", given)

    @property
    def _amounts(self) -> dict[str, float | None]:
        return {"tokens": self.tokens, "examples": self.examples, "steps": self.steps, "epochs": self.epochs}

    @property
    def kind(self) -> Literal["tokens", "examples", "steps", "epochs"]:
        """Which of the four it counts."""
        if self.tokens is not None:
            return "tokens"
        if self.examples is not None:
            return "examples"
        return "steps" if self.steps is not None else "epochs"

    @property
    def amount(self) -> float:
        """How many tokens, examples, steps or epochs."""
        return float(self._amounts[self.kind] or 0.0)


@dataclass(frozen=True)
class SizePolicy:
    """How training tokens are shared out: a task's share is proportional to its parts times a base.

    The base is 1 (`equal`), the task's tokens (`proportional`), or its tokens to the power 1 / temperature.
    `cap_epochs` bounds how often a row is repeated; what a capped task may not take goes to the others.
    """

    kind: Literal["equal", "proportional", "temperature"] = "equal"
    temperature: float = 1.0
    cap_epochs: float | None = None

    def __post_init__(self) -> None:
        check_choice("size_policy", self.kind, ("equal", "proportional", "temperature"))
        check_positive("size_policy", {"temperature": self.temperature, "cap_epochs": self.cap_epochs})


@dataclass(frozen=True)
class Lora:
    """What is trained: a LoRA adapter, or with `method="full"` the weights themselves, of the top or all layers.

    `layers` is "all" or "top-N"; `modules` is "all-linear" or the last names of linear modules, as in peft.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    layers: str = "top-6"
    modules: str | tuple[str, ...] = "all-linear"
    method: Literal["lora", "full"] = "lora"

    def __post_init__(self) -> None:
        check_choice("lora.method", self.method, ("lora", "full"))
        check_positive("lora", {"rank": self.rank, "alpha": self.alpha})
        if not 0 <= self.dropout < 1:
            raise ValueError(f"lora.dropout is in [0, 1); got {self.dropout}.")
        if isinstance(self.modules, str) and self.modules != "all-linear":
            raise ValueError(f"lora.modules is 'all-linear' or a list of module names; got {self.modules!r}.")
        if not self.modules:
            raise ValueError("lora.modules names at least one module; got an empty list. Use 'all-linear'.")
        self.top  # noqa: B018  (raises where the text is wrong)

    @property
    def top(self) -> int | None:
        """How many layers from the top are trained; None means all."""
        if self.layers == "all":
            return None
        head, _, count = self.layers.partition("-")
        if head != "top" or not count.isdecimal() or int(count) < 1:
            raise ValueError(f"lora.layers is 'all' or 'top-N' with N >= 1; got {self.layers!r}.")
        return int(count)


@dataclass(frozen=True)
class Train:
    """How it is trained: rate, schedule, batch, length, loss, and what single tasks do differently.

    `warmup` below 1 is a fraction of the steps, from 1 on a number of steps. A batch is counted in tokens (1024 unless
    said otherwise) or in examples. `weights` multiplies the losses of single tasks, e.g. {"a": 2}; with `parts_of` set
    to "losses" a mixture's parts do, and no longer say how much is trained of each. `balancer` says how losses are
    weighed while training goes on, `mixing` how often tasks are drawn, `curriculum` when each is shown, `merging`
    whether each is trained by itself. `width` is how many trials of a batch train side by side: a number, or "auto" for
    what fits into memory and pays.
    """

    lr: float = 2e-3
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    warmup: float = 0.1
    batch_tokens: int | None = None
    batch_examples: int | None = None
    max_length: int = 256
    weight_decay: float = 0.0
    clip: float | None = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    loss: Loss = "cross_entropy"
    smoothing: float = 0.1
    focal_gamma: float = 2.0
    loss_options: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    parts_of: Literal["tokens", "losses"] = "tokens"
    overrides: Mapping[str, TaskTrain] = field(default_factory=dict)
    balancer: Balance = field(default_factory=Balance)
    mixing: Mixing = field(default_factory=Mixing)
    curriculum: Curriculum = field(default_factory=Curriculum)
    merging: Merging = field(default_factory=Merging)
    prompt_style: Literal["auto", "chat", "plain"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    threads: int | None = None
    gradient_checkpointing: bool = False
    load_in_4bit: bool = False
    load_in_8bit: bool = False
    trunk: Literal["auto", "on", "off"] = "auto"
    device_map: Literal["auto"] | None = None
    processes: int = 1
    width: int | str = "auto"
    compile: Literal["auto", "on", "off"] = "auto"

    def __post_init__(self) -> None:
        check_choice("train.schedule", self.schedule, ("cosine", "linear", "constant"))
        check_choice("train.loss", self.loss, LOSSES)
        check_choice("train.parts_of", self.parts_of, ("tokens", "losses"))
        check_choice("train.prompt_style", self.prompt_style, ("auto", "chat", "plain"))
        check_choice("train.trunk", self.trunk, ("auto", "on", "off"))
        check_choice("train.compile", self.compile, ("auto", "on", "off"))
        check_choice("train.dtype", self.dtype, ("auto", "float32", "bfloat16", "float16"))
        names = ("lr", "batch_tokens", "batch_examples", "max_length", "clip", "threads", "processes")
        check_positive("train", {name: vars(self)[name] for name in names})
        check_positive("train.weights", self.weights)
        if self.batch_tokens is not None and self.batch_examples is not None:
            raise ValueError("A batch is counted in train.batch_tokens or train.batch_examples; got both. Keep one.")
        if self.load_in_4bit and self.load_in_8bit:
            raise ValueError("A model has 4-bit or 8-bit weights; got both train.load_in_4bit and 8bit. Keep one.")
        if self.width != "auto" and (not isinstance(self.width, int) or self.width < 1):
            raise ValueError(f"train.width is 'auto' or a whole number of trials >= 1; got {self.width!r}.")
        if self.processes > 1 and self.balancer.is_on:
            raise ValueError(
                f"Balancer {self.balancer.name!r} looks at whole batches, of which train.processes {self.processes} "
                "each see a part. Leave train.balancer at 'equal' without conflicts, or set train.processes to 1."
            )
        self._check_mixing()
        self._check_parts()
        check_loss_options("train.loss_options", self.loss, self.loss_options)
        for name in self.overrides:
            check_loss_options(f"train.overrides.{name}.loss_options", self.loss_of(name), self.of(name).loss_options)
        if self.processes > 1 and self.compares:
            raise ValueError(
                f"Losses {sorted(BY_BATCH)} compare the rows of whole batches, of which train.processes "
                f"{self.processes} each see a part. Choose another loss, or set train.processes to 1."
            )
        if self.max_length < 16:
            raise ValueError(f"train.max_length is >= 16 tokens; got {self.max_length}.")
        unit = {"smoothing": self.smoothing, "betas[0]": self.betas[0], "betas[1]": self.betas[1]}
        bad = {name: value for name, value in unit.items() if not 0 <= value < 1}
        if bad:
            raise ValueError(f"These of train are in [0, 1): {sorted(unit)}; got {bad}.")
        low = {"warmup": self.warmup, "weight_decay": self.weight_decay, "focal_gamma": self.focal_gamma}
        negative = {name: value for name, value in low.items() if not 0 <= value < float("inf")}
        if negative:
            raise ValueError(f"These of train are >= 0: {sorted(low)}; got {negative}.")

    def _check_mixing(self) -> None:
        others = {
            "train.processes above 1": self.processes > 1,
            f"balancer {self.balancer.name!r}": self.balancer.is_on,
            f"curriculum {self.curriculum.name!r}": self.curriculum != Curriculum(),
        }
        other = next((name for name, is_on in others.items() if is_on), None)
        if self.mixing.name != FIXED and other:
            raise ValueError(
                f"Mixing {self.mixing.name!r} draws and weighs whole batches itself and does not go with {other}. "
                "Leave one of the two out."
            )

    def _check_parts(self) -> None:
        others = {
            "train.weights": bool(self.weights),
            "weights in train.overrides": any(own.weight != 1 for own in self.overrides.values()),
            f"balancer {self.balancer.name!r}": self.balancer.is_on,
            f"mixing {self.mixing.name!r}": self.mixing.name != FIXED,
        }
        other = next((name for name, is_on in others.items() if is_on), None)
        if self.parts_of == "losses" and other:
            raise ValueError(
                f"With train.parts_of 'losses' a mixture says how losses are weighed, which does not go with {other}. "
                "Leave one of the two out."
            )

    @property
    def bits(self) -> int | None:
        """How many bits the frozen model's linear weights are loaded in; None as stored."""
        return 4 if self.load_in_4bit else 8 if self.load_in_8bit else None

    @property
    def compares(self) -> bool:
        """Whether a loss compares the rows of a batch."""
        return not BY_BATCH.isdisjoint({self.loss, *(own.loss for own in self.overrides.values())})

    def weight(self, name: str) -> float:
        """Gives the factor on the loss of task `name`."""
        return self.importance(name) * self.rate_of(name)

    def importance(self, name: str) -> float:
        """Gives the weight of task `name` among all: of its loss but for its rate, or of its task vector in a merge."""
        return self.weights.get(name, 1.0) * self.of(name).weight

    def rate_of(self, name: str) -> float:
        """Gives the factor on the learning rate for what comes from task `name`."""
        return self.of(name).lr or 1.0

    def options_of(self, name: str) -> dict[str, float]:
        """Gives the options of the loss of task `name`: its own, the common ones if it keeps the common loss."""
        common = self.loss_options if self.loss_of(name) == self.loss else {}
        return {**OPTIONS[self.loss_of(name)], **common, **self.of(name).loss_options}

    def loss_of(self, name: str) -> Loss:
        """Gives the loss of task `name`."""
        return self.of(name).loss or self.loss

    def length_of(self, name: str) -> int:
        """Gives the longest example of task `name`, in tokens."""
        return self.of(name).max_length or self.max_length

    def of(self, name: str) -> TaskTrain:
        """Gives what task `name` does differently."""
        return self.overrides.get(name, TaskTrain())


@dataclass(frozen=True)
class Scoring:
    """How a trained model is scored on the dev split.

    `dev_rows` rows of each task are drawn once from `row_seed`. Targets and the tasks in `metric_for` get their metric,
    the others their loss, on `loss_rows` rows where fewer are enough. `max_new_tokens` caps an output; None means the
    task's longest gold answer, at most 128. `batch` bounds how many outputs are decoded together. `curve` adds the dev
    losses of all tasks at so many points before the end, each at half the budget of the next: 3 are 1/8, 1/4 and 1/2.
    """

    dev_rows: int | None = 96
    loss_rows: int | None = None
    row_seed: int = 0
    metric_for: tuple[str, ...] = ()
    classify: Literal["likelihood", "generation"] = "likelihood"
    max_new_tokens: int | None = None
    batch: int = 32
    curve: int = 0

    def __post_init__(self) -> None:
        check_choice("scoring.classify", self.classify, ("likelihood", "generation"))
        amounts = {"dev_rows": self.dev_rows, "loss_rows": self.loss_rows, "batch": self.batch}
        amounts |= {"max_new_tokens": self.max_new_tokens}
        check_positive("scoring", amounts)
        if self.row_seed < 0:
            raise ValueError(f"scoring.row_seed is >= 0; got {self.row_seed}.")
        if not 0 <= self.curve <= MOST_POINTS:
            raise ValueError(f"scoring.curve is a number of points from 0 to {MOST_POINTS}; got {self.curve}.")
