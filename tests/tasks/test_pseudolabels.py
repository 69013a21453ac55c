"""Sure guesses are kept, judged on gold rows, and become a dataset that loads as it is asked."""

import json
from dataclasses import replace

import pytest

from cotune.task import Row, Task, Template
from cotune.tasks import load_task, render
from cotune.tasks.pseudolabels import (
    Guess,
    Precision,
    check_labelled,
    label_counts,
    pool_entry,
    precision,
    sure,
    write_pseudolabels,
)
from cotune.tasks.spec import dataset_spec

TASK = Task(
    "reviews",
    "classification",
    {"train": (Row("t1", {"text": "good", "confidence": "0.4"}, "pro"),), "dev": (Row("d1", {"text": "bad"}, "con"),)},
    labels=("con", "pro", "other_one"),
    template=Template("Label with one of: {labels}.", "Text: {text}\nLabel:"),
    metric="macro_f1",
    licence="CC0 1.0",
)


def guesses(*pairs):
    return [
        Guess(Row(str(place), {"text": f"text {place}"}, gold), label, sureness)
        for place, (gold, label, sureness) in enumerate(pairs)
    ]


def test_what_is_as_likely_as_the_threshold_is_kept():
    made = guesses(("con", "pro", 0.9), ("con", "pro", 0.8999), ("con", "con", 1.0))
    assert [guess.row.id for guess in sure(made, 0.9)] == ["0", "2"]
    assert sure(made, 0.0) == made
    assert label_counts(TASK, [guess.label for guess in made]) == {"con": 1, "pro": 2, "other_one": 0}


def test_precision_with_wilson_s_interval_by_hand():
    made = guesses(
        ("con", "con", 0.95), ("con", "pro", 0.9), ("pro", "pro", 1.0), ("pro", "pro", 0.9), ("pro", "con", 0.5)
    )
    found = precision(made, 0.9)
    assert (found.right, found.rows, found.share) == (3, 4, 0.75)
    # z = 1.959964, n = 4: (0.75 + z2/8) / (1 + z2/4) = 0.627527, -+ z / (1 + z2/4) sqrt(0.046875 + z2/64) = 0.326885
    assert (found.low, found.high) == pytest.approx((0.300642, 0.954413), abs=2e-5)
    assert precision(made, 1.1) == Precision(0, 0)


@pytest.fixture
def folder(tmp_path):
    kept = guesses(("", "pro", 0.98765432), ("", "other_one", 0.75))
    held = {"dev": TASK.rows["dev"], "test": TASK.rows["train"]}
    (tmp_path / "new").mkdir()
    write_pseudolabels(tmp_path / "new", TASK, kept, held, {"con": 1.25, "pro": 1.5, "other_one": 2.0}, {"stage": 1})
    return tmp_path


def loaded(folder, task, **more):
    return load_task(dataset_spec({**pool_entry(task, "new", "new"), **more}), folder)


def test_what_is_written_loads_and_is_asked_as_the_dataset(folder):
    task = loaded(folder, TASK)
    assert (task.kind, task.labels, task.metric, task.licence) == (TASK.kind, TASK.labels, "macro_f1", "CC0 1.0")
    first, second = task.rows["train"]
    assert [(row.id, row.answer) for row in (first, second)] == [("0", "pro"), ("1", "other_one")]
    assert [float(row.fields["confidence"]) for row in (first, second)] == [0.987654, 0.75]
    gold = replace(first, fields={"text": "text 0"})
    assert render(task, first) == render(TASK, gold)
    assert [row.answer for split in ("dev", "test") for row in task.rows[split]] == ["con", "pro"]
    assert [float(task.rows[split][0].fields["confidence"]) for split in ("dev", "test")] == [1.0, 1.0]
    assert json.loads((folder / "new" / "dataset.json").read_text())["stage"] == 1


def test_the_weight_of_the_class_can_stand_for_the_confidence(folder):
    task = loaded(folder, TASK, columns={"confidence": "class_weight"})
    assert [float(row.fields["confidence"]) for row in task.rows["train"]] == [0.75, 1.0]  # 1.5 / 2 and 2 / 2


@pytest.mark.parametrize(
    "template",
    [Template("", "{text}\nreviews label:"), Template("In {labels}?", "{text} {title}")],
)
def test_a_prompt_of_one_s_own_goes_with_the_entry(tmp_path, template):
    own = replace(TASK, template=template)
    row = Row("a", {"text": "T", "title": "H"} if "title" in template.prompt else {"text": "T"}, "")
    held = {split: (Row(split, {**row.fields, "text": f"a {split} text"}, "con"),) for split in ("dev", "test")}
    (tmp_path / "new").mkdir()
    weights = dict.fromkeys(TASK.labels, 2.0)
    write_pseudolabels(tmp_path / "new", own, [Guess(row, "pro", 0.9)], held, weights, {})
    task = loaded(tmp_path, own)
    assert render(task, task.rows["train"][0]) == render(own, replace(row, answer="pro"))


def test_only_a_classification_with_labels_to_choose_from_can_be_labelled():
    check_labelled(TASK)
    with pytest.raises(ValueError, match="of kind generation with 0 labels"):
        check_labelled(Task("says"))
    with pytest.raises(ValueError, match="with 1 labels"):
        check_labelled(replace(TASK, labels=("con",)))
