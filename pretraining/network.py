"""The network that is trained beforehand, in PyTorch; `cotune.search.prior_fitted` is the same in NumPy."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import relu, scaled_dot_product_attention

from cotune.search.cells import CELL


class Block(nn.Module):
    """Attention among the datasets of a run, attention of each dataset to the known runs, and a small network."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.ins = nn.ModuleList(nn.Linear(width, 3 * width, bias=False) for _ in range(2))
        self.outs = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor, known: int) -> torch.Tensor:
        """Gives the states [problem, run, task, width] after this block."""
        x = x + self._attend(0, x, x.shape[2])
        x = x + self._attend(1, x.transpose(1, 2), known).transpose(1, 2)
        return x + self.down(relu(self.up(self.norms[2](x))))

    def _attend(self, which: int, x: torch.Tensor, known: int) -> torch.Tensor:
        """Attends along the second last axis, to its first `known` places."""
        query, key, value = self.ins[which](self.norms[which](x)).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for part in (query, key, value))
        mixed = scaled_dot_product_attention(query, key[..., :known, :], value[..., :known, :])
        return self.outs[which](mixed.transpose(-2, -3).flatten(-2))


class Network(nn.Module):
    """Gives a location and a log scale for each run asked about, in standard deviations of the known values."""

    def __init__(self, width: int = 32, blocks: int = 4, heads: int = 2) -> None:
        super().__init__()
        self.embed = nn.ModuleList([nn.Linear(CELL, 2 * width), nn.Linear(2 * width, width)])
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(2 * width)
        self.head = nn.ModuleList([nn.Linear(2 * width, 2 * width), nn.Linear(2 * width, 2)])

    def forward(self, cells: torch.Tensor, targets: torch.Tensor, known: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Reads `cells` [problem, run, task, feature]; the first `known` runs are known."""
        x = self.embed[1](relu(self.embed[0](cells)))
        for block in self.blocks:
            x = block(x, known)
        asked = x[:, known:]  # [problem, run, task, width]
        own = asked[torch.arange(len(x)), :, targets]  # [problem, run, width]
        out = self.head[1](relu(self.head[0](self.norm(torch.cat([asked.mean(2), own], -1)))))
        return out[..., 0], out[..., 1].clamp(-4, 2)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Gives the weights by name."""
        return {name: value.detach().numpy() for name, value in self.state_dict().items()}
