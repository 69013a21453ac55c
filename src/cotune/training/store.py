"""A store of tensors by key: in memory up to a number of bytes, and on disk in files that are whole or absent."""

import os
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from cotune.training.recent import Recent
from cotune.training.room import DISK_BYTES, make_room
from cotune.training.spill import Spill

SHARD_BYTES = 32 << 20


class Store:
    """Tensors by key; the least recently used leave memory first, and what was flushed can be read again from disk.

    Keys name contents, so that processes may share a folder: the worst that can happen is a tensor written twice.
    `folder` and those beside it hold at most `disk_bytes` together; what does not fit is not written. What leaves
    memory and is in no file goes to `spill`.
    """

    def __init__(
        self,
        *,
        memory_bytes: int,
        folder: Path | None = None,
        disk_bytes: int = DISK_BYTES,
        spill: Spill | None = None,
    ) -> None:
        self._memory = Recent(memory_bytes)
        self._unwritten: dict[str, torch.Tensor] = {}
        self._unwritten_bytes = 0
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._spill = spill or Spill(disk_bytes=0)
        self._used: set[Path] = set()
        self._shards = _index(folder) if folder else {}

    def __contains__(self, key: str) -> bool:
        return key in self._memory or key in self._unwritten or key in self._shards or key in self._spill

    def put(self, key: str, tensor: torch.Tensor) -> None:
        """Keeps `tensor`; with a folder it is written once 32 MiB have gathered, or at `flush`."""
        if self._folder is not None and key not in self._unwritten:
            self._unwritten[key] = tensor
            self._unwritten_bytes += tensor.nbytes
        self._set_aside(self._memory.put(key, tensor))
        if self._unwritten_bytes >= SHARD_BYTES:
            self.flush()

    def take(self, keys: Iterable[str]) -> dict[str, torch.Tensor]:
        """Gives those of `keys` that are there, reading each file at most once."""
        found: dict[str, torch.Tensor] = {}
        files: dict[Path, list[str]] = {}
        spilled: list[str] = []
        for key in dict.fromkeys(keys):
            if key in self._memory:
                found[key] = self._memory.get(key)
            elif key in self._unwritten:
                found[key] = self._unwritten[key]
            elif key in self._shards:
                files.setdefault(self._shards[key], []).append(key)
            else:
                spilled.append(key)
        read = self._spill.take(spilled)
        for path, wanted in files.items():
            read |= self._read(path, wanted)
        for key, tensor in read.items():
            self._set_aside(self._memory.put(key, tensor))
        return found | read

    def flush(self) -> None:
        """Writes what has gathered as one file if there is room; it appears under its name only when it is whole."""
        if self._folder is None or not self._unwritten:
            return
        tensors, size = self._unwritten, self._unwritten_bytes
        self._unwritten, self._unwritten_bytes = {}, 0
        path = self._write(self._folder, tensors, size)
        if path is None:
            self._set_aside(tensors)
            return
        self._shards.update(dict.fromkeys(tensors, path))
        self._used.add(path)

    def _write(self, folder: Path, tensors: dict[str, torch.Tensor], size: int) -> Path | None:
        """Gives the new file; None where there is no room for it."""
        path = folder / f"{sha256(''.join(sorted(tensors)).encode()).hexdigest()[:32]}.safetensors"
        try:
            if not make_room(folder.parent, size, disk_bytes=self._disk_bytes, keep=self._used):
                return None
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
                save_file(tensors, Path(scratch, "shard"))
                os.replace(Path(scratch, "shard"), path)
        except (OSError, SafetensorError) as error:
            warnings.warn(f"The cache {folder} cannot be written ({error}); going on without.", stacklevel=3)
            self._folder = None
            return None
        return path

    def confine(self, share: float) -> None:
        """Takes at most `share` of the memory it was given, from now on."""
        self._set_aside(self._memory.confine(share))

    def _read(self, path: Path, keys: list[str]) -> dict[str, torch.Tensor]:
        try:
            with safe_open(path, framework="pt") as shard:
                found = {key: shard.get_tensor(key).clone() for key in keys}  # a view would keep the whole file mapped
        except (OSError, SafetensorError):  # removed meanwhile, or damaged: it is only a cache
            self._shards = {key: other for key, other in self._shards.items() if other != path}
            return {}
        self._used.add(path)
        with suppress(OSError):  # a cache that may only be read
            os.utime(path)
        return found

    def _set_aside(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Spills those of `tensors` that are nowhere else."""
        for key, tensor in tensors.items():
            if not (key in self._memory or key in self._unwritten or key in self._shards):
                self._spill.put(key, tensor)


def _index(folder: Path) -> dict[str, Path]:
    """Gives the file of each key in `folder`; a damaged file counts as absent."""
    shards: dict[str, Path] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as shard:
                shards.update(dict.fromkeys(shard.keys(), path))
        except (OSError, SafetensorError):
            continue
    return shards
