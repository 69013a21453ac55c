"""The page of studies holds what its results say, and the command writes nothing else."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.studies import __main__ as command
from benchmarks.studies import batches, fine_tunings, proposer, robustness
from benchmarks.studies.page import section, with_section
from benchmarks.studies.pictures import Line, bars, curves

from cotune.search import random

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", command.NAMES)
def test_every_study_on_the_page_is_what_its_result_says(name):
    result, study = json.loads((DOCS / "results" / "studies" / f"{name}.json").read_text()), command.study(name)
    page = (DOCS / "search.md").read_text()
    assert with_section(page, name, section(name, study, result)) == page
    assert {"command", "commit", "hardware", "seed", "versions"} <= result.keys()
    if study.picture:
        assert (DOCS / "pictures" / f"{name}.svg").read_text() == study.picture(result["found"])


def test_a_part_of_the_page_is_replaced_and_the_rest_is_left():
    page = "# T\n<!-- begin a: written by benchmarks/studies -->\nold\n<!-- end a -->\nrest\n"
    once = with_section(page, "a", "new")
    assert once == page.replace("old", "new")
    assert with_section(once, "a", "new") == once
    with pytest.raises(ValueError, match="lacks a place for the study 'b'"):
        with_section(page, "b", "new")


def test_pictures_are_files_of_their_own_with_all_that_they_name():
    line = Line([6, 12], [0.3, 0.1], [0.2, 0.05], [0.4, 0.15])
    drawn = curves({"default": line, "random": line}, x_unit="runs", y_unit="regret", label="Regret")
    for picture in (drawn, bars({"random": (0.1, 0.05, 0.2)}, unit="regret", label="Bars")):
        root = ElementTree.fromstring(picture)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        style = root[0].text
        classes = {word for mark in root.iter() for word in mark.get("class", "").split()}
        undrawn = {"tick", "axis", "label", "note", "dot"}
        assert all(f".{word}{{" in style for word in classes - undrawn)
    assert "default" in drawn


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    marks = [f"<!-- begin {name}: written by benchmarks/studies -->\n<!-- end {name} -->" for name in command.NAMES]
    (folder / "search.md").write_text("\n\n".join(marks))
    return folder


def run(docs, held, data, *arguments):
    command.main([*arguments, "--pools", str(held), "--data", str(data), "--docs", str(docs), "--most", "1"])


def test_a_study_is_measured_written_and_drawn_again(docs, held, data, monkeypatch, capsys):
    monkeypatch.setattr(fine_tunings, "METHODS", ("default", "random"))
    monkeypatch.setattr(fine_tunings, "BUDGETS", (3, 6))
    monkeypatch.setattr(fine_tunings, "LEAST", 7)
    run(docs, held, data, "fine_tunings")
    written = (docs / "search.md").read_text()
    assert "![fine_tunings](pictures/fine_tunings.svg)" in written
    assert "fine-tunings |" in written.split("begin fine_tunings")[1].split("end fine_tunings")[0]
    result = json.loads((docs / "results" / "studies" / "fine_tunings.json").read_text())
    assert len(result["found"]["problems"]) == 2  # a pool and a landscape
    assert not list((docs / "results" / "studies").glob("*.rows.jsonl"))
    (docs / "search.md").write_text(written.replace("| fine-tunings |", "| edited |"))
    run(docs, held, data, "fine_tunings", "--draw")
    assert (docs / "search.md").read_text() == written
    assert "fine_tunings" in capsys.readouterr().out


def test_a_study_without_searches_is_written_too(docs, held, data):
    run(docs, held, data, "other_targets")
    assert "7 targets; all others of the pool known" in (docs / "search.md").read_text()


@pytest.mark.parametrize("study", [robustness, batches], ids=["robustness", "batches"])
def test_a_look_at_the_shipped_tables_is_logged(study, docs, held, data, monkeypatch):
    looks = []
    monkeypatch.setattr(study, "log_scoring", lambda *line: looks.append(line[0]))
    for name, value in {"WIDTHS": (32,), "RATES": (0.01,), "STOPS": ("200 steps",), "BUDGET": 4}.items():
        monkeypatch.setattr(robustness, name, value)
    for name, value in {"BATCHES": (1, 4), "BUDGETS": (2, 3, 4), "MARKS": (3, 4), "LEAST": 7}.items():
        monkeypatch.setattr(batches, name, value)
    run(docs, held, data, study.__name__.rpartition(".")[2])
    assert len(looks) == (1 if study is robustness else 2)


def test_a_mistake_is_one_line(docs, tmp_path):
    with pytest.raises(SystemExit, match="error: Studies search tables of every combination"):
        command.main(["fine_tunings", "--pools", str(tmp_path), "--docs", str(docs)])


def test_a_proposer_is_timed_at_every_run():
    seconds = proposer.searched(random, 5, 4)
    assert len(seconds) == 4
    assert all(value > 0 for value in [*seconds, proposer.once(random, 70, 30)])
