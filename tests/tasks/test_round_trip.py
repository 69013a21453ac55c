"""Gold to text to parse is the gold again: on all shared sets, and on rows that were made to be awkward."""

import string
from dataclasses import replace

import pytest
from handmade import make_task, row
from hypothesis import given
from hypothesis import strategies as st

from cotune.task import Entity, Event, Kind, Relation, Row, Task
from cotune.tasks import lost_rows, parse, render
from cotune.tasks.kinds.event import in_order as events_in_order
from cotune.tasks.kinds.relation import in_order as relations_in_order
from cotune.tasks.template import check_template

LOST_AT_MOST = 0.01


def test_gold_comes_back_on_every_shared_set(shared_tasks: tuple[Task, ...]) -> None:
    assert len(shared_tasks) == 28
    failing = {task.name: lost_rows(task) for task in shared_tasks}
    rows = {task.name: sum(map(len, task.rows.values())) for task in shared_tasks}
    too_many = {name: ids for name, ids in failing.items() if len(ids) > LOST_AT_MOST * rows[name]}
    assert not too_many
    unexpected = {task.name for task in shared_tasks if task.kind != "ner" and failing[task.name]}
    assert not unexpected, "only entity recognition may lose rows: a name after an unmarked equal string"


def test_what_is_lost_is_a_name_after_an_unmarked_equal_string() -> None:
    task = make_task("ner", ["Gene"])
    gold = row((Entity("Gene", 8, 11),), text="p53 and p53")
    assert parse(task, gold, render(task, gold).completion).answer == (Entity("Gene", 0, 3),)
    assert lost_rows(replace(task, rows={"dev": [gold]})) == ("r",)


def test_separators_inside_names_come_back() -> None:
    text = "the GRB2; SOS | RAS: RAF complex , none , a\\b"
    names = ("GRB2; SOS | RAS: RAF", "none", "a\\b")
    spans = [(text.index(name), text.index(name) + len(name)) for name in names]
    for labels in (["Gene"], ["Gene", "Cell: T; B", "x_y | z"]):
        task = make_task("ner", labels)
        answer = tuple(Entity(labels[-1], *span) for span in spans)
        for gold in (row(answer, text=text), row(answer[1:2], text=text), row((), text=text)):
            assert parse(task, gold, render(task, gold).completion) == (gold.answer, False)


awkward = st.text(st.sampled_from(";|: \\abn\n"), min_size=1, max_size=6).filter(lambda text: text.strip() == text)
labels = st.sampled_from(["T", "a: b", "a_b", "; x", "y |"])


def spaced(text: str) -> str:
    """As readers make it: white space is plain spaces."""
    return "".join(" " if sign in string.whitespace else sign for sign in text)


@given(st.lists(st.tuples(labels, awkward), max_size=4))
def test_any_entities_come_back(items: list[tuple[str, str]]) -> None:
    task = make_task("ner", ["T", "a: b", "a_b", "; x", "y |"])
    text, answer = "", []
    for number, (kind, name) in enumerate(items):
        text += f"<{number}>"
        unique = f"{name}{number}"
        answer.append(Entity(kind, len(text), len(text) + len(unique)))
        text += unique
    gold = row(tuple(answer), text=text)
    assert parse(task, gold, render(task, gold).completion) == (gold.answer, False)


@given(st.lists(st.builds(Relation, labels, awkward.map(spaced), awkward.map(spaced)), max_size=4))
def test_any_relations_come_back(relations: list[Relation]) -> None:
    task = make_task("relation", ["T", "a: b", "a_b", "; x", "y |"])
    text = " ".join(f"{item.head} {item.tail}" for item in relations) or "nothing"
    gold = row(relations_in_order(text, relations), text=text)
    assert parse(task, gold, render(task, gold).completion) == (gold.answer, False)


arguments = st.lists(st.tuples(labels, awkward.map(spaced)), max_size=3).map(tuple)


@given(st.lists(st.builds(Event, labels, awkward.map(spaced), arguments), max_size=3))
def test_any_events_come_back(events: list[Event]) -> None:
    names = ["T", "a: b", "a_b", "; x", "y |"]
    task = make_task("event", names, names)
    text = " ".join(event.trigger for event in events) or "nothing"
    gold = row(events_in_order(text, events), text=text)
    assert parse(task, gold, render(task, gold).completion) == (gold.answer, False)


KINDS: list[Kind] = ["ner", "relation", "event", "classification", "pair_classification", "generation"]


@pytest.mark.parametrize("kind", KINDS)
@given(output=st.text(max_size=40) | st.text(st.sampled_from("T;|: \\ab\n"), max_size=20))
def test_no_output_raises(kind: Kind, output: str) -> None:
    task = make_task(kind, ["T", "b"], ["a"])
    empty: Row = row("T" if kind in KINDS[3:] else (), text="T a b", text_a="T", text_b="a", input="T")
    prediction = parse(task, empty, output)
    assert prediction.malformed in (True, False)
    if prediction.malformed:
        assert not prediction.answer


@pytest.mark.parametrize("kind", KINDS)
def test_default_templates_are_valid(kind: Kind) -> None:
    for names in (["{odd}"], ["a_b", "c"], [f"label_{number}" for number in range(30)]):
        task = make_task(kind, names, name="set {1}")
        fields = {"text": "x {y}", "text_a": "x {y}", "text_b": "z", "input": "x {y}"}
        check_template(task.template, fields, extraction=kind in KINDS[:3])
        rendered = render(task, row("{odd}" if kind in KINDS[3:] else (), **fields))
        assert "x {y}" in rendered.prompt
        assert rendered.prompt == rendered.prompt.rstrip()
        assert rendered.completion[0] == " " != rendered.completion[1]
