"""What memory does not hold is read from files without a name, and computed once all the same."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from test_decoders import made_examples
from test_fine_tune import fine_tune, run, same

from cotune.training import spill as spills
from cotune.training import trunk as trunks
from cotune.training.forest import leaf
from cotune.training.spill import Spill
from cotune.training.store import Store
from cotune.training.trunk import Trunk

KILLED = """
import os, signal, sys, torch
from pathlib import Path
from cotune.training import spill
spill.FILE_BYTES = 4096
kept = spill.Spill(Path(sys.argv[1]))
for number in range(64):
    kept.put(str(number), torch.full((512,), float(number)))
assert float(kept.take(["5"])["5"][0]) == 5.0
print(len(kept._files), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def fill(kept):
    for number in range(9):
        kept.put(str(number), torch.zeros(30))


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(spills, "FILE_BYTES", 200)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_comes_out_is_what_went_in(small_files, tmp_path, dtype):
    torch.manual_seed(0)
    put = {f"k{number}": torch.randn(number % 4 + 1, 3, 5).to(dtype) for number in range(20)}
    kept = Spill(tmp_path)
    for key, tensor in put.items():
        kept.put(key, tensor)
    found = kept.take([*put, "new"])
    assert found.keys() == put.keys()
    for key, tensor in put.items():
        assert key in kept
        assert torch.equal(found[key], tensor)
    assert len(kept._files) > 3
    assert list(tmp_path.iterdir()) == []


def test_it_is_bounded_and_the_first_stay(small_files, tmp_path):
    kept = Spill(tmp_path, disk_bytes=1000)
    for number in range(20):
        kept.put(str(number), torch.full((30,), float(number)))
    assert sorted(kept.take(map(str, range(20))), key=int) == [str(number) for number in range(8)]


def test_a_disk_that_is_full_or_refuses_costs_the_spill_alone(small_files, tmp_path, monkeypatch):
    gone = Spill(tmp_path / "gone")
    with pytest.warns(UserWarning, match="cannot be put on disk"):
        fill(gone)
    assert gone.take(["0"]) == {}
    monkeypatch.setattr(spills, "LEAST_FREE", 1 << 62)
    full = Spill(tmp_path)
    fill(full)
    assert full.take(map(str, range(9))) == {}


def test_a_kill_leaves_nothing_behind(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], capture_output=True, text=True, env=os.environ)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert int(done.stdout) > 10
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_a_folder_loses_nothing(small_files):
    store = Store(memory_bytes=200, spill=Spill())
    for number in range(12):
        store.put(f"k{number}", torch.full((5, 2), float(number)))
    found = store.take(f"k{number}" for number in range(12))
    assert [float(found[f"k{number}"][0, 0]) for number in range(12)] == list(range(12))


def test_what_the_folder_has_no_room_for_is_spilled(small_files, tmp_path):
    store = Store(memory_bytes=100, folder=tmp_path / "model", disk_bytes=0, spill=Spill(tmp_path))
    for number in range(12):
        store.put(f"k{number}", torch.full((5, 2), float(number)))
        store.flush()
    assert len(store.take(f"k{number}" for number in range(12))) == 12


def test_a_store_that_is_confined_gives_memory_back_and_keeps_everything(small_files):
    store = Store(memory_bytes=10**6, spill=Spill())
    for number in range(12):
        store.put(f"k{number}", torch.full((5, 2), float(number)))
    for share in (0.0002, 1.0):
        store.confine(share)
        assert sum(tensor.nbytes for tensor in store._memory._tensors.values()) <= 200
    assert len(store.take(f"k{number}" for number in range(12))) == 12
    assert sum(tensor.nbytes for tensor in store._memory._tensors.values()) <= 200


@pytest.mark.parametrize("has_cache", [False, True])
def test_states_beyond_memory_are_computed_once(small_files, monkeypatch, model, tmp_path, has_cache):
    calls = []
    model.layers[0].register_forward_pre_hook(lambda *_: calls.append(1))
    examples = made_examples(count=20)
    nodes = list(dict.fromkeys(node for example in examples for node in leaf(example).line))
    monkeypatch.setattr(trunks, "STATES_BYTES", 3000)
    monkeypatch.setattr(trunks, "PASTS_BYTES", 3000)
    trunk = Trunk(model, 2, cache=tmp_path / "cache" if has_cache else None)
    trunk.prepare(nodes, pasts=True)
    assert calls
    calls.clear()
    trunk.states(nodes)
    for example in examples:
        trunk.past(leaf(example).line)
    assert not calls
    assert sum(tensor.nbytes for tensor in trunk._states._memory._tensors.values()) <= 3000


def test_a_trial_beyond_memory_is_the_same_to_the_bit(small_files, monkeypatch, random_base):
    names = ("group", "echo")
    expected = run(fine_tune(random_base, targets=names), *names)
    monkeypatch.setattr(trunks, "STATES_BYTES", 3000)
    monkeypatch.setattr(trunks, "PASTS_BYTES", 3000)
    evaluate = fine_tune(random_base, targets=names)
    assert same(run(evaluate, *names), expected)
    assert len(evaluate.engine._trunk._states._spill._files) > 3
