"""Seats: which rows of a pass belong to which trial."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Seats:
    """The trials of a pass, by their place in the stack, and their rows.

    Without `spots` each of `members` has equally many rows, one member's after another's. With them the rows may lie
    in any order and number: row i is at `spots[i]` of a table [member, slot] with `slots` columns; this is for rows of
    one token without gradients. `index` has the members on the device, None where they are the whole stack in order.
    `lengths` tells how many tokens of each row count, where dropout has to know.
    """

    members: tuple[int, ...]
    index: torch.Tensor | None  # [member]
    lengths: tuple[int, ...] = ()
    spots: torch.Tensor | None = None  # [row]
    slots: int = 0

    def group(self, x: torch.Tensor) -> torch.Tensor:
        """Lays rows [row, token, width] out by member, [member, token of all its rows, width]."""
        if self.spots is None:
            return x.reshape(len(self.members), -1, x.shape[-1])
        table = x.new_zeros(len(self.members) * self.slots, x.shape[-1])
        return table.index_copy_(0, self.spots, x[:, 0]).view(len(self.members), self.slots, -1)

    def ungroup(self, x: torch.Tensor, rows: int) -> torch.Tensor:
        """Lays what `group` made back out as rows."""
        if self.spots is None:
            return x.view(rows, -1, x.shape[-1])
        return x.view(-1, 1, x.shape[-1])[self.spots]


def seats_of(members: Sequence[int], *, among: int, device: torch.device, lengths: tuple[int, ...] = ()) -> Seats:
    """Gives the seats of a pass in which each of `members` of a stack of `among` trials has equally many rows."""
    return Seats(tuple(members), _index(members, among, device), lengths)


def free_seats(owners: Sequence[int], *, among: int, device: torch.device) -> Seats:
    """Gives the seats of rows of one token each, row i being that of trial `owners[i]` of `among`."""
    members = sorted(set(owners))
    place = {member: index for index, member in enumerate(members)}
    counts = [0] * len(members)
    pairs = []
    for owner in owners:
        pairs.append((place[owner], counts[place[owner]]))
        counts[place[owner]] += 1
    slots = max(counts)
    spots = torch.tensor([member * slots + slot for member, slot in pairs], device=device)
    return Seats(tuple(members), _index(members, among, device), spots=spots, slots=slots)


def _index(members: Sequence[int], among: int, device: torch.device) -> torch.Tensor | None:
    return None if list(members) == list(range(among)) else torch.tensor(members, device=device)


class Dice:
    """A generator for each trial, so that dropout draws for it what it would draw if it trained alone."""

    def __init__(self, device: torch.device, states: Sequence[torch.Tensor]) -> None:
        """Takes the state of torch's generator on `device` as it is after each trial's factors were drawn."""
        self._generator = generator_of(device)
        self._states = list(states)

    @contextmanager
    def of(self, trial: int) -> Iterator[None]:
        """Makes torch's generator that of `trial`; both end where the other began."""
        outside = self._generator.get_state()
        self._generator.set_state(self._states[trial])
        try:
            yield
        finally:
            self._states[trial] = self._generator.get_state()
            self._generator.set_state(outside)

    def keep(self, trials: Sequence[int]) -> None:
        """Keeps the generators of `trials` only."""
        self._states = [self._states[trial] for trial in trials]


def generator_of(device: torch.device) -> torch.Generator:
    """Gives torch's own generator on `device`."""
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[index]
    return torch.default_generator
