"""The cache on disk stays within its bytes, and what is in use or is not ours stays."""

import os
import time

import pytest
import torch

from cotune.training.room import make_room
from cotune.training.store import Store

MODELS = [f"{letter * 32}-2-float32" for letter in "ab"]


def shard(cache, number, *, model=MODELS[0], size=100, hours=2.0):
    path = cache / model / f"{number:032x}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - 3600 * hours,) * 2)
    return path


@pytest.mark.parametrize("bound", [100, 250, 500, 1000])
def test_files_and_what_is_needed_are_within_the_bound_and_the_last_used_are_left(tmp_path, bound):
    files = [shard(tmp_path, number, model=MODELS[number % 2], hours=10 - number) for number in range(6)]
    assert make_room(tmp_path, 50, disk_bytes=bound, keep=set())
    left = [path for path in files if path.exists()]
    assert len(left) == min((bound - 50) // 100, 6)
    assert left == files[6 - len(left) :]


def test_what_is_in_use_stays_and_nothing_leaves_in_vain(tmp_path):
    old, mine, fresh = shard(tmp_path, 1), shard(tmp_path, 2), shard(tmp_path, 3, hours=0.1)
    assert not make_room(tmp_path, 150, disk_bytes=300, keep={mine})
    assert old.exists()
    assert make_room(tmp_path, 100, disk_bytes=300, keep={mine})
    assert [path.exists() for path in (old, mine, fresh)] == [False, True, True]


def test_other_files_in_the_folder_are_not_touched(tmp_path):
    others = [tmp_path / name for name in ("model.safetensors", "my-2-model/model.safetensors", "notes.txt")]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (0, 0))
    assert not make_room(tmp_path, 20, disk_bytes=10, keep=set())
    assert make_room(tmp_path, 5, disk_bytes=10, keep=set())
    assert all(path.exists() for path in others)


def test_what_a_killed_writer_left_leaves_too(tmp_path):
    left = tmp_path / MODELS[0] / ".writing-x" / "shard"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x" * 100)
    os.utime(left, (0, 0))
    assert make_room(tmp_path, 50, disk_bytes=100, keep=set())
    assert not left.exists()


def test_a_store_drops_what_others_left_and_keeps_what_it_read(tmp_path):
    def put(store, names):
        for name in names:
            store.put(name, torch.zeros(100))
            store.flush()

    def open_store(model):
        return Store(memory_bytes=0, folder=tmp_path / model, disk_bytes=1600)

    put(open_store(MODELS[0]), "abc")  # about 500 bytes a file
    for path in tmp_path.glob("*/*"):
        os.utime(path, (0, 0))
    store = open_store(MODELS[0])
    assert sorted(store.take(["a"])) == ["a"]
    put(open_store(MODELS[1]), "de")
    assert sorted(store.take("abc")) == ["a"]
    put(store, "f")  # no room: all that is left is in use
    assert store.take(["f"]) == {}
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 1600
