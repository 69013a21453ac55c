"""Every mistake of a user: exit code 2, one line that says what to do, no traceback, nothing lost."""

import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cotune.cli.app import call
from cotune.journal import read_journal

KNOWN = "model evaluate targets required levels budget size_policy lora train scoring search limits leaks datasets name"
INNER = "tokens steps epochs lr layers trials sampler path kind splits dev_rows targts datsets"
KEYS = st.sampled_from(f"{KNOWN} {INNER}".split()) | st.text(max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 99)
    | st.floats()
    | st.sampled_from(["a", "b", "top-6", "random", "own_trainer:evaluate", "1e-4", "no", "../x", "\0", "equal", "<b>"])
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)
STUDIES = st.dictionaries(KEYS, VALUES, max_size=6).flatmap(
    lambda made: st.sampled_from([made, {"targets": ["a"], "datasets": ["a", "b"], "evaluate": "x:y"} | made])
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    STUDIES, st.sampled_from(["yaml", "json", "cut", "doubled"]), st.sampled_from(["space", "run", "check", "status"])
)
def test_no_study_file_gives_a_traceback(place, capsys, made, form, command):
    text = json.dumps(made) if form == "json" else yaml.safe_dump(made, allow_unicode=True)
    text = {"cut": text[: len(text) // 2], "doubled": text + text}.get(form, text)
    (place / "any.yaml").write_text(text, encoding="utf-8", errors="replace")
    capsys.readouterr()
    code = call([command, "any.yaml", *(["--dry-run"] if command == "run" else [])])
    printed = capsys.readouterr()
    assert code in (0, 2), printed.err
    assert "Traceback" not in printed.err
    assert code == 0 or len(printed.err.strip().splitlines()) >= 1
    assert (
        sum(line.startswith("Error: ") for line in printed.err.splitlines()) == (1 if code else 0) or command == "check"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "none.yaml"], "no file 'none.yaml'"),
        (["run", "."], "not a study's"),
        (["run"], "Missing argument 'STUDY'"),
        (["run", "study.yaml", "--trails", "3"], "--trials"),
        (["run", "study.yaml", "--trials", "0"], "search.trials"),
        (["run", "study.yaml", "--trials", "many"], "'--trials'"),
        (["run", "study.yaml", "--max-hours", "-1"], "search.max_hours"),
        (["run", "study.yaml", "--sampler", "randm"], "did you mean 'random'"),
        (["run", "study.yaml", "--balancer", "cobra"], "did you mean 'coba'"),
        (["run", "study.yaml", "--balancer", "coba", "train.balancer.options.tua=1"], "did you mean 'tau'"),
        (["run", "study.yaml", "--balancer", "coba", "train.balancer.evry=1"], "did you mean 'every'"),
        (["run", "study.yaml", "--balancer", "coba", "train.processes=2"], "set train.processes to 1"),
        (["run", "study.yaml", "train.balancer={name: dwa, options: {window: 1.5}}"], "is a whole number"),
        (["run", "study.yaml", "--mixing", "grap"], "did you mean 'grape'"),
        (["run", "study.yaml", "--mixing", "ama_s"], "Set train.mixing.reference to 'specialists'"),
        (["run", "study.yaml", "train.mixing={name: ama_s, reference: proxi}"], "is one of specialists, proxy, base"),
        (["run", "study.yaml", "--mixing", "grape", "train.mixing.evry=1"], "did you mean 'every'"),
        (["run", "study.yaml", "--mixing", "grape", "--balancer", "dwa"], "does not go with balancer 'dwa'"),
        (["run", "study.yaml", "train.curriculum=two_stge"], "did you mean 'two_stage'"),
        (["run", "study.yaml", "train.curriculum.nam=hints"], "did you mean 'name'"),
        (["run", "study.yaml", "train.curriculum=[{until: 0.5, dataset: [a]}]"], "did you mean 'datasets'"),
        (["run", "study.yaml", "train.curriculum=[{until: 0.5, datasets: [a]}]"], "the last until 1"),
        (["run", "study.yaml", "train.curriculum=[]"], "an empty list of stages"),
        (["run", "study.yaml", "--curriculum", "two_stge"], "did you mean 'two_stage'"),
        (["run", "study.yaml", "--curriculum", "hints", "train.curriculum.options.untl=1"], "did you mean 'until'"),
        (["run", "study.yaml", "--target", "q"], "Unknown datasets ['q']"),
        (["run", "study.yaml", "--targets", "none.yaml"], "no file 'none.yaml'"),
        (["run", "study.yaml", "--target", "a", "--targets", "study.yaml"], "one of the two"),
        (["run", "study.yaml", "search.trails=3"], "did you mean 'trials'"),
        (["run", "study.yaml", "evaluate=nowhere:f"], "cannot be imported"),
        (["run", "study.yaml", "evaluate=own_trainer:evaluat"], "Did you mean 'evaluate'"),
        (["run", "study.yaml", "--rebuild"], "nothing to rebuild"),
        (["run", "study.yaml", "evaluate=null"], "has no path"),
        (["run", "study.yaml", "--runs", "/sys/cotune"], "Cannot write"),
        (["report", "study.yaml"], "run one first"),
        (["status", "study.yaml"], "run one first"),
        (["export", "study.yaml"], "run one first"),
        (["export", "study.yaml", "--format", "xml"], "xml"),
        (["train", "study.yaml", "--out", "best"], "evaluation of its own"),
        (["train", "study.yaml"], "--out"),
        (["space", "--pool", "none", "--target", "a"], "no file 'none'"),
        (["train", "study.yaml", "--out", "best", "--single"], "--mix a,b"),
        (["train", "study.yaml", "--out", "best", "--mix", "a,b", "--winner"], "takes no --winner"),
        (["run", "study.yaml", "--reuse", "nowhere"], "no study in 'nowhere'"),
        (["space"], "--pool"),
        (["score", "study.yaml"], "run one first"),
        (["score", "none.json"], "none.json"),
        (["features", "study.yaml", "--mix", "a,q"], "Unknown datasets ['q']"),
        (["features", "study.yaml", "--mix", "a=0"], "1 to 99"),
        (["init", "--pool", "none", "--target", "a"], "none"),
        (["pool", "show", "biomed"], "Did you mean 'biomed12'"),
        (["rnu", "study.yaml"], "run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_on_the_command_line(place, refused, arguments, words):
    assert words in refused(*arguments)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is a mapping"),
        (b"targets: [a\n", "not valid YAML"),
        (b"targets: \xff\n", "not UTF-8"),
        (b"targets: [a]\ntargets: [b]\n", "already on line 1"),
        (b"a: &x 1\nb: *x\n", "anchors"),
        (b"a: !!python/object/apply:os.system [ls]\n", "tags"),
        (b"targts: [a]\ndatasets: [a]\n", "did you mean 'targets'"),
        (b"targets: [a]\ndatasets: [a, a]\nevaluate: x:y\n", "repeated: ['a']"),
        (b"targets: [a]\ndatasets: [{name: ../a, path: x}]\n", "slashes"),
        (b"targets: [a]\ndatasets: [a]\ntrain: {curriculum: []}\n", "an empty list of stages"),
        (b"targets: [a]\ndatasets: [{name: a, path: nowhere.csv}]\n", "nowhere.csv"),
        (b"targets: [a]\ndatasets: [{name: a, path: x, splits: {dev: v, test: v}}]\n", "same split"),
    ],
)
def test_mistakes_in_the_file(place, refused, content, words):
    (place / "bad.yaml").write_bytes(content)
    assert words in refused("run", "bad.yaml")


def test_a_mistake_is_one_line_even_where_the_message_has_many(place, refused):
    line = refused("run", "study.yaml", "name=a\u001b[31mred\nblue")
    assert "\x1b" not in line


def test_the_same_mistake_with_debug_shows_where_it_comes_from(place, capsys):
    assert call(["run", "none.yaml"], debug=True) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_unforeseen_error_is_one_line_and_exit_code_1(place, cotune):
    (place / "broken.py").write_text(
        "class Broken:\n    __call__ = settings = lambda *told: 1 / 0\n\n\nrun = Broken()\n"
    )
    done = cotune("run", "study.yaml", "--in-process", "evaluate=broken:run")
    assert done.code == 1
    (line,) = (line for line in done.err.splitlines() if "rror" in line)
    assert line.startswith("Internal error: ZeroDivisionError: division by zero. Run again with --debug")


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("x = 1\ndef evaluate(requests:\n", 2, "SyntaxError: '(' was never closed"),
        ("def f():\n    return nowhere\n\nf()\n", 2, "NameError: name 'nowhere' is not defined"),
        ("from os import nowhere\n", 1, "ImportError: cannot import name 'nowhere'"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("\0", None, "null bytes"),
    ],
    ids=["syntax", "name", "import", "exit", "null"],
)
@pytest.mark.parametrize("option", ["evaluate=bad:evaluate", "search.sampler=bad:evaluate"])
def test_a_module_that_fails_to_import_is_told_with_file_and_line(place, refused, source, line, words, option):
    (place / "bad.py").write_text(source)
    for command in (["check"], ["run", "--in-process"]):
        said = refused(command[0], "study.yaml", option, *command[1:])
        assert words in said
        assert line is None or f"{place / 'bad.py'}, line {line}: " in said


def test_other_conditions_are_refused_and_nothing_is_lost(place, cotune, refused):
    assert cotune("run", "study.yaml", "--in-process").code == 0
    before = read_journal(place / "runs" / "study").records
    (place / "own_trainer2.py").write_text((place / "own_trainer.py").read_text())
    line = refused("run", "study.yaml", "--in-process", "evaluate=own_trainer2:evaluate")
    assert "own_trainer" in line
    assert "--allow" in line
    assert "search seed: 0 -> 7" in refused("run", "study.yaml", "--in-process", "--seed", 7)
    assert read_journal(place / "runs" / "study").records == before
    assert cotune("run", "study.yaml", "--in-process", "--seed", 7, "--allow").code == 0
    assert read_journal(place / "runs" / "study").seed == 7


def test_a_check_names_every_dataset_that_cannot_be_read(place, cotune):
    done = cotune("check", "study.yaml", "evaluate=null")
    assert done.code == 2
    assert [line.split()[2] for line in done.errors] == ["'a'", "'b'", "'c'", "'d'"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_trained(place, refused):
    locked = place / "locked"
    locked.mkdir(mode=0o500)
    assert "may write" in refused("run", "study.yaml", "--in-process", "--runs", locked)


def test_a_study_that_is_a_file_is_refused(place, refused):
    (place / "runs").write_text("")
    assert refused("run", "study.yaml", "--in-process")


def test_no_name_writes_outside_of_the_runs(place, refused):
    for name in ("..", "../out", "/abs", "a/b", "a\\b", "-x", ".hidden", "a:b", "x" * 101, " a", "a\tb"):
        refused("run", "study.yaml", "--in-process", f"name={json.dumps(name)}")
    assert sorted(path.name for path in place.iterdir() if path.suffix not in (".py", ".yaml")) in (
        [],
        ["__pycache__"],
    )


def test_final_trainings_never_overwrite(place, refused):
    full = Path("full")
    full.mkdir()
    (full / "precious.txt").write_text("")
    (place / "plain.yaml").write_text("targets: [a]\ndatasets: [{name: a, path: a.jsonl}]\n")
    assert "choose another --out" in refused("train", "plain.yaml", "--out", full)


@pytest.mark.parametrize(
    ("module", "function", "words"),
    [
        ("raising", "def propose(*_): raise KeyError('x')", "'raising:propose' failed: KeyError: 'x' (raising.py:1)"),
        ("telling", "def propose(*_): return 'hello'", "got 'h' in it"),
        ("silent", "def propose(*_): pass", "'silent:propose' gives a list of Proposals; got None."),
    ],
)
def test_a_mistake_in_a_sampler_of_ones_own_names_it(place, cotune, module, function, words):
    (place / f"{module}.py").write_text(function + "\n")
    done = cotune("run", "study.yaml", "--sampler", f"{module}:propose", "--in-process")
    assert done.code == 2
    assert words in done.err.splitlines()[-1]
