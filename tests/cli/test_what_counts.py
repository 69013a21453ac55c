"""What counts is said on the command line: the worst target, a front, and what is to be kept."""

import json

import pytest

TRADES = """\
from cotune import each

GAINS = {"a": (0.0, 0.0), "b": (0.0, 0.0), "c": (0.2, -0.1), "d": (-0.1, 0.2)}


def measure(request):
    names = request.mixture.names
    if not names:
        return {"a": 0.1, "b": 0.1, "c": 0.6, "d": 0.5}
    a, b = (0.4 + sum(GAINS[name][which] for name in names) + 0.001 * request.seed / 100 for which in (0, 1))
    return {"a": a, "b": b, "c": 0.6 - 0.1 * ("d" in names), "d": 0.5}


trades = each(measure)
"""


@pytest.fixture
def trading(place):
    (place / "own_trainer.py").write_text(TRADES)
    study = "evaluate: own_trainer:trades\nsearch: {trials: 12, confirm: 1}\n"
    (place / "study.yaml").write_text(f"{study}targets: [a, b]\ndatasets: [a, b, c, d]\n")
    return place


def run(cotune, *more):
    done = cotune("run", "study.yaml", "--in-process", *more)
    assert done.code == 0, done.err
    return done


def test_a_front_is_searched_and_told_everywhere(trading, cotune):
    assert "mixtures are on the front of a, b: " in run(cotune, "--objective", "pareto").out
    status = cotune("status", "study.yaml")
    assert "on the front of a, b" in status.out
    told = json.loads(cotune("status", "study.yaml", "--json").out)
    assert {"a": 1, "b": 1, "c": 1} in told["front"]
    assert {"a": 1, "b": 1, "d": 1} in told["front"]
    report = json.loads(cotune("report", "study.yaml", "--json").out)
    assert report["verdict"]["front"]["hypervolume"] == told["hypervolume"] > 0.1
    assert "on the front" in cotune("report", "study.yaml").out


def test_the_worst_target_is_named(trading, cotune):
    assert "points on the worst target" in run(cotune, "objective=worst").out


def test_what_is_to_be_kept_decides(trading, cotune):
    free = json.loads(run(cotune, "targets={a: 1, b: 3}", "--json", "--runs", "free").out)
    assert "d" in free["winner"]
    kept = json.loads(run(cotune, "targets={a: 1, b: 3}", "--keep", "c=0.05", "--json").out)
    assert "d" not in kept["winner"]
    assert "keeps c" in kept["verdict"]
    assert "What is to be kept" in cotune("report", "study.yaml").out


def test_a_name_that_is_no_dataset_is_named(trading, cotune):
    done = cotune("run", "study.yaml", "--keep", "z=0.1")
    assert done.code == 2
    assert "Unknown datasets ['z']" in done.err
