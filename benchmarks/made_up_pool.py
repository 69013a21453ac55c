"""A study on made-up rows with a random tiny model, to run a command in seconds."""

import json
import random
from pathlib import Path

from benchmarks.engine.models import folder_of
from benchmarks.engine.tasks import WORDS

NAMES = ("animals", "colours", "fruits")


def write_study(folder: Path) -> Path:
    """Writes model, datasets and a study file into `folder`, and gives the file; its trials run side by side."""
    for name in NAMES:
        _write_dataset(folder / "data" / name, random.Random(name))
    datasets = "".join(f"  - {{name: {name}, path: data/{name}}}\n" for name in NAMES)
    study = folder / "study.yaml"
    study.write_text(
        f"model: {folder_of('tiny', folder)}\ntargets: [{NAMES[0]}]\nbudget: {{steps: 6}}\nscoring: {{dev_rows: 12}}\n"
        "lora: {rank: 2, layers: top-2}\ntrain: {lr: 2.0e-2, batch_examples: 4, max_length: 128, width: 4}\n"
        f"datasets:\n{datasets}"
    )
    return study


def _write_dataset(folder: Path, rng: random.Random) -> None:
    folder.mkdir(parents=True)
    facts = {"name": folder.name, "task": "classification", "labels": ["no", "yes"], "license": "CC0 1.0"}
    (folder / "dataset.json").write_text(json.dumps(facts))
    for split, count in (("train", 40), ("dev", 12)):
        rows = [
            {
                "id": f"{split}-{number}",
                "text": " ".join([folder.name, *rng.choices(WORDS, k=4), str(rng.random())]),
                "label": rng.choice(["no", "yes"]),
            }
            for number in range(count)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
