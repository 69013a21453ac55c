"""A linear layer with a LoRA adapter that adds the adapter's part in the product that makes it."""

from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora.layer import Linear
from torch import nn


class FusedLinear(Linear):  # type: ignore[misc]
    """peft's linear layer; one plain adapter in the dtype of the layer is added by `addmm_`, up to rounding the same.

    peft multiplies and adds what is as large as the layer's output, with a copy each: on a CPU that takes as long as
    the adapter's products. Everything else (another dtype, DoRA, merged, switched off) runs as peft has it.
    """

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Gives the layer's output for [..., in], [..., out]."""
        name = self.active_adapters[0]
        is_plain = len(self.active_adapters) == 1 and name in self.lora_A and name not in self.lora_variant
        if not is_plain or args or kwargs or self.disable_adapters or self.merged:
            return self._as_peft(x, *args, **kwargs)
        down, up = self.lora_A[name], self.lora_B[name]
        if not x.dtype == down.weight.dtype == self.base_layer.weight.dtype or up.bias is not None:
            return self._as_peft(x)
        rows = x.reshape(-1, x.shape[-1])  # a product of two dimensions is no view: adding to it costs no copy
        low = down(self.lora_dropout[name](rows))
        out: torch.Tensor = self.base_layer(rows).addmm_(low, up.weight.t(), alpha=self.scaling[name])
        return out.view(*x.shape[:-1], out.shape[-1])

    def _as_peft(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        out: torch.Tensor = super().forward(x, *args, **kwargs)
        return out


def fuse(config: LoraConfig, modules: list[nn.Module]) -> None:
    """Has peft put its adapters on linear layers so, where all `modules` are plain ones."""
    if all(type(module) is nn.Linear for module in modules):
        config._register_custom_module({nn.Linear: FusedLinear})
