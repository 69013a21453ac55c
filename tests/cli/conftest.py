import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cotune.cli.app import call

TRAINER = """\
import os
import time

from cotune import each

GAINS = {"a": 0.3, "b": 0.1, "c": -0.1, "d": 0.02}


def measure(request):
    time.sleep(float(os.environ.get("TRAINER_SECONDS", "0")))
    names = request.mixture.names
    value = 0.4 + sum(GAINS[name] for name in names) / max(1, len(names)) + 0.001 * (request.seed % 7)
    return {name: value for name in GAINS}


def fail(request):
    raise RuntimeError("no luck today")


evaluate = each(measure)
broken = each(fail)
"""
STUDY = "evaluate: own_trainer:evaluate\ntargets: [a]\nsearch: {trials: 8, confirm: 1}\ndatasets: [a, b, c, d]\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a study whose evaluation is the user's own, and instant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_trainer.py").write_text(TRAINER)
    (tmp_path / "study.yaml").write_text(STUDY)
    yield tmp_path
    sys.modules.pop("own_trainer", None)


@pytest.fixture
def cotune(capsys):
    """Runs a command here and gives its exit code, output, and error lines."""

    def run(*arguments: object) -> SimpleNamespace:
        capsys.readouterr()
        code = call([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return SimpleNamespace(
            code=code, out=out, err=err, errors=[x for x in err.splitlines() if x.startswith("Error")]
        )

    return run


@pytest.fixture
def refused(cotune):
    """Runs a command that must end with exit code 2 and one line, and gives the line."""

    def run(*arguments: object) -> str:
        done = cotune(*arguments)
        assert done.code == 2, done
        assert len(done.errors) == 1, done.err
        assert "Traceback" not in done.err
        assert len(done.err.strip().splitlines()) == 1, done.err
        return done.errors[0]

    return run


def start(*arguments: object, seconds: float = 0, **more: object) -> "subprocess.Popen[str]":
    """Starts cotune as a program of its own, whose trials take `seconds`."""
    environment = {**os.environ, "TRAINER_SECONDS": str(seconds), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from cotune.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def write_pool(folder: Path, names: tuple[str, ...] = ("animals", "fruits", "sounds"), rows: int = 60) -> Path:
    """Writes small classification sets in the plain format, no row of one in another."""
    for name in names:
        rng = random.Random(name)
        (folder / name).mkdir(parents=True)
        card = {"name": name, "task": "classification", "labels": ["no", "yes"], "license": "CC0 1.0"}
        (folder / name / "dataset.json").write_text(json.dumps(card))
        for split, count in (("train", rows), ("dev", 24), ("test", 24)):
            lines = []
            for index in range(count):
                label = rng.choice(["no", "yes"])
                words = [f"{name}{rng.randrange(1000)}{'x' if label == 'yes' else 'o'}" for _ in range(6)]
                lines.append(json.dumps({"id": f"{name}-{split}-{index}", "text": " ".join(words), "label": label}))
            (folder / name / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder
