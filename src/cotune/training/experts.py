"""Models with experts: which of their linear modules are routers, and which peft takes for parts of experts."""

from collections.abc import Iterable

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

ROUTERS = frozenset({"gate", "router"})
"""What families call the module that chooses the experts of a token."""


def has_experts(module: PreTrainedModel) -> bool:
    """Tells whether a model keeps the weights of its experts in one parameter, [expert, out, in]."""
    return any(weight.dim() == 3 for weight in module.parameters())


def without_routers(names: Iterable[str]) -> list[str]:
    """Gives the full names of modules that are no part of a router.

    >>> without_routers(["layers.0.mlp.router", "layers.0.mlp.gate.wg", "layers.0.mlp.shared_expert.gate_proj"])
    ['layers.0.mlp.shared_expert.gate_proj']
    """
    return [name for name in names if not ROUTERS & set(name.split("."))]


def mistaken(config: PreTrainedConfig, names: Iterable[str]) -> list[str]:
    """Gives which last names of linear modules peft takes for parts of experts, in a model of this configuration.

    In some families it takes a shared expert's or a dense layer's `down_proj` for the experts' own, and adapts those of
    all layers instead (https://github.com/huggingface/peft/issues/3711).
    """
    return [name for name in sorted(set(names)) if not _is_adapted(config, name)]


def _is_adapted(config: PreTrainedConfig, name: str) -> bool:
    """Tells it by a model of one module, since peft changes what it is given."""
    part, probe = nn.Module(), nn.Module()
    part.add_module(name, nn.Linear(1, 1))
    probe.add_module("mlp", part)
    probe.config = config
    try:
        inject_adapter_in_model(LoraConfig(r=1, target_modules=[f"mlp.{name}"]), probe)
    except ValueError:  # nothing is left that it would adapt
        return False
    return isinstance(part.get_submodule(name), BaseTunerLayer)
