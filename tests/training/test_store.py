"""The store keeps what fits, on disk only whole files, and never fails for lack of its cache."""

import pytest
import torch
from safetensors import safe_open

from cotune.training.store import Store


def filled(folder, count=4, memory_bytes=10**6):
    store = Store(memory_bytes=memory_bytes, folder=folder)
    for number in range(count):
        store.put(f"k{number}", torch.full((5, 2), float(number)))
    store.flush()
    return store


def test_a_second_store_reads_what_the_first_wrote(tmp_path):
    filled(tmp_path)
    again = Store(memory_bytes=10**6, folder=tmp_path)
    assert "k3" in again
    found = again.take(["k3", "k0", "new"])
    assert sorted(found) == ["k0", "k3"]
    assert torch.equal(found["k3"], torch.full((5, 2), 3.0))


def test_memory_is_bounded_and_the_least_recently_used_go_first():
    store = Store(memory_bytes=3 * 40)
    for name in "abc":
        store.put(name, torch.zeros(5, 2))
    store.take(["a"])
    store.put("d", torch.zeros(5, 2))
    assert [name for name in "abcd" if name in store] == ["a", "c", "d"]


def test_what_left_memory_is_read_from_disk(tmp_path):
    store = filled(tmp_path, count=10, memory_bytes=2 * 40)
    assert len(store.take([f"k{number}" for number in range(10)])) == 10


def test_what_is_not_flushed_yet_can_be_read_though_memory_is_full(tmp_path):
    store = Store(memory_bytes=40, folder=tmp_path)
    store.put("a", torch.zeros(5, 2))
    store.put("b", torch.ones(5, 2))
    assert sorted(store.take(["a", "b"])) == ["a", "b"]


@pytest.mark.parametrize("length", [0, 7, 100])
def test_a_damaged_file_counts_as_absent(tmp_path, length):
    filled(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:length])
    assert "k0" not in Store(memory_bytes=10**6, folder=tmp_path)


def test_a_file_that_vanishes_counts_as_absent(tmp_path):
    filled(tmp_path)
    store = Store(memory_bytes=10**6, folder=tmp_path)
    for path in tmp_path.glob("*.safetensors"):
        path.unlink()
    assert store.take(["k0"]) == {}
    assert "k0" not in store


def test_files_appear_whole_under_their_name(tmp_path):
    filled(tmp_path)
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 1
    with safe_open(tmp_path / names[0], framework="pt") as shard:
        assert sorted(shard.keys()) == ["k0", "k1", "k2", "k3"]


def test_a_folder_that_cannot_be_written_is_a_warning_only(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="cannot be written"):
        store = filled(tmp_path / "file" / "cache")
    assert len(store.take(["k0", "k1"])) == 2
