import sys
from types import SimpleNamespace

import pytest
from programs import save_model, write_pool

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


@pytest.fixture(scope="module")
def model_place(tmp_path_factory):
    """A working folder with a pool, a tiny language model and a cache, for all tests of a module."""
    place = tmp_path_factory.mktemp("model_place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("COTUNE_CACHE", str(place / "cache"))
        patch.setenv("OMP_NUM_THREADS", "1")
        write_pool(place / "data")
        save_model(place / "model")
        yield place


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
