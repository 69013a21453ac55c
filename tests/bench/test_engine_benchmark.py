"""The engine benchmark: contestants do equal work to equal scores, and a stopped run goes on."""

import json
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec

import pytest
from benchmarks.engine import __main__ as command
from benchmarks.engine.child import runner_of
from benchmarks.engine.done import Done
from benchmarks.engine.figures import figures
from benchmarks.engine.models import folder_of
from benchmarks.engine.outcome import Outcome, Ran
from benchmarks.engine.work import Work, spread

WORK = Work("", "", ("a", "b"), trials=2, steps=6, batch=4, dev_rows=16, top=2, max_length=64, lr=0.02, threads=1)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return replace(WORK, model=folder_of("tiny", tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def ours(work):
    return runner_of("cotune")(work, [0, 1])


def losses(outcome):
    return [ran.loss for ran in outcome.trials]


@pytest.mark.parametrize("contestant", ["cotune_no_trunk", "transformers", "trl", "trl_packed"])
def test_contestants_reach_equal_scores_from_equal_factors_on_equal_tokens(contestant, work, ours):
    if contestant.startswith("trl") and find_spec("trl") is None:
        pytest.skip("the package trl is not installed; pip install -e '.[bench]'")
    other = runner_of(contestant)(work, [0, 1])
    assert losses(other) == pytest.approx(losses(ours), abs=1e-4)
    assert [(ran.place, ran.tokens, ran.scored, ran.start) for ran in other.trials] == [
        (ran.place, ran.tokens, ran.scored, ran.start) for ran in ours.trials
    ]
    assert all(0 < ran.first_step_seconds < ran.train_seconds < ran.seconds for ran in other.trials)
    assert other.flops > ours.flops  # the frozen layers run again for each trial


def test_the_scores_are_of_trained_models(work, ours):
    hardly = runner_of("cotune")(replace(work, lr=1e-9), [0, 1])
    assert all(abs(one - other) > 0.05 for one, other in zip(losses(ours), losses(hardly), strict=True))


def test_the_command_leaves_a_table_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    options = ["--tiny", "--contestants", "cotune", "--json", out, "--markdown", tmp_path / "out.md"]
    monkeypatch.setattr(sys, "argv", ["benchmarks.engine", *map(str, options)])
    command.main()
    table = capsys.readouterr().out
    assert (tmp_path / "out.md").read_text().endswith(table)
    result = json.loads(out.read_text())
    assert {"command", "commit", "hardware", "versions", "seed", "device"} <= result.keys()
    assert [row["contestant"] for row in result["figures"]] == ["cotune"]
    assert (result["work"]["model"], result["work"]["data"]) == ("tiny", "")
    command.main()  # no contestant runs again: its seconds are the same
    assert json.loads(out.read_text())["outcomes"] == result["outcomes"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trials", "16", "--tiny"], None),  # what --tiny sets wins
        (["--datasets", "a", "b", "--trials", "9"], "have 3 mixtures"),
        (["--dev-rows", "7"], "a multiple of 32 is"),
        (["--steps", "0"], "got {'steps': 0}"),
        (["--repeats", "0"], "at least 1; got 0"),
    ],
)
def test_a_mistake_is_one_line(options, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks.engine", "--model", "folder", "--contestants", "trl", *options])
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match=said or "none of these contestants can run here"):
        command.main()


def ran(place, seconds, loss):
    return Ran(place, seconds, seconds / 2, seconds / 4, tokens=100, scored=50, loss=loss, start="")


def test_trials_that_were_not_run_count_as_the_mean_of_the_others():
    peer = Outcome((ran(1, 10.0, 2.0), ran(3, 20.0, 3.0)), 30.0, "cpu", flops=3e12, start_seconds=6.0)
    mine = Outcome(tuple(ran(place, 1.0, 2.0) for place in range(4)), 8.0, "cpu", flops=1e12, start_seconds=2.0)
    theirs = figures("trl", [peer], trials=4, steps=5, reference=[peer], tflops={"cpu": 1.0})
    assert (theirs.seconds, theirs.trials_per_hour) == (66.0, 4 / 66 * 3600)
    assert theirs.mfu == pytest.approx(0.1)
    assert theirs.tokens_per_second == pytest.approx(200 / 15)
    assert theirs.step_tokens_per_second == pytest.approx(200 * 0.8 / 7.5)  # without the first of five steps
    found = figures(
        "cotune", [mine, replace(mine, work_seconds=4.0)], trials=4, steps=5, reference=[peer], tflops={"cpu": None}
    )
    assert found.seconds == 8.0  # the median of 10 and 6
    assert (found.minus, found.mean_minus) == (1.0, 0.5)  # of places 1 and 3 alone
    assert found.mfu is None


def test_a_cut_off_line_is_dropped_and_other_settings_are_refused(tmp_path):
    path, outcome = tmp_path / "rows.jsonl", Outcome((ran(0, 1.0, 2.0),), 1.0, "cpu", 1.0)
    done = Done(path, {"steps": 3})
    done.add("trl", 0, outcome)
    done.add("trl", 1, outcome)
    path.write_bytes(path.read_bytes()[:-9])
    again = Done(path, {"steps": 3})
    assert (again.get("trl", 0), again.get("trl", 1)) == (outcome, None)
    again.add("trl", 1, outcome)
    assert Done(path, {"steps": 3}).get("trl", 1) == outcome
    with pytest.raises(ValueError, match="steps was 3, is 4"):
        Done(path, {"steps": 4})


def test_work_survives_json_and_few_trials_stand_for_all():
    assert Work.of_json(json.loads(json.dumps(asdict(WORK)))) == WORK
    assert [request.mixture.names for request in WORK.requests] == [("a",), ("b",)]
    assert all(0 <= place < 12 for count in range(1, 13) for place in spread(range(12), count))
    assert spread(range(12), 12) == list(range(12))
