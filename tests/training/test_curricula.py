"""A curriculum changes when a dataset is shown and, but for written stages, not how much of it."""

from collections import Counter
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotune import Mixture, Request
from cotune.training import Budget, Curriculum, SizePolicy, Stage, Train
from cotune.training.curriculum.choice import PLACES, timetable
from cotune.training.curriculum.contract import Facts
from cotune.training.curriculum.easy_to_hard import paced
from cotune.training.curriculum.lessons import Lessons
from cotune.training.curriculum.pacing import PACES, Pace
from cotune.training.example import Example
from cotune.training.mixing import plan


def examples(name, rows, low, high):
    rng = np.random.default_rng(len(name) + rows)
    return [Example(name, f"{name}{i}", tuple(range(int(rng.integers(low, high)))), (1, 2, 0)) for i in range(rows)]


LONGEST = 123  # tokens of the longest example there is
POOL = {
    "large": examples("large", 900, 10, 60),
    "middle": examples("middle", 200, 80, LONGEST - 3),
    "small": examples("small", 90, 20, 40),
    "target": examples("target", 120, 20, 60),
}
STAGES = (Stage(0.3, {"large": 1}), Stage(0.6, {"small": 1, "middle": 3, "target": 1}), Stage(1.0))
CHOICES = [Curriculum(name) for name in PLACES]
CHOICES += [Curriculum("sequential", {"joint": 0.3}), Curriculum("hints", {"hints": ("small",)})]
CHOICES += [Curriculum("alternate", {"rounds": 3, "solo": 0.2}), Curriculum("two_stage", {"high": ("middle", "small")})]
CHOICES += [Curriculum("easy_to_hard", {"pace": pace}) for pace in PACES]
CHOICES += [Curriculum("easy_to_hard", {"by": "examples"}), Curriculum(stages=STAGES)]


EQUAL, TRAIN = SizePolicy(), Train()


def row_loss(example):
    return (crc32(example.id.encode()) % 1000) / 1000 + {"large": 3, "middle": 1, "small": 2, "target": 0}[example.task]


def lessons(choice):
    return Lessons(timetable(choice), frozenset({"target"}), lambda rows: [row_loss(row) for row in rows])


def draw(choice, budget, *, parts=tuple(POOL), policy=EQUAL, train=TRAIN, seed=0, fidelity=1.0):
    request = Request(Mixture.of(parts), seed, fidelity)
    return plan(request, POOL, budget=budget, policy=policy, train=train, lessons=lessons(choice))


def tokens_of(drawn):
    return {name: exposure.tokens for name, exposure in drawn.exposure.items()}


BUDGETS = st.one_of(
    st.integers(6_000, 40_000).map(lambda tokens: Budget(tokens=tokens)),
    st.integers(10, 60).map(lambda steps: Budget(steps=steps)),
    st.integers(200, 900).map(lambda count: Budget(examples=count)),
)


@settings(max_examples=120, deadline=None)
@given(
    choice=st.sampled_from(CHOICES),
    parts=st.dictionaries(st.sampled_from(sorted(POOL)), st.integers(1, 3), min_size=1),
    budget=BUDGETS,
    policy=st.sampled_from([SizePolicy(), SizePolicy("proportional"), SizePolicy("temperature", temperature=2.0)]),
    train=st.sampled_from([Train(), Train(batch_tokens=400), Train(batch_examples=6)]),
    seed=st.integers(0, 3),
)
def test_what_is_trained_is_what_was_planned_to_within_an_example_a_phase(choice, parts, budget, policy, train, seed):
    drawn = draw(choice, budget, parts=parts, policy=policy, train=train, seed=seed)
    planned, realised = Counter(), Counter()
    for lesson in drawn.lessons:
        assert sum(lesson.phase.shares.values()) == pytest.approx(1)
        assert set(lesson.tokens) == set(lesson.phase.shares)
        total = sum(lesson.tokens.values())
        planned.update({name: share * total for name, share in lesson.phase.shares.items()})
        realised.update(lesson.tokens)
        for name in parts:
            assert realised[name] == pytest.approx(planned[name], abs=LONGEST)
    assert dict(realised) == {name: tokens for name, tokens in tokens_of(drawn).items() if tokens}
    assert [example for batch in drawn.batches for example in batch] == list(drawn.examples)


@settings(max_examples=60, deadline=None)
@given(choice=st.sampled_from(CHOICES), tokens=st.integers(6_000, 40_000), seed=st.integers(0, 3))
def test_phases_end_where_they_should_and_the_budget_holds_over_the_whole(choice, tokens, seed):
    drawn = draw(choice, Budget(tokens=tokens), seed=seed)
    done = 0
    for lesson in drawn.lessons:
        done += sum(lesson.tokens.values())
        assert done == pytest.approx(lesson.phase.until * tokens, abs=LONGEST)


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if not choice.stages], ids=str)
@pytest.mark.parametrize("policy", [SizePolicy(), SizePolicy("proportional"), SizePolicy(cap_epochs=0.6)], ids=str)
def test_a_curriculum_leaves_how_much_is_trained_of_each_dataset(choice, policy):
    mixed = tokens_of(draw(Curriculum(), Budget(tokens=30_000), policy=policy))
    ordered = tokens_of(draw(choice, Budget(tokens=30_000), policy=policy))
    for name, tokens in mixed.items():
        assert ordered[name] == pytest.approx(tokens, abs=2 * LONGEST)


@settings(max_examples=60, deadline=None)
@given(
    choice=st.sampled_from(CHOICES),
    cap=st.floats(0.2, 3),
    budget=st.one_of(BUDGETS, st.floats(0.5, 2).map(lambda epochs: Budget(epochs=epochs))),
)
def test_no_dataset_is_repeated_beyond_its_cap(choice, cap, budget):
    drawn = draw(choice, budget, policy=SizePolicy(cap_epochs=cap))
    for name, exposure in drawn.exposure.items():
        assert exposure.examples <= max(round(cap * len(POOL[name])), 1)
        shown = Counter(example.id for example in drawn.examples if example.task == name)
        assert max(shown.values(), default=0) <= int(np.ceil(cap))


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_the_seed_alone_decides_the_plan(choice):
    budget = Budget(tokens=9000)
    assert draw(choice, budget, seed=3) == draw(choice, budget, seed=3)
    assert draw(choice, budget, seed=3).batches != draw(choice, budget, seed=4).batches


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_one_dataset_alone_is_trained_on_as_ever_but_for_the_order_of_rows(choice):
    ordered = draw(choice, Budget(tokens=3000), parts=["target"])
    mixed = draw(Curriculum(), Budget(tokens=3000), parts=["target"])
    assert len(ordered.lessons) == 1
    if choice.options.get("by") != "examples":
        assert ordered == mixed
    assert {row.id for row in mixed.examples} - {row.id for row in ordered.examples} <= {mixed.examples[-1].id}


def test_a_mixture_without_targets_or_without_others_has_one_phase():
    for name in ("sequential", "hints"):
        assert len(draw(Curriculum(name), Budget(tokens=6000), parts=["large", "small"]).lessons) == 1
    assert len(draw(Curriculum("alternate"), Budget(tokens=6000), parts=["large", "small"]).lessons) == 1


FACTS = Facts(
    targets=frozenset({"t"}),
    tokens={"a": 8000.0, "b": 100.0, "t": 900.0},
    wanted={"a": 0.5, "b": 0.25, "t": 0.25},
    shares={"a": 0.5, "b": 0.25, "t": 0.25},
    losses={"a": 2.0, "b": 1.0, "t": 3.0},
)
JOINT = {"a": 0.5, "b": 0.25, "t": 0.25}


def assert_phases(choice, *expected):
    found = timetable(choice).phases(FACTS)
    assert [phase.until for phase in found] == pytest.approx([until for until, _ in expected], abs=1e-6)
    for phase, (_, shares) in zip(found, expected, strict=True):
        assert phase.shares == pytest.approx(shares, abs=1e-6)


def test_two_stage_by_hand():
    """Of 0.5 in all 0.3 of `a`, 60 %, come alone; then 0.2 of it with the other halves."""
    late = {"a": 0.2 / 0.7, "b": 0.25 / 0.7, "t": 0.25 / 0.7}
    assert_phases(Curriculum("two_stage", {"switch": 0.6}), (0.3, {"a": 1.0}), (1.0, late))
    late = {"a": 2 / 3, "b": 1 / 6, "t": 1 / 6}
    assert_phases(Curriculum("two_stage", {"high": ("b", "t")}), (0.25, {"b": 0.5, "t": 0.5}), (1.0, late))


def test_sequential_by_hand():
    assert_phases(Curriculum("sequential"), (0.75, {"a": 2 / 3, "b": 1 / 3}), (1.0, {"t": 1.0}))
    early = {"a": 0.5 / 0.8, "b": 0.25 / 0.8, "t": 0.05 / 0.8}
    assert_phases(Curriculum("sequential", {"joint": 0.2}), (0.8, early), (1.0, {"t": 1.0}))


def test_hints_by_hand():
    """While the target passes through 40 % of its 0.25, all hints come: 0.85 of the budget."""
    early = {"a": 0.5 / 0.85, "b": 0.25 / 0.85, "t": 0.1 / 0.85}
    assert_phases(Curriculum("hints", {"until": 0.4}), (0.85, early), (1.0, {"t": 1.0}))
    early = {"a": 0.25 / 0.625, "b": 0.25 / 0.625, "t": 0.125 / 0.625}
    assert_phases(Curriculum("hints", {"hints": ("b",)}), (0.625, early), (1.0, {"a": 2 / 3, "t": 1 / 3}))
    assert_phases(Curriculum("hints", {"until": 1.0}), (1.0, JOINT))


def test_alternate_by_hand():
    """A round has 0.4375 joint, a quarter of the target's half in it, and 0.0625 of the target alone."""
    joint = {"a": 0.25 / 0.4375, "b": 0.125 / 0.4375, "t": 0.0625 / 0.4375}
    expected = (0.4375, joint), (0.5, {"t": 1.0}), (0.9375, joint), (1.0, {"t": 1.0})
    assert_phases(Curriculum("alternate"), *expected)


def test_easy_to_hard_by_hand():
    """`b` (loss 1) is there from the start, `a` (2) once 1/3 is open, `t` (3) once 2/3 is.

    Linear from 0.2 to all at 0.8 of the easiest dataset: a third at 0.8 (1/3 - 0.2) / 0.8 = 2/15, two thirds at 7/15.
    """
    first, second = 2 / 15, 7 / 15
    spread_a, spread_t = 0.5 / (1 - first), 0.25 / (1 - second)
    one = 0.25 * first
    two = one + (second - first) * (0.25 + spread_a)
    rest = 0.25 + spread_a + spread_t
    assert_phases(
        Curriculum("easy_to_hard", {"pace": "linear", "full": 0.8}),
        (one, {"b": 1.0}),
        (two, {"b": 0.25 / (0.25 + spread_a), "a": spread_a / (0.25 + spread_a)}),
        (1.0, {"b": 0.25 / rest, "a": spread_a / rest, "t": spread_t / rest}),
    )


def test_stages_by_hand():
    stages = (Stage(0.25, {"t": 1}), Stage(0.5, {"a": 1, "b": 6}), Stage(1.0))
    assert_phases(Curriculum(stages=stages), (0.25, {"t": 1.0}), (0.5, {"a": 0.25, "b": 0.75}), (1.0, JOINT))


def test_a_stage_without_a_dataset_of_the_mixture_is_left_out():
    drawn = draw(Curriculum(stages=STAGES), Budget(tokens=14_000), parts=["small", "target"])
    assert [lesson.phase.until for lesson in drawn.lessons] == pytest.approx([0.3 / 0.7, 1.0])


def test_a_capped_dataset_hands_its_place_in_a_stage_to_the_others():
    stages = (Stage(0.5, {"small": 1, "large": 1}), Stage(1.0, {"large": 1}))
    policy = SizePolicy(cap_epochs=1)
    drawn = draw(Curriculum(stages=stages), Budget(tokens=24_000), parts=["small", "large"], policy=policy)
    assert drawn.exposure["small"].epochs == pytest.approx(1, abs=0.05)
    assert sum(tokens_of(drawn).values()) == pytest.approx(24_000, abs=LONGEST)
    half = [example.task for example in drawn.examples[: len(drawn.examples) // 3]]
    assert 0 < half.count("small") < 60  # spread over its stage, not used up at its start


@pytest.mark.parametrize("kind", PACES)
@given(start=st.floats(0.05, 0.9), full=st.floats(0.1, 0.95), level=st.floats(0, 0.99))
def test_a_pace_rises_to_all_and_tells_when_a_level_opens(kind, start, full, level):
    pace = Pace(kind, start, full)
    opened = [pace.open_at(progress) for progress in np.linspace(0, 1, 50)]
    assert opened == sorted(opened)
    assert opened[0] == pytest.approx(start)
    assert pace.open_at(full) == 1
    at = pace.opens(level)
    assert pace.open_at(min(at + 1e-6, 1)) >= level
    assert at == 0 or pace.open_at(max(at - 1e-6, 0)) <= level


def test_paces_by_hand():
    assert Pace("linear", 0.2, 0.8).open_at(0.2) == pytest.approx(0.4, abs=1e-6)
    assert Pace("root", 0.2, 0.8).open_at(0.2) == pytest.approx((0.04 + 0.96 / 4) ** 0.5, abs=1e-6)
    assert [Pace("step", 0.2, 0.8).open_at(at) for at in (0.0, 0.79, 0.8)] == [0.2, 0.2, 1.0]


@given(count=st.integers(1, 60), start=st.floats(0.05, 0.9), full=st.floats(0.1, 0.95), seed=st.integers(0, 9))
def test_paced_rows_are_the_same_rows_and_none_comes_before_it_is_open(count, start, full, seed):
    rows = examples("x", count, 5, 9)
    losses = [float(loss) for loss in np.random.default_rng(seed).permutation(count)]
    pace = Pace("root", start, full)
    shown = paced(rows, losses, pace, np.random.default_rng(seed))
    assert Counter(row.id for row in shown) == Counter(row.id for row in rows)
    rank = {row.id: loss for row, loss in zip(rows, losses, strict=True)}
    for place, row in enumerate(shown):
        assert rank[row.id] < max(np.ceil(pace.open_at(place / count) * count), place + 1)


def test_easy_rows_come_first_and_the_same_rows_come_in_all():
    choice = Curriculum("easy_to_hard", {"by": "examples", "start": 0.1, "full": 0.9})
    mixed, ordered = draw(Curriculum(), Budget(tokens=24_000)), draw(choice, Budget(tokens=24_000))
    for name in POOL:
        before = Counter(row.id for row in mixed.examples if row.task == name)
        after = [row for row in ordered.examples if row.task == name]
        assert sum((before - Counter(row.id for row in after)).values()) <= 2
        third = len(after) // 3
        assert np.mean([row_loss(row) for row in after[:third]]) < np.mean([row_loss(row) for row in after[-third:]])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Curriculum("two_stges"), "did you mean 'two_stage'"),
        (lambda: Curriculum("hints", {"utnil": 1.0}), "did you mean 'until'"),
        (lambda: Curriculum("hints", {"until": "x"}), "is a number; got 'x'"),
        (lambda: Curriculum("hints", {"hints": "b"}), "is a list of datasets; got 'b'"),
        (lambda: Curriculum("two_stage", {"switch": 1.0}), r"in \(0, 1\); got 1.0"),
        (lambda: Curriculum("sequential", {"joint": 1.0}), r"in \[0, 1\); got 1.0"),
        (lambda: Curriculum("alternate", {"rounds": 0}), ">= 1; got 0"),
        (lambda: Curriculum("easy_to_hard", {"pace": "fast"}), "one of .*'root'.*; got 'fast'"),
        (lambda: Curriculum("easy_to_hard", {"by": "rows"}), "one of .*'examples'.*; got 'rows'"),
        (lambda: Curriculum("hints", stages=(Stage(1.0),)), "a name or stages"),
        (lambda: Curriculum(options={"switch": 0.5}), "no options; got"),
        (lambda: Curriculum(stages=(Stage(0.5),)), r"the last until 1; got until \[0.5\]"),
        (lambda: Curriculum(stages=(Stage(0.5), Stage(0.4), Stage(1.0))), "one after another"),
        (lambda: Stage(1.5), r"in \(0, 1\]; got until 1.5"),
        (lambda: Stage(1.0, {"a": 0}), "positive and finite; got"),
        (lambda: Stage(1.0, {}), "at least one dataset"),
    ],
)
def test_a_wrong_curriculum_is_refused_when_it_is_made(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_losses_cannot_be_asked_of_a_plan_without_a_model():
    bare = Lessons(timetable(Curriculum("easy_to_hard")))
    request = Request(Mixture.of(tuple(POOL)))
    with pytest.raises(ValueError, match="a plan has no model"):
        plan(request, POOL, budget=Budget(steps=3), policy=EQUAL, train=TRAIN, lessons=bare)
