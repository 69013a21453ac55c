"""A library: several adapters on one frozen model, of which each layer uses one or none."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer

from cotune.training.fused_linear import fuse
from cotune.training.lora_factors import DOWN, PREFIX, UP, Factors
from cotune.training.model import LanguageModel, quiet
from cotune.training.reuse.descent import Pick
from cotune.training.reuse.folders import Stored


class Library:
    """Adapters on a model, and what is chosen of them; see `shelved`."""

    def __init__(self, model: LanguageModel, adapters: Sequence[Stored], parts: dict[str, LoraLayer]) -> None:
        self.model, self.adapters = model, tuple(adapters)
        self._parts = parts
        self._in_layer = _in_layers(model, parts)
        self.options = _options(model, adapters)
        self.choose(self.none)

    @property
    def none(self) -> Pick:
        """The pick of no adapter."""
        return (None,) * len(self.options)

    @property
    def lowest(self) -> int:
        """The lowest layer that an adapter has factors for."""
        return next(layer for layer, adapters in enumerate(self.options) if adapters)

    def whole(self, adapter: int) -> Pick:
        """Gives the pick of all layers of one adapter."""
        return tuple(adapter if adapter in adapters else None for adapters in self.options)

    def choose(self, pick: Pick) -> None:
        """Has each layer use what `pick` says."""
        for parts, adapter in zip(self._in_layer, pick, strict=True):
            for part in parts:
                part.enable_adapters(adapter is not None)
                part.set_adapter(_name(adapter or 0), inference_mode=True)

    def factors(self, pick: Pick) -> dict[str, Factors]:
        """Gives what `pick` uses, by module; the factors as they were stored."""
        found = {}
        for layer, adapter in enumerate(pick):
            if adapter is None:
                continue
            stored = self.adapters[adapter]
            names = layers_of(self.model, stored.modules)
            for name in (name for name, place in names.items() if place == layer):
                down, up = (stored.state[f"{PREFIX}{name}{factor}"] for factor in (DOWN, UP))
                found[name] = Factors(down, up, float(self._parts[name].scaling[_name(adapter)]))
        return found


@contextmanager
def shelved(model: LanguageModel, adapters: Sequence[Stored]) -> Iterator[Library]:
    """Puts `adapters` on `model` as peft puts one that it loads; afterwards the model is what it was.

    It costs the memory of their factors and no copy of the model.

    Raises:
        ValueError: an adapter's weights have another rank than its configuration says.
    """
    try:
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")  # peft's on a second adapter, and on what transformers calls its names
            _mount(model, adapters)
        yield Library(model, adapters, _lora_layers(model))
    finally:
        for name, part in _lora_layers(model).items():
            model.module.set_submodule(name, part.base_layer)
        vars(model.module).pop("peft_config", None)


def layers_of(model: LanguageModel, modules: Sequence[str]) -> dict[str, int]:
    """Gives the layer that each of the named modules is in."""
    wanted = {id(model.module.get_submodule(name)): name for name in modules}
    return {
        wanted[id(part)]: place
        for place, layer in enumerate(model.layers)
        for part in layer.modules()
        if id(part) in wanted
    }


def _mount(model: LanguageModel, adapters: Sequence[Stored]) -> None:
    linear = {name: model.module.get_submodule(name) for stored in adapters for name in stored.modules}
    mounted: PeftModel | None = None
    for number, stored in enumerate(adapters):
        config = _config(stored)
        fuse(config, list(linear.values()))
        if mounted is None:
            mounted = get_peft_model(model.module, config, adapter_name=_name(number)).eval()
        else:
            mounted.add_adapter(_name(number), config)
        _check_ranks(stored, _lora_layers(model), _name(number))
        set_peft_model_state_dict(mounted, dict(stored.state), adapter_name=_name(number))


def _config(stored: Stored) -> LoraConfig:
    """Gives a configuration for the modules that there are weights for, whatever words named them."""
    return replace(
        stored.config,
        target_modules=list(stored.modules),
        exclude_modules=None,
        layers_to_transform=None,
        layers_pattern=None,
        lora_dropout=0.0,
        init_lora_weights=True,
        inference_mode=True,
    )


def _check_ranks(stored: Stored, parts: dict[str, LoraLayer], adapter: str) -> None:
    for name in stored.modules:
        rank = len(stored.state[f"{PREFIX}{name}{DOWN}"])
        if rank != parts[name].r[adapter]:
            raise ValueError(
                f"The adapter {str(stored.folder)!r} has factors of rank {rank} for {name}, its configuration says "
                f"{parts[name].r[adapter]}. Fetch or save it again."
            )


def _lora_layers(model: LanguageModel) -> dict[str, LoraLayer]:
    return {name: part for name, part in model.module.named_modules() if isinstance(part, LoraLayer)}


def _name(adapter: int) -> str:
    """Gives peft's name of an adapter; a label may have dots, which torch forbids."""
    return f"adapter{adapter}"


def _in_layers(model: LanguageModel, parts: dict[str, LoraLayer]) -> list[list[LoraLayer]]:
    """Gives the modules with adapters of each layer."""
    places = layers_of(model, list(parts))
    return [[parts[name] for name, place in places.items() if place == layer] for layer in range(len(model.layers))]


def _options(model: LanguageModel, adapters: Sequence[Stored]) -> tuple[tuple[int, ...], ...]:
    """Gives the adapters that have factors in each layer, lowest first."""
    held = [set(layers_of(model, stored.modules).values()) for stored in adapters]
    return tuple(
        tuple(adapter for adapter, layers in enumerate(held) if layer in layers) for layer in range(len(model.layers))
    )
