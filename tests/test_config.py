"""A study file becomes checked settings, or one line that says what is wrong where."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cotune import Problem, Task
from cotune.config import StudyConfig, build_problem, build_sampler, load_config, load_targets
from cotune.config.build import FineTuning
from cotune.config.dump import dump_config
from cotune.config.model import dataset
from cotune.config.names import SAMPLERS, named
from cotune.config.overrides import parse_override, with_override
from cotune.config.pool import load_entries, pool_entries
from cotune.task import Row
from cotune.tasks import DatasetSpec
from cotune.training import Budget, Lora, SizePolicy, Train

STUDY = """\
model: HuggingFaceTB/SmolLM2-135M-Instruct   # hub id, local folder, or `embedded`
targets: [ncbi_disease]
budget: {tokens: 200_000}
size_policy: equal
dev_rows: 96
lora: {rank: 8, layers: top-6}
train: {lr: 1e-3, batch_tokens: 1024, max_length: 256}
search: {trials: 24, sampler: default, confirm: 3, seed: 0}
datasets:
  - {name: ncbi_disease, path: data/ncbi_disease, kind: ner}
  - {name: phee, path: data/phee, kind: event}
  - name: intents
    path: org/hub-dataset
    split: train
    kind: classification
    columns: {text: utterance, label: intent}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my-study.yaml"
    path.write_text(STUDY)
    return path


def problem_with(path: Path, *overrides: str) -> str:
    with pytest.raises(ValueError, match=r"\w") as caught:
        load_config(path, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_design_s_own_study_is_read(file):
    config = load_config(file)
    assert config.name == "my-study"
    assert config.targets == {"ncbi_disease": 1}
    assert config.budget == Budget(tokens=200_000)
    assert config.lora == Lora(rank=8, layers="top-6")
    assert config.train == Train(lr=1e-3, batch_tokens=1024, max_length=256)
    assert config.scoring.dev_rows == 96
    assert config.datasets[2] == DatasetSpec(
        "intents",
        "org/hub-dataset",
        "classification",
        splits={"train": "train"},
        columns={"text": "utterance", "label": "intent"},
    )


def test_overrides_equal_the_same_words_in_the_file(file, tmp_path):
    changed = STUDY.replace("200_000", "50000").replace("trials: 24", "trials: 7").replace("data/phee", "other")
    (tmp_path / "changed.yaml").write_text(changed)
    overridden = load_config(
        file, ["budget.tokens=50000", "search.trials=7", "datasets.phee.path=other", "name=changed"]
    )
    assert overridden == load_config(tmp_path / "changed.yaml")


def test_another_unit_of_budget_replaces_the_file_s(file):
    assert load_config(file, ["budget.steps=60"]).budget == Budget(steps=60)


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("proportional", SizePolicy("proportional")),
        ("{temperature: 2}", SizePolicy("temperature", 2.0)),
        ("{kind: equal, cap_epochs: 4}", SizePolicy(cap_epochs=4.0)),
    ],
)
def test_size_policies_have_short_forms(file, value, policy):
    assert load_config(file, [f"size_policy={value}"]).size_policy == policy


@pytest.mark.parametrize(
    ("overrides", "policy"),
    [
        (["size_policy.cap_epochs=2"], SizePolicy(cap_epochs=2.0)),
        (["size_policy.cap_epochs=2", "size_policy.temperature=3"], SizePolicy("temperature", 3.0, 2.0)),
        (["size_policy=proportional", "size_policy.cap_epochs=2"], SizePolicy("proportional", cap_epochs=2.0)),
    ],
)
def test_a_key_inside_a_short_form_can_be_overridden(file, overrides, policy):
    assert load_config(file, overrides).size_policy == policy


@pytest.mark.parametrize("override", ["dev_rows=50", "scoring.dev_rows=50", "scoring={dev_rows: 50}"])
@pytest.mark.parametrize("said", ["dev_rows: 96", "scoring: {dev_rows: 96}", "scoring: {batch: 32}"])
def test_dev_rows_are_overridden_in_either_form(file, override, said):
    file.write_text(STUDY.replace("dev_rows: 96", said))
    assert load_config(file, [override]).scoring.dev_rows == 50


def test_a_mistake_in_a_short_form_names_the_override(file):
    assert "override 'dev_rows=many'" in problem_with(file, "dev_rows=many")


@pytest.mark.parametrize("value", ["ncbi_disease", "[ncbi_disease]", "{ncbi_disease: 1}"])
def test_targets_have_short_forms(file, value):
    assert load_config(file, [f"targets={value}"]).targets == {"ncbi_disease": 1}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("targts=[a]", "Unknown key 'targts'; did you mean 'targets'?"),
        ("search.trails=9", "Unknown key 'trails' in 'search'; did you mean 'trials'?"),
        ("train.overrides={phee: {wieght: 2}}", "did you mean 'weight'?"),
        ("lr=1e-4", "it belongs under 'train'"),
        ("search.trials='24'", "search.trials should be a valid integer"),
        ("search.trials=true", "search.trials should be a valid integer"),
        ("search.trials=0", "greater than or equal to 1"),
        ("train.lr=.inf", "finite"),
        ("train.lr=-1", "positive"),
        ("budget={tokens: 1, steps: 1}", "exactly one"),
        ("datasets=[]", "at least one dataset"),
        ("datasets=[a, A]", "not by case alone"),
        ("datasets.phee.kind=evnt", "Did you mean 'event'?"),
        ("name=../escape", "slashes"),
        ("targets={ncbi_disease: yes}", "targets.ncbi_disease should be a valid number"),
        ("datasets.phe.kind=ner", "'phe'"),
        ("model.x=1", "replace the whole value"),
        ("novalue", "key=value"),
        ("search.trials=[1", "not valid YAML"),
    ],
)
def test_mistakes_are_told_in_one_line(file, override, words):
    assert words in problem_with(file, override)


def test_mistakes_in_the_file_name_its_line(file):
    file.write_text(STUDY.replace("rank: 8", "rnk: 8"))
    assert problem_with(file) == f"{file}:6: Unknown key 'rnk' in 'lora'; did you mean 'rank'?"


def test_missing_keys_are_named(file):
    file.write_text("datasets: [a]")
    assert "Key 'targets' is missing" in problem_with(file)


@pytest.mark.parametrize("text", ["", "- a\n- b", "just words", "42"])
def test_a_file_that_is_no_study_is_refused(file, text):
    file.write_text(text)
    assert "a study file is a mapping" in problem_with(file)


def test_the_same_split_for_search_and_report_is_refused(file):
    message = problem_with(file, "datasets.phee.splits={train: train, dev: validation, test: validation}")
    assert "same split 'validation'" in message
    assert load_config(file, ["datasets.phee.splits={train: train, dev: validation, test: test}"])


def test_a_configuration_survives_being_written(file, tmp_path):
    before = load_config(file, ["search.max_hours=1.5", "train.weights={phee: 2}", "datasets.phee.labels=[a, b]"])
    (tmp_path / "copy.yaml").write_text(dump_config(before, tmp_path))
    assert load_config(tmp_path / "copy.yaml") == before


@pytest.mark.parametrize("text", ["08", "1e-3", "0o7", "no", "true", "a: b", "{x}\n=>", "\u2028", "\x85"])
def test_text_that_looks_like_something_else_survives_being_written(file, tmp_path, text):
    change = {"labels": [text, "other"], "template": {"instruction": text}, "columns": {"text": text}}
    before = load_config(file, [f"datasets.phee.{key}={json.dumps(value)}" for key, value in change.items()])
    (tmp_path / "copy.yaml").write_text(dump_config(before, tmp_path), encoding="utf-8")
    assert load_config(tmp_path / "copy.yaml") == before


def test_written_globs_match_the_same_files_from_elsewhere(file, tmp_path):
    before = load_config(file, ["datasets.phee.path=data/*.jsonl"])
    (tmp_path / "copy.yaml").write_text(dump_config(before, tmp_path / "here"))
    assert load_config(tmp_path / "copy.yaml").datasets[1].path == str(tmp_path / "here" / "data" / "*.jsonl")


def test_written_paths_lead_to_the_same_data_from_elsewhere(file, tmp_path):
    (tmp_path / "data" / "phee").mkdir(parents=True)
    elsewhere = tmp_path / "runs" / "copy.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(dump_config(load_config(file), tmp_path))
    phee = load_config(elsewhere).datasets[1]
    assert isinstance(phee, DatasetSpec)
    assert elsewhere.parent / phee.path == tmp_path / "data" / "phee"


def test_every_named_sampler_exists():
    assert all(callable(named(name, SAMPLERS, what="sampler")) for name in SAMPLERS)


def test_unknown_samplers_suggest_the_nearest(file):
    with pytest.raises(ValueError, match="did you mean 'random'"):
        build_sampler(load_config(file, ["search.sampler=randm"]), file.parent)


def test_a_sampler_of_one_s_own_is_imported_from_beside_the_study(file):
    (file.parent / "own_sampler_module.py").write_text(
        "def lazy(problem, trials, pending, rng, count):\n    return []\n"
    )
    sampler = build_sampler(load_config(file, ["search.sampler=own_sampler_module:lazy"]), file.parent)
    assert callable(sampler)
    for wrong, words in [("own_sampler_module:lzy", "Did you mean 'lazy'"), ("no_such_module:f", "cannot be imported")]:
        with pytest.raises(ValueError, match=words):
            build_sampler(load_config(file, [f"search.sampler={wrong}"]), file.parent)


def test_problems_need_known_targets(file):
    config = load_config(file, ["targets=[ncbi_diseas]"])
    with pytest.raises(ValueError, match="Did you mean 'ncbi_disease'"):
        build_problem(config, [Task(entry.name) for entry in config.datasets])


def test_targets_can_come_from_a_file(tmp_path):
    (tmp_path / "w.yaml").write_text("{a: 2, b: 0.5}")
    assert load_targets(tmp_path / "w.yaml") == {"a": 2.0, "b": 0.5}
    (tmp_path / "w.yaml").write_text("[a, b]")
    assert load_targets(tmp_path / "w.yaml") == {"a": 1.0, "b": 1.0}
    for text in ("", "{a: yes}", "{a: true}", "3"):
        (tmp_path / "w.yaml").write_text(text)
        with pytest.raises(ValueError, match="targets are names"):
            load_targets(tmp_path / "w.yaml")


def test_a_data_folder_stands_in_for_a_source_that_cannot_be_reached(tmp_path):
    folder = tmp_path / "stand-in" / "far"
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        rows = [f'{{"id": "{split}{i}", "text": "text {split} {i}", "label": "{"ab"[i % 2]}"}}' for i in range(6)]
        (folder / f"{split}.jsonl").write_text("\n".join(rows))
    entry = DatasetSpec("far", "org/far-away", columns={"text": "sentence"}, licence="CC0")
    (task,) = load_entries([entry], tmp_path, data=tmp_path / "stand-in")
    assert (len(task.rows["train"]), task.licence) == (6, "CC0")


def test_pools_are_read_as_files_and_as_folders(tmp_path):
    (tmp_path / "p.yaml").write_text("datasets: [a, {name: b, path: x.csv}]")
    assert [entry.name for entry in pool_entries(tmp_path / "p.yaml")] == ["a", "b"]
    (tmp_path / "p.yaml").write_text("datasets:\n  - a\n  - {name: b, pth: x}")
    with pytest.raises(ValueError, match=r"p.yaml:3: .*Did you mean 'path'"):
        pool_entries(tmp_path / "p.yaml")


def test_overriding_twice_keeps_the_last_and_nothing_else_changes():
    data = {"a": {"b": 1, "c": [{"name": "x", "k": 1}]}}
    once = with_override(data, *parse_override("a.c.x.k=2"))
    assert with_override(once, *parse_override("a.c.0.k=1")) == data
    assert data["a"]["c"] == [{"name": "x", "k": 1}]


def test_problem_of_a_config_equals_one_made_by_hand(file):
    config = load_config(file, ["targets={phee: 3, ncbi_disease: 1}", "required=[phee]", "levels=2"])
    tasks = [Task(entry.name) for entry in config.datasets]
    by_hand = Problem(tasks, {"phee": 3, "ncbi_disease": 1}, required=["phee"], levels=2)
    assert build_problem(config, tasks) == by_hand


def test_what_counts_is_read_kept_and_checked(file: Path, tmp_path: Path) -> None:
    changes = ["targets=[ncbi_disease, phee]", "objective=worst", "reference.phee=0.3", "keep.intents=0.01"]
    config = load_config(file, changes)
    tasks = [Task(entry.name) for entry in config.datasets]
    problem = build_problem(config, tasks)
    assert (problem.objective, problem.reference, problem.keep) == ("worst", {"phee": 0.3}, {"intents": 0.01})
    assert problem.measured == ("ncbi_disease", "phee", "intents")
    file.write_text(dump_config(config, tmp_path))
    assert load_config(file) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["objective=best"], "objective"),
        (["objective=pareto"], r"A Pareto front is of 2 to 4 targets; got 1"),
        (["keep.intent=0.1"], r"Unknown datasets \['intent'\].*Did you mean 'intents'"),
        (["keep.intents=-0.1"], "keep says how far a score may fall"),
        (["reference.phee=0.1"], r"A reference is the score of a target; \['phee'\] are none"),
    ],
)
def test_mistakes_in_what_counts_are_one_line(file: Path, changes: list[str], message: str) -> None:
    def build() -> None:
        config = load_config(file, changes)
        build_problem(config, [Task(entry.name) for entry in config.datasets])

    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "train.balancer={name: importance, options: {weights: {phee: x}}}",
            "train.balancer.options.weights should be",
        ),
        ("train.mixing={name: ama_s, reference: {phee: x}}", "train.mixing.reference should be specialists, proxy"),
        ("train.mixing={name: ama_s, reference: 3}", "train.mixing.reference should be specialists, proxy"),
    ],
)
def test_a_value_of_several_types_is_one_mistake(file: Path, change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load_config(file, [change])
    assert "more)" not in str(caught.value)


def test_datasets_to_keep_get_their_metric(file: Path, tmp_path: Path) -> None:
    config = load_config(file, ["keep.intents=0.01"])
    rows = (Row("1", {"input": "text"}, "yes"),)
    tasks = tuple(
        Task(entry.name, "classification", {"train": rows, "dev": rows}, metric="accuracy") for entry in config.datasets
    )
    assert FineTuning(config, tasks, tmp_path)().setup.measured == {"ncbi_disease", "intents"}


def test_frozen_settings_can_be_changed_by_copy_alone(file):
    config: StudyConfig = load_config(file)
    with pytest.raises(ValueError, match="frozen"):
        config.model = "other"  # type: ignore[misc]
    assert replace(config.budget, tokens=1).tokens == 1


def test_the_word_for_an_own_trainers_scores_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("evaluate: m:f\ntargets: [a]\ndatasets: [{name: a, metric: accuracy}, b]\n")
    config = load_config(file)
    assert [entry.metric for entry in config.datasets] == ["accuracy", "score"]
    file.write_text(dump_config(config, tmp_path))
    assert load_config(file).datasets == config.datasets


@pytest.mark.parametrize("metric", ["null", "[f1]", '""', "3"])
def test_a_word_for_scores_that_is_no_word_is_refused(tmp_path: Path, metric: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(f"evaluate: m:f\ntargets: [a]\ndatasets: [{{name: a, metric: {metric}}}, b]\n")
    with pytest.raises(ValueError, match="Dataset 'a': metric is a word for its scores; got"):
        load_config(file)


def test_a_folder_that_stands_in_for_a_name_keeps_its_metric(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    lines = [f'{{"text": "text {"abc"[index % 3]} {index}", "label": "{"xy"[index % 2]}"}}\n' for index in range(60)]
    (tmp_path / "a" / "train.jsonl").write_text("".join(lines))
    named = [dataset({"name": "a", "metric": "macro_f1"}), dataset("a")]
    metrics = [load_entries([entry], tmp_path, data=tmp_path)[0].metric for entry in named]
    assert metrics == ["macro_f1", "accuracy"]


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "true", "all"])
def test_a_batch_that_is_none_is_refused_in_one_sentence(file, value):
    with pytest.raises(ValueError, match=r"search\.batch=.*'auto' or a whole number of fine-tunings >= 1; got"):
        load_config(file, [f"search.batch={value}"])
    assert [load_config(file, [f"search.batch={good}"]).search.batch for good in ("auto", "3")] == ["auto", 3]
