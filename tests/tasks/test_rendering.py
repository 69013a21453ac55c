"""What prompts and answers look like, and which outputs are malformed."""

import pytest
from handmade import make_task, row

from cotune.task import Entity, Event, Relation, Row, Task, Template
from cotune.tasks import candidates, parse, render

TEXT = "Ann met Bob in Rome ."


def test_one_label_is_the_cue() -> None:
    gold = row((Entity("Person", 0, 3), Entity("Person", 8, 11)), text=TEXT)
    rendered = render(make_task("ner", ["Person"]), gold)
    assert rendered.prompt == f"Text: {TEXT}\nPerson:"
    assert rendered.completion == " Ann; Bob"
    assert rendered.messages == (("user", rendered.prompt),)


def test_answers_follow_the_text() -> None:
    gold = row((Entity("Person", 8, 11), Entity("Place", 15, 19)), text=TEXT)
    assert render(make_task("ner", ["Person", "Place"]), gold).completion == " Person: Bob; Place: Rome"
    gold = row((Relation("lives_in", "Ann", "Rome"),), text=TEXT)
    assert render(make_task("relation", ["lives_in", "knows"]), gold).completion == " Ann | lives in | Rome"
    gold = row((Event("Meet", "met", (("Who", "Ann"), ("Where", "Rome"))),), text=TEXT)
    expected = " Meet: met | Who: Ann | Where: Rome"
    assert render(make_task("event", ["Meet"], ["Who", "Where"]), gold).completion == expected


def test_nothing_found_is_none() -> None:
    for kind in ("ner", "relation", "event"):
        task = make_task(kind, ["A", "B"])
        assert render(task, row((), text=TEXT)).completion == " none"
        assert parse(task, row((), text=TEXT), " none\nText: and so on") == ((), False)


def test_few_labels_are_listed_and_many_are_not() -> None:
    few = render(make_task("classification", ["not_spam", "spam"]), row("spam", text="Hi"))
    assert few.prompt == "Label with one of: not spam, spam.\nText: Hi\nLabel:"
    many = [f"intent_{number}" for number in range(77)]
    assert render(make_task("classification", many, name="my_bank"), row("intent_3", text="Hi")) == (
        (("user", "Text: Hi\nmy bank label:"),),
        "Text: Hi\nmy bank label:",
        " intent 3",
    )


def test_candidates_are_whole_answers() -> None:
    task = make_task("pair_classification", ["not_equal", "equal"])
    assert candidates(task) == ("not equal", "equal")
    for label, text in zip(task.labels, candidates(task), strict=True):
        assert parse(task, row(label, text_a="a", text_b="b"), " " + text) == (label, False)
    assert candidates(make_task("ner", ["A", "B"])) == ()


def test_labels_that_would_read_the_same_stay_as_they_are() -> None:
    assert candidates(make_task("classification", ["a_b", "A b"])) == ("a_b", "A b")


@pytest.mark.parametrize("output", [" Spam", "spam.", "spam\nText: next", "  spam  "])
def test_a_label_is_read_kindly(output: str) -> None:
    assert parse(make_task("classification", ["ham", "spam"]), row("ham", text="Hi"), output) == ("spam", False)


@pytest.mark.parametrize(
    ("kind", "output"),
    [
        ("ner", ""),
        ("ner", "Ann"),
        ("ner", "Alien: Ann"),
        ("ner", "A: Ann; ; A: Bob"),
        ("ner", "A: "),
        ("relation", "Ann | A"),
        ("relation", "Ann | A | Bob | Rome"),
        ("relation", "Ann | X | Bob"),
        ("relation", "Ann | A | "),
        ("event", "met"),
        ("event", "A: met | Who"),
        ("event", "A: met | X: Ann"),
        ("event", "A: met: Ann"),
        ("event", "A: met; B"),
        ("classification", "C"),
        ("classification", ""),
        ("classification", "A or B"),
    ],
)
def test_other_output_is_malformed(kind: str, output: str) -> None:
    task = make_task(kind, ["A", "B"], ["Who"])
    gold = row("A" if kind == "classification" else (), text=TEXT)
    assert parse(task, gold, output) == ("" if kind == "classification" else (), True)


def test_a_string_that_the_text_lacks_is_kept() -> None:
    prediction = parse(make_task("ner", ["A"]), row((), text=TEXT), " Ann; Zoe; Ann")
    assert prediction.answer == (Entity("A", -1, -1), Entity("A", -1, -1), Entity("A", 0, 3))


def test_a_chat_keeps_its_turns() -> None:
    turns = (("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "2+2? {x}"))
    chat = Row("c", {"input": "2+2? {x}"}, "4", messages=turns)
    rendered = render(Task("chat"), chat)
    assert rendered.messages == turns
    assert rendered.prompt == "System: Be brief.\nUser: Hi\nAssistant: Hello\nUser: 2+2? {x}\nAssistant:"
    assert rendered.completion == " 4"
    led = render(Task("chat", template=Template("Speak English.")), chat)
    assert led.messages[0] == ("system", "Speak English.")


def test_templates_are_data() -> None:
    template = Template("Find {labels}!", "<{text}> {hint} =>", "\n", "-")
    task = Task("t", "ner", labels=("A", "B"), template=template)
    gold = row((Entity("A", 0, 1), Entity("B", 2, 3)), text="x y", hint="{no}")
    rendered = render(task, gold)
    assert rendered.prompt == "Find A, B!\n<x y> {no} =>"
    assert rendered.completion == " A: x\nB: y"
    assert parse(task, gold, rendered.completion) == (gold.answer, False)
    assert parse(task, gold, "-") == ((), False)
