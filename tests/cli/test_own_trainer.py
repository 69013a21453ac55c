"""A study with the user's own trainer, from the first command to the last, without any language model."""

import csv
import io
import json

import pytest
from programs import write_pool

from cotune.journal import read_journal


def run_here(cotune, *more):
    return cotune("run", "study.yaml", "--in-process", *more)


def test_a_run_ends_with_a_verdict_and_a_second_run_trains_nothing(place, cotune):
    first = run_here(cotune)
    assert first.code == 0, first.err
    assert "Target only (a)" in first.out
    assert "Stopped: the study's 8 fine-tunings are used." in first.out
    assert sum(line[0].isdigit() for line in first.err.splitlines()) == 9  # the base model, then eight fine-tunings
    before = read_journal(place / "runs" / "study").records
    again = run_here(cotune)
    assert again.code == 0
    assert "Nothing was left to train." in again.out
    assert len(again.err.splitlines()) == 1  # what it is about
    assert read_journal(place / "runs" / "study").records == before


def test_more_trials_go_on_where_the_study_stopped(place, cotune):
    run_here(cotune, "--trials", 6)
    before = read_journal(place / "runs" / "study").records
    assert run_here(cotune, "--trials", 9).code == 0
    after = read_journal(place / "runs" / "study").records
    assert after[: len(before)] == before
    assert sum(len(record.request.mixture) > 0 for record in after) == 9


def test_json_is_all_that_is_printed(place, cotune):
    done = run_here(cotune, "--json")
    assert done.err == ""
    found = json.loads(done.out)
    assert found["winner"] == {"a": 1}
    assert found["stopped"] == "trials"
    for command in ("status", "report"):
        assert isinstance(json.loads(cotune(command, "study.yaml", "--json").out), dict)


def test_a_dry_run_names_what_would_come_first_and_writes_nothing(place, cotune):
    done = run_here(cotune, "--dry-run")
    assert done.code == 0
    assert "anchor: all datasets" in done.out
    assert not (place / "runs").exists()
    run_here(cotune, "--trials", 5)
    following = json.loads(run_here(cotune, "--dry-run", "--json").out)["next"]
    assert [step["mixture"] for step in following] not in ([{"a": 1}], [])


def test_a_dry_run_tells_how_many_an_evaluation_gets_at_a_time(place, cotune):
    assert "A run, one fine-tuning at a time, would begin with" in run_here(cotune, "--dry-run").out
    (place / "wide_trainer.py").write_text(
        (place / "own_trainer.py").read_text() + "\n\nclass Wide:\n    def __call__(self, requests):\n"
        "        return evaluate(requests)\n\n    def side_by_side(self):\n        return 9\n\n\nwide = Wide()\n"
    )
    wide = ("study.yaml", "evaluate=wide_trainer:wide", "--dry-run")
    assert "A run, 4 fine-tunings at a time, would begin with" in cotune("run", *wide).out
    assert json.loads(cotune("run", *wide, "--batch", 2, "--json").out)["batch"] == 2
    assert json.loads(cotune("run", *wide, "search.early_stopping=auto", "--json").out)["batch"] == 1


def test_a_dry_run_tells_confirmations_and_the_end(place, cotune):
    few = ("search.confirm=1", "--trials", 12, "--patience", 1)
    assert run_here(cotune, *few).code == 0
    before = read_journal(place / "runs" / "study").records
    done = run_here(cotune, *few, "--dry-run")
    assert "A run would train nothing" in done.out
    told = json.loads(run_here(cotune, *few, "--dry-run", "--json").out)
    assert (told["next"], told["stopped"]["rule"]) == ([], "patience")
    assert read_journal(place / "runs" / "study").records == before
    more = ("search.confirm=2", "--trials", 14, "--patience", 1)
    told = json.loads(run_here(cotune, *more, "--dry-run", "--json").out)
    assert {step["reason"].split(":")[0] for step in told["next"]} == {"confirm"}
    assert run_here(cotune, *more).code == 0
    after = read_journal(place / "runs" / "study").records[len(before) :]
    assert [record.request.mixture.to_json() for record in after] == [step["mixture"] for step in told["next"]]


def test_report_status_and_export_agree_on_the_trials(place, cotune):
    run_here(cotune)
    report = cotune("report", "study.yaml")
    assert report.code == 0, report.err
    assert (place / "runs" / "study" / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads(cotune("status", "study.yaml", "--json").out)["finished"] == 8
    rows = list(csv.DictReader(io.StringIO(cotune("export", "study.yaml", "--format", "csv").out)))
    lines = [json.loads(line) for line in cotune("export", "study.yaml").out.splitlines()]
    assert [int(row["number"]) for row in rows] == [line["number"] for line in lines] == list(range(9))


def test_a_study_s_folder_stands_for_the_study(place, cotune):
    run_here(cotune)
    (place / "study.yaml").unlink()
    assert cotune("report", "runs/study").code == 0
    assert json.loads(cotune("status", "runs/study", "--json").out)["finished"] == 8


def test_reports_are_on_what_was_run_whatever_the_file_says(place, cotune):
    assert run_here(cotune, "--target", "b", "--trials", 9, "levels=2").code == 0
    done = cotune("report", "study.yaml", "--json")
    assert json.loads(done.out)["targets"] == {"b": 1.0}
    (line,) = done.err.splitlines()
    assert line.startswith("As last run, which differs from study.yaml in: targets, levels, search")
    told = cotune("status", "study.yaml")
    facts = json.loads(cotune("status", "study.yaml", "--json").out)
    assert facts["trials"] == 9
    assert facts["finished"] <= 9
    assert "Best single measurement so far" in told.out
    assert cotune("report", "runs/study", "--json").err == ""
    assert run_here(cotune, "--target", "b", "--trials", 9, "levels=2", "name=other").code == 0
    assert run_here(cotune, "name=same").code == 0
    (place / "same.yaml").write_text((place / "study.yaml").read_text())
    assert cotune("report", "same.yaml").err == ""


def test_datasets_that_moved_are_read_where_the_file_says(place, cotune):
    write_pool(place / "data", ("a", "b"))
    study = "evaluate: own_trainer:evaluate\ntargets: [a]\ndatasets: [{name: a, path: %s/a}, {name: b, path: %s/b}]\n"
    (place / "study.yaml").write_text(study % ("data", "data"))
    trainer = (place / "own_trainer.py").read_text()
    (place / "own_trainer.py").write_text(trainer.replace("for name in GAINS}", 'for name in "ab"}'))
    assert run_here(cotune, "--trials", 3).code == 0
    (place / "data").rename(place / "moved")
    (place / "study.yaml").write_text(study % ("moved", "moved"))
    done = cotune("report", "study.yaml")
    assert done.code == 0
    assert "could not be read" not in done.err


def test_samplers_and_seeds_are_chosen_on_the_command_line(place, cotune):
    seen = []
    for sampler, seed in [("random", 0), ("random", 1), ("greedy_forward", 0)]:
        name = f"{sampler}-{seed}"
        assert run_here(cotune, f"name={name}", "--sampler", sampler, "--seed", seed).code == 0
        records = read_journal(place / "runs" / name).records
        seen.append([record.request for record in records])
    assert seen[0] != seen[1]
    assert seen[1] != seen[2]


def test_trials_of_another_study_are_reused_and_say_so(place, cotune):
    run_here(cotune)
    done = run_here(cotune, "name=second", "--reuse", "runs/study")
    assert done.code == 0, done.err
    trials = [record.trial for record in read_journal(place / "runs" / "second").records]
    assert {trial.source for trial in trials} == {"study"}
    assert "reused from study" in done.err


def test_the_kept_configuration_run_anew_proposes_the_same_mixtures(place, cotune):
    assert run_here(cotune, "--target", "b", "--trials", 12, "--seed", 5, "levels=2").code == 0
    (place / "study.yaml").unlink()
    again = cotune("run", "runs/study/study.yaml", "--in-process", "--runs", "again")
    assert again.code == 0, again.err
    first, second = (read_journal(place / folder / "study").records for folder in ("runs", "again"))
    assert len(first) == 13
    assert [record.proposal for record in second] == [record.proposal for record in first]
    found = [json.loads(cotune("report", f"{folder}/study", "--json").out) for folder in ("runs", "again")]
    assert found[0]["verdict"] == found[1]["verdict"]


def test_several_targets_come_from_a_file(place, cotune):
    (place / "weights.yaml").write_text("{a: 3, b: 1}")
    assert run_here(cotune, "--targets", "weights.yaml", "name=both").code == 0
    assert read_journal(place / "runs" / "both").settings["objective"] == {"a": 0.75, "b": 0.25}
    assert run_here(cotune, "--target", "b", "name=only-b").code == 0
    assert json.loads(cotune("report", "runs/only-b", "--json").out)["targets"] == {"b": 1.0}


def test_a_study_whose_trials_all_fail_says_the_first_error(place, cotune):
    done = run_here(cotune, "evaluate=own_trainer:broken")
    assert done.code == 2
    assert "RuntimeError: no luck today" in done.errors[0]
    assert cotune("report", "study.yaml").code == 0


def test_a_lost_journal_is_made_again_from_its_trials(place, cotune):
    run_here(cotune)
    before = read_journal(place / "runs" / "study").records
    (place / "runs" / "study" / "journal.sqlite").write_bytes(b"garbage" * 999)
    told = run_here(cotune)
    assert told.code == 2
    assert "--rebuild" in told.err
    assert run_here(cotune, "--rebuild").code == 0
    assert read_journal(place / "runs" / "study").records == before


def test_a_check_passes_its_seed_on_to_the_run(place, cotune):
    out = cotune("check", "study.yaml", "--seed", 7).out
    assert "Ready. Next: cotune run study.yaml search.seed=7" in out


@pytest.mark.parametrize("command", [("run", "study.yaml"), ("check", "study.yaml"), ("demo",)])
def test_a_seed_is_the_setting_of_the_search(place, refused, command):
    assert "override 'search.seed=-1'" in refused(*command, "--seed", -1)


def test_check_and_space_answer_without_data(place, cotune):
    assert "Ready" in cotune("check", "study.yaml").out
    assert cotune("space", "study.yaml", "--count").out == "8\n"


@pytest.mark.parametrize("where", [[], ["--in-process"]])
def test_a_failure_of_ones_own_trainer_is_placed_in_its_file(place, cotune, where):
    (place / "failing.py").write_text("from cotune import each\n\n\n@each\ndef evaluate(request):\n    return {}[1]\n")
    done = cotune("run", "study.yaml", "evaluate=failing:evaluate", "name=failing", *where)
    assert done.code == 2
    assert "KeyError: 1 (failing.py:6)" in done.err
    assert "delete the study's folder" in done.err


def test_a_trainer_that_returns_nothing_is_told_what_to_return(place, cotune):
    (place / "empty.py").write_text("from cotune import each\n\nevaluate = each(lambda request: None)\n")
    done = cotune("run", "study.yaml", "evaluate=empty:evaluate", "name=empty", "--in-process")
    assert "a mapping from dataset to score; got None" in done.err


def test_scores_in_per_cent_are_warned_of(place, cotune):
    (place / "per_cent.py").write_text("from cotune import each\n\nevaluate = each(lambda request: {'a': 50.0})\n")
    done = cotune("run", "study.yaml", "evaluate=per_cent:evaluate", "name=per_cent", "--in-process", "--trials", 4)
    assert "outside [0, 1]" in done.out


@pytest.mark.parametrize(("entry", "unit"), [("a", "points"), ("{name: a, metric: token_f1}", "token F1")])
def test_scores_are_called_what_the_study_says(place, cotune, entry, unit):
    study = (place / "study.yaml").read_text()
    (place / "study.yaml").write_text(study.replace("[a, b", f"[{entry}, b"))
    told = run_here(cotune, "--trials", 4).out
    assert f"target only (a) against all datasets (+22.0 {unit} [" in told
    assert f"Finalists on dev, {unit}," in cotune("report", "study.yaml").out
