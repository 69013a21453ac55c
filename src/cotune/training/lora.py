"""What is trained: a LoRA adapter that peft puts on the top layers, or with `method="full"` those layers themselves."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch import nn
from transformers.pytorch_utils import Conv1D

from cotune.training.experts import has_experts, mistaken, without_routers
from cotune.training.fused_linear import fuse
from cotune.training.model import LanguageModel, quiet
from cotune.training.settings import Lora

State = dict[str, torch.Tensor]
"""Trained weights by name, on the CPU."""


class Trainee(Protocol):
    """The trainable part of a model."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What an optimiser changes."""
        ...

    def train(self, on: bool) -> None:
        """Switches dropout on for training, or off for scoring, as it is at first."""
        ...

    def state(self) -> State:
        """Gives a copy of the trained weights."""
        ...

    def load(self, state: State) -> None:
        """Sets the trained weights."""
        ...

    def save(self, folder: Path) -> None:
        """Writes them in the form that peft or transformers loads."""
        ...

    def leave(self) -> None:
        """Makes the model what it was before."""
        ...


@contextmanager
def adapted(model: LanguageModel, lora: Lora, *, seed: int, state: State | None = None) -> Iterator[Trainee]:
    """Makes part of `model` trainable, from `seed` or from a trained `state`; afterwards the model is what it was.

    Inside, torch's generator is that of `seed`; outside, it is left as it was.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        trainee: Trainee = _Adapter(model, lora) if lora.method == "lora" else _Weights(model, lora)
        try:
            if state is not None:
                trainee.load(state)
            yield trainee
        finally:
            trainee.leave()


@contextmanager
def still(trainee: Trainee) -> Iterator[None]:
    """Switches dropout off for a look at what is in training."""
    trainee.train(False)
    try:
        yield
    finally:
        trainee.train(True)


def targets(model: LanguageModel, lora: Lora) -> list[str]:
    """Gives the full names of the linear modules that get an adapter; routers get none.

    Raises:
        ValueError: none of the named modules is a linear one in the adapted layers.
    """
    trained = model.layers[model.depth(lora) :]
    inside = {id(part) for layer in trained for part in layer.modules()}
    linear = [
        name
        for name, part in model.module.named_modules()
        if id(part) in inside and isinstance(part, nn.Linear | Conv1D)
    ]
    if has_experts(model.module):
        linear = without_routers(linear)
    chosen = [name for name in linear if lora.modules == "all-linear" or _last(name) in lora.modules]
    if not chosen:
        known = sorted(set(map(_last, linear)))
        raise ValueError(f"lora.modules {list(lora.modules)} are not in this model; its linear modules are {known}.")
    return chosen


def check_targets(model: LanguageModel, lora: Lora) -> None:
    """Checks that an adapter can be put on what `lora` names; it leaves the model alone.

    Raises:
        ValueError: none of the named modules is a linear one in the adapted layers, or peft would adapt others.
    """
    config = model.module.config
    wrong = mistaken(config, map(_last, targets(model, lora)))
    if wrong:
        linear = set(map(_last, targets(model, replace(lora, modules="all-linear"))))
        right = sorted(linear - set(mistaken(config, linear)))
        raise ValueError(
            f"peft {version('peft')} takes the modules {wrong} of this model for parts of its experts and would adapt "
            f"those of all layers. Leave them out, as in lora.modules: {right}."
        )


def _last(name: str) -> str:
    return name.rpartition(".")[2]


class _Adapter:
    """A LoRA adapter on a model; dropout is active in the adapter only."""

    def __init__(self, model: LanguageModel, lora: Lora) -> None:
        names = targets(model, lora)
        self._module = model.module
        self._linear = {name: model.module.get_submodule(name) for name in names}
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=names,
            fan_in_fan_out=isinstance(self._linear[names[0]], Conv1D),
            task_type="CAUSAL_LM",
        )
        fuse(config, list(self._linear.values()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an old name
            self._peft = get_peft_model(model.module, config).eval()
        self._peft.peft_config["default"].base_model_name_or_path = model.name

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The adapter's matrices."""
        return [parameter for parameter in self._peft.parameters() if parameter.requires_grad]

    def train(self, on: bool) -> None:
        """Switches the adapter's dropout on or off."""
        for name, part in self._peft.named_modules():
            if "lora_dropout" in name:
                part.train(on)

    def state(self) -> State:
        """Gives a copy of the adapter's matrices."""
        state = get_peft_model_state_dict(self._peft, save_embedding_layers=False)  # "auto" asks the hub
        return {name: weight.cpu().clone() for name, weight in state.items()}

    def load(self, state: State) -> None:
        """Sets the adapter's matrices."""
        set_peft_model_state_dict(self._peft, state)

    def save(self, folder: Path) -> None:
        """Writes a folder for `PeftModel.from_pretrained`, without peft's empty model card."""
        self._peft.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)

    def leave(self) -> None:
        """Takes the adapter off."""
        for name, part in self._linear.items():  # peft's own unload draws a progress bar
            self._module.set_submodule(name, part)
        vars(self._module).pop("peft_config", None)


class _Weights:
    """The weights of the top layers, or all of them."""

    def __init__(self, model: LanguageModel, lora: Lora) -> None:
        self._model = model
        part = model.module if lora.top is None else model.layers[model.depth(lora) :]
        chosen = {id(parameter) for parameter in part.parameters()}
        self._named = {name: weight for name, weight in model.module.named_parameters() if id(weight) in chosen}
        self._before = self.state()
        for weight in self._named.values():
            weight.requires_grad_(True)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The trained weights."""
        return list(self._named.values())

    def train(self, on: bool) -> None:
        """Does nothing: the model's own dropout is always off."""
        del on

    def state(self) -> State:
        """Gives a copy of the trained weights."""
        return {name: weight.detach().cpu().clone() for name, weight in self._named.items()}

    def load(self, state: State) -> None:
        """Sets the trained weights."""
        with torch.no_grad():
            for name, weight in self._named.items():
                weight.copy_(state[name])

    def save(self, folder: Path) -> None:
        """Writes a whole model folder for `AutoModelForCausalLM.from_pretrained`."""
        with quiet():
            self._model.module.save_pretrained(folder)

    def leave(self) -> None:
        """Puts the old weights back."""
        self.load(self._before)
        for weight in self._named.values():
            weight.requires_grad_(False)
            weight.grad = None
