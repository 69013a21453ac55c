"""The width: how many trials fit into memory side by side, from what one takes and what is free."""

import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

SHARE = 0.8
"""So much of the free memory is planned with; the rest is for what lies between the tensors."""
COPIES = 5
"""An adapter, its gradient, AdamW's two moments, and the trained one that waits for its scores."""
MOST = {"cuda": 64}
"""The most trials of an automatic width, by device; elsewhere one, see docs/engine.md for what was measured."""
BETWEEN = 2
"""How often the largest tensor of a pass is there again while its gradient is computed."""


def most_of(width: int | str, device: torch.device) -> int:
    """Gives how many trials may run side by side on `device` at most, by `train.width`."""
    return MOST.get(device.type, 1) if width == "auto" else int(width)


def widest(*, free: int, aside: int, trial: int, most: int) -> int:
    """Gives how many trials of `trial` bytes go into `free` bytes without those set `aside`; 1 to `most`.

    >>> widest(free=10 << 30, aside=1 << 30, trial=1 << 30, most=64)
    7
    """
    return max(min(int((SHARE * free - aside) // max(trial, 1)), most), 1)


def pass_bytes(device: torch.device, work: Callable[[], torch.Tensor]) -> int:
    """Gives the bytes that a forward and backward pass takes at its peak; `work` makes the forward one, to a loss.

    On a GPU the allocator tells. On a CPU it is what is kept for the backward pass, each storage once, and room for
    the largest of them twice more.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        work().backward()
        return int(torch.cuda.max_memory_allocated(device) - before)
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if not tensor.is_leaf:  # frozen weights and what comes out of the trunk are there anyway
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = work()
    loss.backward()
    return sum(kept.values()) + BETWEEN * max(kept.values(), default=0)


def free_bytes(device: torch.device) -> int:
    """Gives the bytes that this process may still take on `device`."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    return int(max(min(_available(), _allowed(), _granted()), 0))


def _available() -> int:
    """What the machine has left, caches that it can drop included."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # no Linux: half of the machine


def _allowed() -> int | float:
    """What the limit on address space leaves (limits.memory_gib)."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return float("inf")
    with suppress(OSError):
        return limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return limit // 2


def _granted() -> int | float:
    """What a container's limit leaves (control groups, version 2)."""
    with suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup")
        return int((folder / "memory.max").read_text()) - int((folder / "memory.current").read_text())
    return float("inf")
