"""A search that ends hopeless fine-tunings early: what it prints, counts, reports and goes on from."""

import csv
import json

import pytest

from cotune.journal import read_journal

TRAINER = """\
from cotune import Trial, each
from cotune.trial import Point, TaskResult

GAINS = {"a": 0.3, "b": 0.05, "c": -0.1, "d": -0.05, "e": -0.02}


def measure(request):
    names = request.mixture.names
    score = 0.5 + sum(GAINS[name] for name in names) / max(1, len(names)) - 0.02 * len(names)
    curve = []
    for fraction, _ in request.stop.limits if request.stop else ():
        curve.append(Point(fraction, {"a": 3 - score - fraction + 0.001 * len(names)}))
        if request.stop.is_hopeless(fraction, curve[-1].losses):
            return Trial(request, curve=tuple(curve), reached=fraction)
    return Trial(request, {"a": TaskResult(score)}, curve=tuple(curve))


evaluate = each(measure)
"""
STUDY = """\
evaluate: own_trainer:evaluate
targets: [a]
search: {trials: 14, confirm: 0, sampler: random, early_stopping: auto}
datasets: [a, b, c, d, e]
"""


@pytest.fixture
def stopping(place):
    (place / "own_trainer.py").write_text(TRAINER)
    (place / "study.yaml").write_text(STUDY)
    return place


def test_stopped_fine_tunings_are_told_counted_and_exported(stopping, cotune):
    done = cotune("run", "study.yaml", "--in-process")
    assert done.code == 0, done.err
    assert "stopped after 25%" in done.err
    records = read_journal(stopping / "runs" / "study").records
    stopped = [record for record in records if record.trial.reached < 1]
    trained = [record for record in records if len(record.request.mixture)]
    assert stopped
    assert len(trained) >= 14  # shares leave room for more, where there are more
    assert cotune("export", "study.yaml", "--format", "csv", "--out", "trials.csv").code == 0
    with (stopping / "trials.csv").open() as lines:
        states = [row["status"] for row in csv.DictReader(lines)]
    assert states.count("stopped") == len(stopped)


def test_reports_leave_them_out_of_the_verdict(stopping, cotune):
    cotune("run", "study.yaml", "--in-process")
    stopped = {str(r.request.mixture) for r in read_journal(stopping / "runs" / "study").records if r.trial.reached < 1}
    done = cotune("report", "study.yaml")
    assert done.code == 0, done.err
    page = (stopping / "runs" / "study" / "report.html").read_text()
    assert "25 % budget" in page
    status = json.loads(cotune("status", "study.yaml", "--json").out)
    assert status["failed"] == 0
    assert status["best_mixture"] not in stopped


def test_the_same_command_goes_on(stopping, cotune):
    cotune("run", "study.yaml", "--in-process", "--trials", "9")
    first = read_journal(stopping / "runs" / "study").records
    done = cotune("run", "study.yaml", "--in-process")
    assert done.code == 0, done.err
    more = read_journal(stopping / "runs" / "study").records
    assert [record.request for record in more[: len(first)]] == [record.request for record in first]


def test_a_word_that_is_none_is_refused(stopping, refused):
    assert "early_stopping" in refused("run", "study.yaml", "search.early_stopping=maybe")
