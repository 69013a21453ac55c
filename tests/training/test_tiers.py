"""A tier gives what the store would, keeps to its bytes, and moves in large pieces."""

import pytest
import torch

from cotune.training import tiers
from cotune.training.spill import Spill
from cotune.training.store import Store
from cotune.training.tiers import DeviceTier, shelf

CPU = torch.device("cpu")


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def tensors(request):
    torch.manual_seed(0)
    return {f"k{number}": torch.randn(number % 3 + 1, 4).to(request.param) for number in range(30)}


@pytest.mark.parametrize("device_bytes", [0, 100, 10**6])
@pytest.mark.parametrize("piece", [64, 10**6])
def test_a_tier_gives_what_was_put_whatever_it_holds(monkeypatch, tensors, device_bytes, piece):
    monkeypatch.setattr(tiers, "SHARD_BYTES", piece)
    tier = DeviceTier(Store(memory_bytes=100, spill=Spill()), CPU, device_bytes=device_bytes)
    for key, tensor in tensors.items():
        tier.put(key, tensor)
    for _ in range(2):
        found = tier.take([*tensors, "new"])
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[key], tensor) for key, tensor in tensors.items())
        held = sum(tensor.untyped_storage().nbytes() for tensor in tier._near._tensors.values())
        assert held <= device_bytes
        tier.flush()
    assert all(key in tier._store for key in tensors)


def test_a_second_tier_reads_what_the_first_flushed(tensors, tmp_path):
    first = DeviceTier(Store(memory_bytes=10**6, folder=tmp_path), CPU, device_bytes=10**6)
    for key, tensor in tensors.items():
        first.put(key, tensor)
    first.flush()
    second = DeviceTier(Store(memory_bytes=10**6, folder=tmp_path), CPU, device_bytes=10**6)
    found = second.take(tensors)
    assert all(torch.equal(found[key], tensor) for key, tensor in tensors.items())


def test_a_confined_tier_stays_so_and_loses_nothing(tensors):
    tier = DeviceTier(Store(memory_bytes=10**6, spill=Spill()), CPU, device_bytes=1000)
    for key, tensor in tensors.items():
        tier.put(key, tensor)
    for share in (0.5, 1.0):
        tier.confine(share)
        assert len(tier.take(tensors)) == len(tensors)
        assert sum(tensor.nbytes for tensor in tier._near._tensors.values()) <= 500


def test_a_cpu_needs_no_tier():
    store = Store(memory_bytes=1)
    assert shelf(store, CPU, share=0.5) is store
