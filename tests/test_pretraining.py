"""The recipe of the predictor that was trained beforehand, on a pool of three tiny datasets."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pretraining.network import Network  # noqa: E402
from pretraining.pools import Pool, draw_pool, mixtures, train  # noqa: E402
from pretraining.problems import draw_batch, load_pools  # noqa: E402
from pretraining.rows import Library, Rows, load_library  # noqa: E402

from cotune.search.cells import cells  # noqa: E402
from cotune.search.prior_network import SAFE, locate, remember  # noqa: E402
from cotune.search.prior_weights import arranged  # noqa: E402


@pytest.fixture(scope="module")
def library():
    """Ten datasets of noisy vectors whose labels have directions of their own."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((6, 20))
    datasets = {}
    for index in range(10):
        answers = rng.integers(0, 3, 300) + 3 * (index % 2)
        x = directions[answers] + rng.standard_normal((300, 20))
        datasets[f"set{index}"] = Rows(x[:200], answers[:200], x[200:], answers[200:])
    return Library(datasets, rng.standard_normal((6, 32)))


def pool(**changes):
    plain = {
        "names": ("set0", "set1", "set2"),
        "rows": (60, 60, 60),
        "growing": False,
        "equal": True,
        "amount": 60,
        "batch": 8,
        "rate": 0.02,
        "hidden": 16,
        "levels": 1,
        "noised": (0.0, 0.0, 0.0),
        "copies": (0, 1, 2),
        "seed": 5,
    }
    return Pool(**(plain | changes))


def test_a_library_survives_its_file(library, tmp_path):
    library.save(tmp_path / "rows.npz")
    again = load_library(tmp_path / "rows.npz")
    assert list(again.datasets) == list(library.datasets)
    np.testing.assert_array_equal(again.datasets["set3"].dev_y, library.datasets["set3"].dev_y)


def test_every_combination_is_trained_and_training_teaches(library):
    found = train(pool(), library)
    assert found["parts"].tolist() == [[mask & 1, mask >> 1 & 1, mask >> 2] for mask in range(1, 8)]
    assert found["mask"].tolist() == list(range(1, 8))
    own = [found["em"][2**task - 1, task] for task in range(3)]
    assert min(own) > 0.6
    others = found["em"][0, 1]  # set1 has other labels than set0, which alone was trained on
    assert others < 0.3
    again = train(pool(), library)
    np.testing.assert_array_equal(found["nll"], again["nll"])


def test_a_noised_dataset_teaches_less(library):
    clean, noised = train(pool(), library), train(pool(noised=(1.0, 0.0, 0.0)), library)
    assert noised["nll"][0, 0] > clean["nll"][0, 0] + 0.2


def test_a_growing_budget_trains_longer_on_more(library):
    one_pass = train(pool(growing=True, amount=1.0), library)
    fixed = train(pool(amount=60 / 8), library)
    assert one_pass["nll"][-1, 0] < fixed["nll"][-1, 0]  # all three sets: three times the steps
    assert one_pass["nll"][0, 0] == pytest.approx(fixed["nll"][0, 0], rel=0.1)


def test_mixtures_are_different_and_in_lowest_terms():
    names = tuple(f"set{index}" for index in range(12))
    parts = mixtures(pool(names=names, levels=3))
    assert len(np.unique(parts, axis=0)) == len(parts)
    assert (np.gcd.reduce(parts, axis=1) == 1).all()
    assert parts.sum(axis=0).min() > 0


def test_drawn_pools_differ_and_repeat(library):
    rows = library.datasets["set0"]
    many = Library({f"set{index:02d}": rows for index in range(28)}, library.labels)
    assert draw_pool(many, 3) == draw_pool(many, 3)
    drawn = [draw_pool(many, seed) for seed in range(30)]
    assert {one.growing for one in drawn} == {True, False}
    assert all(one.copies[one.copies[task]] == one.copies[task] for one in drawn for task in range(len(one.names)))


@pytest.fixture(scope="module")
def pools(library, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pools")
    names = tuple(f"set{index}" for index in range(6))
    for seed in range(2):
        drawn = pool(names=names, rows=(40,) * 6, noised=(0.0,) * 6, copies=tuple(range(6)), amount=10, seed=seed)
        np.savez(folder / f"pool-{seed:05d}.npz", **train(drawn, library))
    return folder


def test_problems_ask_about_runs_that_are_not_known(pools):
    rng = np.random.default_rng(0)
    for _ in range(20):
        batch = draw_batch(load_pools(sorted(pools.glob("pool-*.npz"))), rng)
        assert np.isfinite(batch.values).all()
        for parts, target in zip(batch.parts, batch.targets, strict=True):
            assert (parts[:, target] > 0).all()
            known = {tuple(row) for row in parts[: batch.known]}
            assert not known & {tuple(row) for row in parts[batch.known :]}


@pytest.mark.parametrize("sharpness", [1, 40])
def test_numpy_runs_the_same_network_as_torch(pools, sharpness):
    torch.manual_seed(0)
    network = Network(width=8, blocks=2)
    with torch.no_grad():
        for name, values in network.named_parameters():
            values += 0.3 * torch.randn_like(values)  # normalisations do something
            values *= sharpness if ".ins." in name else 1
    batch = draw_batch(load_pools(sorted(pools.glob("pool-*.npz"))), np.random.default_rng(1))
    seen = cells(batch.parts, batch.scores[:, : batch.known], batch.values[:, : batch.known], batch.targets)
    with torch.no_grad():
        place, log_scale = network(torch.from_numpy(seen), torch.from_numpy(batch.targets), batch.known)
    ours = arranged(network.arrays())
    assert (steepest(network, seen) > SAFE) == (sharpness > 1)
    for index, target in enumerate(batch.targets[:3]):
        memory = remember(ours, seen[index, : batch.known])
        found, width = locate(ours, memory, seen[index, batch.known :], int(target))
        np.testing.assert_allclose(found, place[index].numpy(), atol=1e-5 * sharpness)
        np.testing.assert_allclose(np.log(width), log_scale[index].numpy(), atol=1e-5 * sharpness)


def steepest(network, seen):
    """Gives the highest product of a query with a key, before it is made a probability, in the first block."""
    block = network.blocks[0]
    with torch.no_grad():
        x = network.embed[1](torch.relu(network.embed[0](torch.from_numpy(seen))))
        query, key, _ = block.ins[0](block.norms[0](x)).unflatten(-1, (3, 2, 4)).unbind(-3)
        return float(torch.einsum("prihw,prjhw->prhij", query, key).max()) / 2  # the root of a head's width


def test_the_command_trains_and_writes_weights(pools, tmp_path):
    out = tmp_path / "weights.npz"
    arguments = ["--pools", pools, "--out", out, "--steps", 6, "--every", 3, "--width", 8, "--blocks", 1]
    command = [sys.executable, "-m", "pretraining.train", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held out") == 2
    with np.load(out) as arrays:
        assert "embed.0.weight" in arrays.files
