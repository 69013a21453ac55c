"""Rows: the forests of several trials as rows of one batch, filled up to the longest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cotune.training.example import Example
from cotune.training.forest import Layout, Node, lay_out


@dataclass(frozen=True)
class Rows:
    """One forest per row, with the tensors that a decoder needs; `spots` are where answer tokens are predicted."""

    nodes: tuple[tuple[Node, ...], ...]  # [row]
    ids: torch.Tensor  # [row, token]
    positions: torch.Tensor  # [row, token]
    mask: torch.Tensor  # [row, 1, token, token]
    lengths: tuple[int, ...]  # [row]
    spots: tuple[torch.Tensor, torch.Tensor]  # row and column, each [answer token]


def side_by_side(packs: Sequence[Sequence[Example]], *, device: torch.device, dtype: torch.dtype) -> Rows:
    """Gives a row for each pack; what fills a row up is seen by none, and sees the row's first token only."""
    made = [lay_out(pack) for pack in packs]
    longest = max(len(layout.ids) for layout in made)
    spots = [
        (row, places[spot])
        for row, (layout, pack) in enumerate(zip(made, packs, strict=True))
        for places, example in zip(layout.places, pack, strict=True)
        for spot in example.predictors
    ]
    found = torch.tensor(spots, device=device)
    return Rows(
        tuple(layout.nodes for layout in made),
        torch.tensor([_filled(layout.ids, longest) for layout in made], device=device),
        torch.tensor([_filled(layout.positions, longest) for layout in made], device=device),
        _mask(made, longest, device, dtype),
        tuple(len(layout.ids) for layout in made),
        (found[:, 0], found[:, 1]),
    )


def _mask(made: Sequence[Layout], longest: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Gives the additive mask [row, 1, token, token]; what is sent to the device are nodes, not tokens by tokens."""
    most = max(len(layout.nodes) for layout in made)
    ancestors = np.zeros((len(made), most + 1, most + 1), dtype=bool)
    owner = np.full((len(made), longest), most)  # [row, token]; the node past all others fills up
    for row, layout in enumerate(made):
        ancestors[row, : len(layout.nodes), : len(layout.nodes)] = layout.ancestors
        owner[row, : len(layout.ids)] = layout.owner
    index = torch.from_numpy(owner).to(device)
    table = torch.from_numpy(ancestors).to(device)
    rows = torch.arange(len(made), device=device)[:, None, None]
    seen = table[rows, index[:, :, None], index[:, None, :]].tril_()
    seen[:, :, 0] |= index == most
    mask = torch.zeros(seen.shape, dtype=dtype, device=device)
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]


def _filled(numbers: list[int], longest: int) -> list[int]:
    return numbers + [0] * (longest - len(numbers))
