"""LoRA factors: the difference that an adapter makes to a linear module, as the two matrices that it is stored as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

PREFIX, DOWN, UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
"""What peft puts before and after a module's name."""


@dataclass(frozen=True)
class Factors:
    """The two LoRA factors of a module; its difference is `scale` x `up` @ `down`, [out, in]."""

    down: torch.Tensor  # [rank, in]
    up: torch.Tensor  # [out, rank]
    scale: float

    @property
    def rank(self) -> int:
        """How many rows the first and columns the second has."""
        return len(self.down)


def factors_of(state: Mapping[str, torch.Tensor], scale: float) -> dict[str, Factors]:
    """Gives the factors of an adapter's weights by module; `scale` is alpha / rank."""
    modules = [name.removeprefix(PREFIX).removesuffix(DOWN) for name in state if name.endswith(DOWN)]
    return {name: Factors(state[f"{PREFIX}{name}{DOWN}"], state[f"{PREFIX}{name}{UP}"], scale) for name in modules}


def state_of(factors: Mapping[str, Factors]) -> dict[str, torch.Tensor]:
    """Gives the weights of an adapter with these factors by module."""
    return {
        f"{PREFIX}{name}{end}": weight.contiguous()
        for name, own in factors.items()
        for end, weight in ((DOWN, own.down), (UP, own.up))
    }


def joined(parts: Sequence[tuple[float, Factors]]) -> Factors:
    """Gives factors of the weighted sum of differences, exactly; their rank is that of all together."""
    used = [(weight, own) for weight, own in parts if weight] or parts[:1]
    scale = used[0][1].scale
    down = torch.cat([own.down for _, own in used])
    up = torch.cat([own.up * (weight * own.scale / scale) for weight, own in used], dim=1)
    return Factors(down, up, scale)


def nearest(factors: Factors, rank: int) -> Factors:
    """Gives the factors of that rank whose difference is nearest (Eckart and Young, 1936), by squared error.

    The rows of `down` are orthogonal and as long as those given are on average, as it suits further training. Where the
    module is smaller than the rank, the rest is zero. The whole difference, [out, in], is never made.
    """
    down, up = factors.down.double(), factors.up.double()
    left, upper = torch.linalg.qr(up)
    right, lower = torch.linalg.qr(down.T)
    turned, sizes, axes = torch.linalg.svd(upper @ lower.T, full_matrices=False)
    length = down.norm(dim=1).mean()
    rest = max(rank - len(sizes), 0)
    kept_down = pad(length * (axes[:rank] @ right.T), (0, 0, 0, rest))
    kept_up = pad((left @ turned[:, :rank]) * (sizes[:rank] / length), (0, rest))
    return Factors(kept_down.to(factors.down.dtype), kept_up.to(factors.up.dtype), factors.scale)
