"""A trial follows its curriculum wherever it runs, and losses are those of the model as it is."""

import json
from dataclasses import replace
from statistics import fmean

import pytest
import tiny

from cotune import Mixture, Request
from cotune.training import Balance, Budget, Curriculum, FineTune, Lora, Scoring, Stage, Train
from cotune.training.curriculum.choice import PLACES
from cotune.trial import Stop

GROUP, ECHO, WORDS = tiny.group_task(), tiny.echo_task(), tiny.echo_task("words", rows=80)
TASKS = (GROUP, ECHO, WORDS)
CHEAP = Train(lr=5e-3, batch_examples=6, max_length=64)
CHOICES = {name: Curriculum(name) for name in PLACES}
CHOICES["examples"] = Curriculum("easy_to_hard", {"by": "examples"})
CHOICES["stages"] = Curriculum(stages=(Stage(0.5, {"echo": 1, "words": 2}), Stage(1.0)))
ALL = Request(Mixture.of(["group", "echo", "words"]), 1)


def fine_tune(model, choice, *, train=CHEAP, tasks=TASKS, targets=("group",), **changes):
    settings = {"budget": Budget(steps=8), "lora": Lora(rank=4, layers="top-2"), "scoring": Scoring(dev_rows=6)}
    train = replace(train, curriculum=choice)
    return FineTune(model, tasks, targets=targets, train=train, **(settings | changes))


def outcome(trial):
    return trial.results, trial.train_loss, trial.exposure, trial.error


@pytest.mark.parametrize("name", CHOICES)
def test_a_trial_trains_on_its_plan_and_repeats_itself_to_the_bit(base, name):
    evaluate = fine_tune(base, CHOICES[name])
    drawn = evaluate.engine.plan(ALL)
    (first,) = evaluate([ALL])
    (second,) = fine_tune(base, CHOICES[name])([ALL])
    assert first.error is None
    assert outcome(first) == outcome(second)
    assert first.exposure == drawn.exposure
    assert evaluate.engine.plan(ALL) == drawn  # what was trained has not moved the losses
    mixed = fine_tune(base, Curriculum())
    assert [example.id for example in drawn.examples] != [example.id for example in mixed.engine.plan(ALL).examples]


@pytest.mark.parametrize("name", ["easy_to_hard", "examples"])
def test_measured_losses_do_not_hang_on_the_trunk(base, tmp_path, name):
    plans = [
        fine_tune(base, CHOICES[name], train=replace(CHEAP, trunk=trunk), cache=tmp_path).engine.plan(ALL)
        for trunk in ("off", "on", "on")
    ]
    ids = [[example.id for example in drawn.examples] for drawn in plans]
    assert ids[0] == ids[1] == ids[2]


def test_difficulty_is_the_loss_of_the_model_as_it_is_measured_once(base, monkeypatch):
    evaluate = fine_tune(base, CHOICES["examples"])
    engine = evaluate.engine
    rows = engine.pool(["echo"])["echo"]
    losses = engine.difficulty(rows)
    scored = evaluate.score(None, split="train")["echo"].examples
    by_id = {
        row: loss / count for row, loss, count in zip(scored.ids, scored.losses, scored.answer_tokens, strict=True)
    }
    assert losses == pytest.approx([by_id[example.id] for example in rows], rel=1e-4)
    assert engine.difficulty(rows[::-1]) == losses[::-1]
    read = []
    monkeypatch.setattr(type(engine.difficulty), "_read", lambda _, new, __: read.extend(new) or [0.0] * len(new))
    engine.difficulty(rows)
    assert read == []


def test_datasets_come_in_the_order_of_their_losses(base):
    """The base model was trained to repeat words: `echo` and `words` are easy for it, `group` is not."""
    evaluate = fine_tune(base, Curriculum("easy_to_hard"), budget=Budget(steps=16))
    pool = evaluate.engine.pool([task.name for task in TASKS])
    means = {name: fmean(evaluate.engine.difficulty(rows)) for name, rows in pool.items()}
    assert max(means, key=means.get) == "group"
    lessons = evaluate.engine.plan(ALL).lessons
    assert set(lessons[0].tokens) < set(lessons[1].tokens) < set(lessons[2].tokens) == set(means)
    assert "group" not in lessons[1].tokens


@pytest.mark.parametrize("name", ["sequential", "examples"])
def test_side_by_side_a_trial_follows_its_curriculum(base, name):
    requests = [ALL, replace(ALL, seed=2), Request(Mixture.of(["group", "words"]), 3)]
    alone = {trial.request: trial for trial in fine_tune(base, CHOICES[name], train=replace(CHEAP, width=1))(requests)}
    beside = list(fine_tune(base, CHOICES[name], train=replace(CHEAP, width=3))(requests))
    assert all("side by side" in trial.device for trial in beside)
    for trial in beside:
        assert trial.exposure == alone[trial.request].exposure
        assert trial.train_loss == pytest.approx(alone[trial.request].train_loss, rel=1e-5)


def test_a_trial_that_was_stopped_goes_on_in_its_curriculum(base):
    whole, halting = fine_tune(base, CHOICES["sequential"]), fine_tune(base, CHOICES["sequential"])
    (expected,) = whole([ALL])
    stop = Stop((("group", 1.0),), ((0.5, 0.0),))
    (stopped,) = halting([replace(ALL, stop=stop)])
    assert (stopped.reached, len(stopped.train_loss)) == (0.5, 4)
    assert stopped.exposure["group"].examples < expected.exposure["group"].examples
    (resumed,) = halting([ALL])
    assert outcome(resumed) == outcome(expected)


@pytest.mark.parametrize("balancer", ["coba", "famo", "cagrad", "igb", "gradnorm", "dwa"])
@pytest.mark.parametrize("name", ["sequential", "alternate"])
def test_balancers_live_with_phases_in_which_a_dataset_is_alone(base, balancer, name):
    train = replace(CHEAP, balancer=Balance(balancer, every=2))
    (trial,) = fine_tune(base, CHOICES[name], train=train)([ALL])
    assert trial.error is None
    assert trial.balancing is not None


@pytest.mark.slow
def test_several_processes_follow_the_plan_of_the_first(base):
    (one,) = fine_tune(base, CHOICES["examples"])([ALL])
    (two,) = fine_tune(base, CHOICES["examples"], train=replace(CHEAP, processes=2))([ALL])
    assert two.exposure == one.exposure
    assert two.train_loss == pytest.approx(one.train_loss, rel=1e-4)


def test_settings_hold_the_curriculum_and_are_as_before_without(base):
    def key(choice):
        return json.dumps(fine_tune(base, choice).setup.to_json(), sort_keys=True)

    assert "curriculum" not in key(Curriculum())
    assert len({key(choice) for choice in CHOICES.values()}) == len(CHOICES)


@pytest.mark.parametrize(
    ("choice", "changes", "words"),
    [
        (Curriculum("two_stage"), {"tasks": (GROUP,)}, r"two or more datasets.*the pool has \['group'\]"),
        (CHOICES["stages"], {"tasks": (GROUP, ECHO)}, r"Unknown datasets \['words'\] in train.curriculum"),
        (Curriculum("hints", {"hints": ("ecko",)}), {}, "Did you mean 'echo'"),
        (Curriculum("hints", {"hints": ("group",)}), {}, r"\['group'\] are targets"),
        (Curriculum("hints"), {"targets": ("group", "echo"), "tasks": (GROUP, ECHO)}, "all of .* are targets"),
        (Curriculum("sequential"), {"targets": ("group", "echo"), "tasks": (GROUP, ECHO)}, "all of .* are targets"),
        (Curriculum(stages=(Stage(1.0, {"group": 1}),)), {}, r"\['echo', 'words'\] are in none"),
    ],
)
def test_an_unfit_curriculum_is_refused_before_a_model_is_loaded(choice, changes, words):
    with pytest.raises(ValueError, match=words):
        fine_tune("no-such-model", choice, **changes)


def test_phases_shorter_than_a_batch_are_pointed_out(random_base):
    def notes(steps):
        warnings = fine_tune(random_base, CHOICES["alternate"], budget=Budget(steps=steps)).warnings()
        return [note for note in warnings if "phases" in note]

    assert notes(4) == ["2 of 4 phases of the curriculum are shorter than a batch and mix; raise the budget."]
    assert notes(40) == []


def test_rows_of_one_dataset_can_be_put_in_order():
    fine_tune("no-such-model", CHOICES["examples"], tasks=(GROUP,))
