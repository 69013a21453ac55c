"""A spill: tensors that memory does not hold, in memory-mapped files without a name, which end with the process."""

import mmap
import shutil
import tempfile
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch

SPILL_BYTES = 4 << 30
FILE_BYTES = 32 << 20
LEAST_FREE = 1 << 30
"""Bytes of the disk that are left to others."""


@dataclass(frozen=True)
class _Spot:
    """Where a tensor lies."""

    file: int
    offset: int
    shape: torch.Size
    dtype: torch.dtype


class Spill:
    """Tensors by key on disk, up to `disk_bytes`; what comes after is not kept.

    The files are in `folder` (None: the system's for temporary files) and have no name there: the system takes them
    back when the process ends, also by a kill or a crash. A file is mapped only while it is read, so that little
    address space is used.
    """

    def __init__(self, folder: Path | None = None, *, disk_bytes: int = SPILL_BYTES) -> None:
        self._folder = folder
        self._room = disk_bytes
        self._files: list[IO[bytes]] = []
        self._spots: dict[str, _Spot] = {}
        self._gathered: dict[str, torch.Tensor] = {}
        self._gathered_bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._spots or key in self._gathered

    def put(self, key: str, tensor: torch.Tensor) -> None:
        """Keeps `tensor` if there is room; it is written once 32 MiB have gathered."""
        if key in self or tensor.nbytes > self._room:
            return
        self._room -= tensor.nbytes
        self._gathered[key] = tensor
        self._gathered_bytes += tensor.nbytes
        if self._gathered_bytes >= FILE_BYTES:
            self._write()

    def take(self, keys: Iterable[str]) -> dict[str, torch.Tensor]:
        """Gives those of `keys` that are there, mapping each file at most once; none where no address space is left."""
        found: dict[str, torch.Tensor] = {}
        files: dict[int, list[str]] = {}
        for key in dict.fromkeys(keys):
            if key in self._gathered:
                found[key] = self._gathered[key]
            elif key in self._spots:
                files.setdefault(self._spots[key].file, []).append(key)
        for number, wanted in files.items():
            with suppress(OSError), mmap.mmap(self._files[number].fileno(), 0, access=mmap.ACCESS_COPY) as view:
                found |= {key: _copy(view, self._spots[key]) for key in wanted}
        return found

    def _write(self) -> None:
        tensors, size = self._gathered, self._gathered_bytes
        self._gathered, self._gathered_bytes = {}, 0
        try:
            if shutil.disk_usage(self._folder or tempfile.gettempdir()).free < size + LEAST_FREE:
                self._room = 0
                return
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (it lives as long as the spill)
            for tensor in tensors.values():
                file.write(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
            file.flush()
        except OSError as error:
            warnings.warn(f"States of frozen layers cannot be put on disk ({error}); going on without.", stacklevel=2)
            self._room = 0
            return
        offset = 0
        for key, tensor in tensors.items():
            self._spots[key] = _Spot(len(self._files), offset, tensor.shape, tensor.dtype)
            offset += tensor.nbytes
        self._files.append(file)


def _copy(view: mmap.mmap, spot: _Spot) -> torch.Tensor:
    mapped = torch.frombuffer(view, dtype=spot.dtype, count=spot.shape.numel(), offset=spot.offset)
    return mapped.reshape(spot.shape).clone()
