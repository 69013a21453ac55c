"""Tiny pools with texts, as `pretraining.pools` writes them, and the datasets that they were made of."""

import json

import numpy as np
import pytest
import torch

WORDS = {
    "a": "rain sun",
    "b": "rain wind",
    "c": "goal match",
    "d": "goal sun rain",
    "e": "vote law",
    "f": "law",
    "g": "x",
}


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small only wait for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(tmp_path):
    """Seven datasets; of their words b and d share most with a."""
    for name, words in WORDS.items():
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        about = {"name": name, "task": "classification", "labels": ["yes", "no"], "domain": "", "license": "CC0 1.0"}
        (folder / "dataset.json").write_text(json.dumps(about))
        for split in ("train", "dev", "test"):
            rows = [
                {"id": f"{split}-{n}", "text": f"{words} {split} {name}{n}", "label": "yes" if n % 2 else "no"}
                for n in range(8)
            ]
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "data"


@pytest.fixture
def held(tmp_path):
    """A folder of two pools of seven datasets and what is no pool of every combination."""
    folder = tmp_path / "held"
    folder.mkdir()
    names, mask = list(WORDS), np.arange(1, 128)
    parts = (mask[:, None] >> np.arange(7)) & 1  # [run, task]
    for seed in range(2):
        gains = np.random.default_rng(seed).standard_normal(7)
        nll = 3 - (parts @ gains)[:, None] / 4 + 0.1 * np.arange(7) - parts  # each task helps itself, and all alike
        drawn = {"names": names, "rows": [6] * 7, "copies": [0, 1, 1, 3, 4, 5, 6]}
        labels = np.array([f"{index}_{name}" for index, name in enumerate(names)])
        np.savez(folder / f"pool-{seed}.npz", names=labels, mask=mask, parts=parts, nll=nll, args=json.dumps(drawn))
    np.savez(folder / "some.npz", names=np.array(names), mask=mask[:9], nll=nll[:9])
    np.savez(folder / "levels.npz", names=np.array(names), parts=2 * parts, nll=nll)
    return folder
