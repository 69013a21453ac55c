"""Tiers: the tensors of a store that were used last stay on the device, the others come from the store in one copy."""

from collections.abc import Iterable
from typing import Protocol

import torch

from cotune.training.recent import Recent
from cotune.training.store import SHARD_BYTES, Store


class Shelf(Protocol):
    """Where tensors are put and taken from by key."""

    def __contains__(self, key: str) -> bool: ...

    def put(self, key: str, tensor: torch.Tensor) -> None:
        """Keeps a tensor as long as there is room."""
        ...

    def take(self, keys: Iterable[str]) -> dict[str, torch.Tensor]:
        """Gives those of `keys` that are there."""
        ...

    def flush(self) -> None:
        """Writes what is to be written."""
        ...

    def confine(self, share: float) -> None:
        """Takes at most `share` of the memory it was given, from now on."""
        ...


def shelf(store: Store, device: torch.device, *, share: float) -> Shelf:
    """Gives `store` itself on a CPU, else with a tier before it that takes `share` of a GPU's free memory."""
    if device.type == "cpu":
        return store
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
    return DeviceTier(store, device, device_bytes=int(share * free))


class DeviceTier:
    """Up to `device_bytes` of tensors on a device before a store; the least recently used leave the device first.

    Copies are made in large pieces: to the store once 32 MiB have gathered, from it all that is wanted at once, through
    pinned memory and without waiting for it.
    """

    def __init__(self, store: Store, device: torch.device, *, device_bytes: int) -> None:
        self._store = store
        self._device = device
        self._near = Recent(device_bytes)
        self._unsent: dict[str, torch.Tensor] = {}
        self._unsent_bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._near or key in self._unsent or key in self._store

    def put(self, key: str, tensor: torch.Tensor) -> None:
        """Keeps `tensor`, which is on the device, there and in the store."""
        self._near.put(key, tensor)
        if key not in self._unsent:
            self._unsent[key] = tensor
            self._unsent_bytes += tensor.nbytes
        if self._unsent_bytes >= SHARD_BYTES:
            self._send()

    def take(self, keys: Iterable[str]) -> dict[str, torch.Tensor]:
        """Gives those of `keys` that are there, on the device."""
        found: dict[str, torch.Tensor] = {}
        far: list[str] = []
        for key in dict.fromkeys(keys):
            if key in self._near:
                found[key] = self._near.get(key)
            elif key in self._unsent:
                found[key] = self._unsent[key]
            else:
                far.append(key)
        fetched = _moved(self._store.take(far), self._device)
        for key, tensor in fetched.items():
            self._near.put(key, tensor)
        return found | fetched

    def flush(self) -> None:
        """Hands the store what it has not got yet, and lets it write."""
        self._send()
        self._store.flush()

    def confine(self, share: float) -> None:
        """Takes at most `share` of the memory it was given, on the device and in the store, from now on."""
        self._near.confine(share)
        self._store.confine(share)

    def _send(self) -> None:
        sent, self._unsent, self._unsent_bytes = self._unsent, {}, 0
        for key, tensor in _moved(sent, torch.device("cpu")).items():
            self._store.put(key, tensor)


def _moved(tensors: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """Gives `tensors`, which are on one other device, on `device`, by one copy through pinned memory to a GPU."""
    if not tensors:
        return {}
    whole = torch.cat([tensor.flatten() for tensor in tensors.values()])
    staged = whole.pin_memory() if device.type == "cuda" else whole
    parts = staged.to(device, non_blocking=device.type == "cuda").split([tensor.numel() for tensor in tensors.values()])
    named = zip(tensors.items(), parts, strict=True)
    return {key: part.reshape(tensor.shape).clone() for (key, tensor), part in named}  # a view would keep the whole
