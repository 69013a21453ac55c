"""Metrics: hand-counted rows, agreement with known packages, and what malformed output costs."""

from collections.abc import Sequence

import pytest
from handmade import make_task, row
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score

from cotune.tally import tally_score
from cotune.task import Answer, Entity, Event, Kind, Relation, Row, Task
from cotune.tasks import METRICS, Prediction, metrics_of, parse, tallies

KINDS: list[Kind] = ["ner", "relation", "event", "classification", "pair_classification", "generation"]


def score(kind: Kind, metric: str, pairs: Sequence[tuple[Answer, Answer | None]]) -> float:
    """The score of (gold, predicted) pairs; None is a malformed output."""
    task = Task("t", kind, metric=metric)
    return tally_score(
        tallies(task, Row("r", {}, gold), Prediction(found) if found is not None else Prediction((), malformed=True))
        for gold, found in pairs
    )


def test_entities_by_hand() -> None:
    gold = (Entity("A", 0, 2), Entity("B", 5, 7), Entity("A", 9, 12))
    found = (Entity("A", 0, 2), Entity("A", 5, 7), Entity("A", -1, -1))
    assert score("ner", "entity_f1", [(gold, found)]) == pytest.approx(2 * 1 / (3 + 3))
    assert score("ner", "entity_f1", [(gold, found), ((), ()), (gold[:1], gold[:1])]) == pytest.approx(4 / 8)
    assert score("ner", "entity_f1", [(gold, gold[:2])]) == pytest.approx(4 / 5)


def test_repeated_mentions_count_each_by_itself() -> None:
    task = make_task("ner", ["A"])
    gold = row((Entity("A", 0, 2), Entity("A", 3, 5)), text="xy xy z")
    outputs = {"xy": 2 / 3, "xy; xy": 1.0, "xy; xy; xy": 4 / 5, "xy; xy; q": 4 / 5}
    for output, expected in outputs.items():
        assert tally_score([tallies(task, gold, parse(task, gold, output), "entity_f1")]) == pytest.approx(expected)


def test_relations_by_hand() -> None:
    gold = (Relation("r", "a", "b"), Relation("s", "b", "a"))
    found = (Relation("r", "a", "b"), Relation("r", "a", "b"), Relation("s", "a", "b"))
    assert score("relation", "relation_f1", [(gold, found)]) == pytest.approx(2 * 1 / (2 + 2))


def test_events_by_hand() -> None:
    gold = (Event("E", "x", (("Who", "a"), ("Where", "b"))), Event("F", "y"))
    found = (Event("E", "z", (("Who", "a"),)), Event("F", "y", (("Who", "a"),)))
    assert score("event", "event_trigger_f1", [(gold, found)]) == pytest.approx(2 * 1 / (2 + 2))
    assert score("event", "event_argument_f1", [(gold, found)]) == pytest.approx(2 * 1 / (2 + 2))
    assert score("event", "event_argument_f1", [(gold, gold)]) == 1


def test_text_by_hand() -> None:
    assert score("generation", "exact_match", [("The cat.", "cat"), ("a", "b")]) == 0.5
    assert score("generation", "token_f1", [("the black cat", "black dog sat")]) == pytest.approx(2 * 1 / (2 + 3))
    assert score("generation", "rouge_l", [("a b c d", "a c x d")]) == pytest.approx(0.75)
    assert (
        score("ner", "exact_match", [((Entity("A", 0, 1),), (Entity("A", 0, 1),)), ((), (Entity("A", 0, 1),))]) == 0.5
    )


labels = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=30))
def test_labels_agree_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    gold, found = zip(*pairs, strict=True)
    assert score("classification", "accuracy", pairs) == pytest.approx(accuracy_score(gold, found))
    expected = f1_score(gold, found, average="macro", zero_division=0)
    assert score("classification", "macro_f1", pairs) == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_entity_f1_agrees_with_scikit_learn_on_single_spans(flags: list[tuple[bool, bool]]) -> None:
    span = (Entity("A", 0, 1),)
    pairs = [(span if gold else (), span if found else ()) for gold, found in flags]
    gold, found = zip(*flags, strict=True)
    assert score("ner", "entity_f1", pairs) == pytest.approx(f1_score(gold, found, zero_division=0))


words = st.lists(st.sampled_from(["run", "running", "cat", "cats", "the", "."]), max_size=8).map(" ".join)


@given(words, words)
def test_rouge_agrees_with_the_package(gold: str, found: str) -> None:
    expected = RougeScorer(["rougeL"], use_stemmer=True).score(gold, found)["rougeL"].fmeasure
    assert score("generation", "rouge_l", [(gold, found)]) == pytest.approx(expected)


GOLD: dict[Kind, tuple[Answer, ...]] = {
    "ner": ((), (Entity("A", 0, 1),)),
    "relation": ((), (Relation("r", "a", "b"),)),
    "event": ((), (Event("E", "x", (("Who", "a"),)),)),
    "classification": ("a",),
    "pair_classification": ("a",),
    "generation": ("", "some text"),
}
CASES = [(kind, metric) for kind in KINDS for metric in metrics_of(kind)]


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test_malformed_output_always_costs(kind: Kind, metric: str) -> None:
    for gold in GOLD[kind]:
        (tally,) = tallies(Task("t", kind, metric=metric), Row("r", {}, gold), Prediction((), malformed=True))
        assert tally.numerator == 0
        assert tally.denominator >= 1
        right = [(gold, gold)]
        assert score(kind, metric, [*right, (gold, None)]) < 1


@pytest.mark.parametrize("metric", ["event_argument_f1", "event_trigger_f1"])
def test_malformed_events_cost_all_that_is_missed_and_one(metric: str) -> None:
    gold = (Event("E", "x", (("Who", "a"), ("Where", "b"))), Event("E", "x", (("Who", "a"),)))
    task, example = Task("t", "event", metric=metric), Row("r", {}, gold)
    (missed,) = tallies(task, example, Prediction(()))
    (malformed,) = tallies(task, example, Prediction((), malformed=True))
    assert missed.denominator == {"event_argument_f1": 2, "event_trigger_f1": 1}[metric]
    assert malformed.denominator == missed.denominator + 1


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test_gold_scores_one_and_scores_stay_in_range(kind: Kind, metric: str) -> None:
    something = [(gold, gold) for gold in GOLD[kind] if gold]
    assert score(kind, metric, something) == pytest.approx(1)
    for wrong in GOLD[kind]:
        assert 0 <= score(kind, metric, [(GOLD[kind][-1], wrong)]) <= 1


def test_every_metric_suits_a_kind_and_others_are_refused() -> None:
    assert {metric for kind in KINDS for metric in metrics_of(kind)} == set(METRICS)
    for kind in KINDS:
        for metric in set(METRICS) - set(metrics_of(kind)):
            with pytest.raises(ValueError, match=f"Metric '{metric}' does not suit a {kind} task; choose from"):
                tallies(Task("t", kind), Row("r", {}, GOLD[kind][0]), Prediction(GOLD[kind][0]), metric)
    with pytest.raises(ValueError, match="Did you mean 'entity_f1'"):
        tallies(Task("t", "ner"), Row("r", {}, ()), Prediction(()), "entity-f1")
