"""Merging trains each dataset by itself and gives the mean of what that changed, turn after turn."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import tiny
import torch
from test_fine_tune import same

from cotune import Mixture, Request
from cotune.training import Balance, Budget, Curriculum, FineTune, Lora, Merging, Mixing, Scoring, TaskTrain, Train
from cotune.training.lora_factors import Factors, factors_of
from cotune.training.merge.average import Average
from cotune.training.merge.choice import PLACES
from cotune.training.merge.turns import steps_of, tunings
from cotune.training.trainer import Trainer
from cotune.trial import Stop

GROUP, ECHO = tiny.group_task(), tiny.echo_task()
CHEAP = Train(lr=5e-3, batch_examples=6, max_length=64, merging=Merging("average"))
LORA = Lora(rank=4, layers="top-2")
BOTH = Request(Mixture.of(["echo", "group"]), 1)
NAMES = ("echo", "group")


def fine_tune(model, train=CHEAP, *, tasks=(GROUP, ECHO), **changes):
    settings = {"budget": Budget(examples=24), "lora": LORA, "scoring": Scoring(dev_rows=6)}
    return FineTune(model, tasks, targets=("group",), train=train, **(settings | changes))


def turns(count, **options):
    return replace(CHEAP, merging=Merging("average", options, turns=count))


def products(state):
    factors = factors_of(state, LORA.alpha / LORA.rank)
    return {name: own.scale * own.up @ own.down for name, own in factors.items()}


def cut(difference, rank):
    left, sizes, right = torch.linalg.svd(difference)
    return left[:, :rank] * sizes[:rank] @ right[:rank]


def alone(base, name, rows, train=CHEAP):
    """Gives the adapter of a training on one dataset, which sees the rows that the merged one sees of it."""
    return fine_tune(base, replace(train, merging=Merging()), budget=Budget(examples=rows)).fit(
        Request(Mixture.of([name]), BOTH.seed)
    )


def test_the_average_of_factors_computed_by_hand():
    def one(down, up):
        return {"m": Factors(torch.tensor([down]), torch.tensor([up]).T, 2.0)}

    start = one([1.0, 0.0], [0.5, 0.0])  # 2 x up @ down = [[1, 0], [0, 0]]
    tuned = {"a": one([1.0, 2.0], [1.0, 0.0]), "b": one([0.0, 1.0], [0.0, 3.0])}  # [[2, 4], [0, 0]], [[0, 0], [0, 6]]
    merged = Average(scale=0.5).merge(start, tuned, {"a": 3.0, "b": 1.0})["m"]
    found = merged.scale * merged.up @ merged.down
    expected = torch.tensor([[0.5 + 0.5 * 1.5, 0.5 * 3.0], [0.0, 0.5 * 1.5]])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_a_turn_gives_the_mean_of_adapters_trained_alone(base):
    evaluate = fine_tune(base)
    exposure = evaluate.engine.plan(BOTH).exposure
    merged = evaluate.fit(BOTH)
    apart = {name: alone(base, name, exposure[name].examples) for name in NAMES}
    one, two = (products(apart[name].state) for name in NAMES)
    for name, found in products(merged.state).items():
        torch.testing.assert_close(found, cut((one[name] + two[name]) / 2, LORA.rank), atol=1e-5, rtol=1e-4)
        assert float((found - one[name]).norm()) > 0.1 * float(found.norm())
    assert merged.train_loss == (*apart["echo"].train_loss, *apart["group"].train_loss)
    assert merged.exposure == exposure


def test_weights_are_those_of_task_vectors_as_weights_or_as_parts(base):
    weighted = replace(CHEAP, weights={"group": 1.5}, overrides={"group": TaskTrain(weight=2)})
    exposure = fine_tune(base).engine.plan(BOTH).exposure
    one, two = (products(alone(base, name, exposure[name].examples).state) for name in NAMES)
    found = fine_tune(base, weighted).fit(BOTH).state
    for name, merged in products(found).items():
        torch.testing.assert_close(merged, cut((one[name] + 3 * two[name]) / 4, LORA.rank), atol=1e-5, rtol=1e-4)
    by_parts = replace(CHEAP, parts_of="losses")
    again = fine_tune(base, by_parts).fit(Request(Mixture.of({"echo": 1, "group": 3}), BOTH.seed)).state
    assert all(torch.equal(again[name], found[name]) for name in found)


def test_each_tuning_starts_from_what_the_last_turn_merged(base, monkeypatch):
    seen, learn = [], Trainer.learn

    def spied(self, request, drawn, trainee, *rest):
        before = trainee.state()
        losses = learn(self, request, drawn, trainee, *rest)
        seen.append((tuple(drawn.exposure), before, trainee.state()))
        return losses

    monkeypatch.setattr(Trainer, "learn", spied)
    end = fine_tune(base, turns(3, scale=0.5)).fit(BOTH).state
    assert [names for names, _, _ in seen] == [("echo",), ("group",)] * 3
    starts = [seen[place][1] for place in (0, 2, 4)]
    for turn, (start, after) in enumerate(zip(starts, [*starts[1:], end], strict=True)):
        (_, one, tuned_one), (_, two, tuned_two) = seen[2 * turn : 2 * turn + 2]
        assert all(torch.equal(one[name], two[name]) for name in start)
        began, ended = products(start), products(after)
        pair = zip(products(tuned_one).items(), products(tuned_two).values(), strict=True)
        for (name, first), second in pair:
            whole = 0.5 * began[name] + 0.25 * first + 0.25 * second
            torch.testing.assert_close(ended[name], cut(whole, LORA.rank), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_a_merged_trial_learns_both_and_repeats_itself_to_the_bit(base, count):
    budget = Budget(examples=120)
    (first,) = fine_tune(base, turns(count), budget=budget)([BOTH])
    (second,) = fine_tune(base, turns(count), budget=budget)([BOTH])
    (untrained,) = fine_tune(base, turns(count), budget=budget)([Request(Mixture.of([]), 0)])
    assert first.error is None
    assert same(first, second)
    before, after = ({name: found.results[name].loss for name in NAMES} for found in (untrained, first))
    assert after["group"] < 0.95 * before["group"]
    assert after["echo"] < before["echo"]  # which the model knows already


def test_a_merge_that_is_not_finite_ends_the_trial_alone(random_base):
    (trial,) = fine_tune(random_base, turns(2, scale=1e39))([BOTH])
    assert trial.error.startswith("diverged: what is merged in 'model.layers.")
    assert "at step 2" in trial.error  # after the first of two turns


def test_a_merged_trial_is_not_stopped_on_its_way(base):
    stop = Stop((("group", 1.0),), ((0.5, 0.0),))
    (trial,) = fine_tune(base)([replace(BOTH, stop=stop)])
    assert (trial.error, trial.reached) == (None, 1.0)
    assert trial.exposure == fine_tune(base).engine.plan(BOTH).exposure


def test_one_dataset_is_trained_as_ever(random_base):
    request = Request(Mixture.of(["group"]), 1)
    (merged,), (plain,) = (
        fine_tune(random_base, train)([request]) for train in (turns(2), replace(CHEAP, merging=Merging()))
    )
    assert same(merged, plain)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_tunings_hold_the_rows_of_the_plan_in_order_in_batches_of_their_own(random_base, count):
    train = replace(turns(count), overrides={"group": TaskTrain(draw=2)})
    evaluate = fine_tune(random_base, train)
    drawn = evaluate.engine.plan(BOTH)
    found = tunings(drawn, train)
    assert len(found) == count
    for name in NAMES:
        mine = [example for plans in found if name in plans for example in plans[name].examples]
        assert mine == [example for example in drawn.examples if example.task == name]
    sizes = [len(batch) for plans in found for plan in plans.values() for batch in plan.batches]
    assert max(sizes) <= 6 + 3  # a rest of less than half a batch is added to the last
    assert evaluate.estimate(BOTH).steps == steps_of(drawn, train) == len(sizes)
    (trial,) = evaluate([BOTH])
    assert len(trial.train_loss) == len(sizes)


def test_rows_that_enter_together_are_tuned_on_together(random_base):
    train = replace(turns(5), overrides={"group": TaskTrain(draw=2)})
    drawn = fine_tune(random_base, train).engine.plan(BOTH)
    rows = [example for example in drawn.examples if example.task == "group"]
    owner = {row: number for number, batch in enumerate(_batches(drawn, train)) for row in batch}
    assert all(owner[one] == owner[two] for one, two in zip(rows[::2], rows[1::2], strict=True))


def _batches(drawn, train):
    return [batch for plans in tunings(drawn, train) for plan in plans.values() for batch in plan.batches]


def test_a_dataset_with_fewer_rows_than_turns_is_not_in_all(random_base):
    drawn = fine_tune(random_base, budget=Budget(examples=4)).engine.plan(BOTH)
    found = tunings(drawn, turns(9))
    counts = {name: sum(name in plans for plans in found) for name in NAMES}
    assert counts == {name: drawn.exposure[name].examples for name in NAMES}
    assert all(found)


def test_a_dataset_that_is_not_in_a_turn_has_changed_nothing(base, monkeypatch):
    request = Request(Mixture.of({"echo": 9, "group": 1}), 1)
    evaluate = fine_tune(base, turns(2), budget=Budget(examples=12))
    first, second = tunings(evaluate.engine.plan(request), turns(2))
    assert ("group" in first, "group" in second) == (False, True)
    ends, learn = [], Trainer.learn

    def spied(self, asked, drawn, trainee, *rest):
        ends.append((trainee.state(), learn(self, asked, drawn, trainee, *rest), trainee.state()))
        return ends[-1][1]

    monkeypatch.setattr(Trainer, "learn", spied)
    evaluate.fit(request)
    after = products(ends[1][0])
    for name, alone_in_turn in products(ends[0][2]).items():
        torch.testing.assert_close(after[name], alone_in_turn / 2, atol=1e-6, rtol=1e-4)


def test_the_advice_on_rates_is_for_the_steps_of_a_dataset(random_base):
    def notes(train):
        warnings = fine_tune(random_base, replace(train, lr=5e-4), budget=Budget(examples=600)).warnings()
        return [note for note in warnings if note.startswith("Learning rate")]

    assert notes(replace(CHEAP, merging=Merging())) == []  # 100 steps
    assert "over 50 steps" in notes(CHEAP)[0]


def test_progress_goes_from_nothing_to_all_steps_without_a_step_back(random_base):
    told = []
    evaluate = FineTune(
        random_base,
        (GROUP, ECHO),
        targets=("group",),
        budget=Budget(examples=24),
        lora=LORA,
        train=turns(2),
        progress=told.append,
    )
    list(evaluate([BOTH]))
    steps = [(at.done, at.total) for at in told if at.stage == "train"]
    total = evaluate.estimate(BOTH).steps
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == ((0, total), (total, total))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": (GROUP,)}, r"two or more datasets.*the pool has \['group'\]"),
        ({"lora": Lora(method="full")}, "Use method: lora"),
        ({"scoring": Scoring(curve=2)}, "scoring.curve above 0"),
        ({"train": replace(CHEAP, balancer=Balance("dwa"))}, "train.balancer"),
        ({"train": replace(CHEAP, mixing=Mixing("grape"))}, "train.mixing"),
        ({"train": replace(CHEAP, curriculum=Curriculum("two_stage"))}, "train.curriculum"),
        ({"train": replace(CHEAP, processes=2)}, "train.processes above 1"),
    ],
)
def test_unfit_settings_are_refused_before_a_model_is_loaded(changes, words):
    with pytest.raises(ValueError, match=words):
        fine_tune("no-such-model", **changes)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (lambda: Merging("avarage"), "did you mean 'average'"),
        (lambda: Merging("average", {"scale": 0.0}), "> 0 and finite; got 0.0"),
        (lambda: Merging("average", turns=0), "turns is >= 1; got 0"),
        (lambda: Merging(turns=3), "name: average"),
    ],
)
def test_unknown_mergers_and_options_are_refused(choice, words):
    with pytest.raises(ValueError, match=words):
        choice()


def test_a_choice_is_checked_without_torch():
    """The command line reads settings in a process that never trains."""
    code = f"import sys; from cotune.training import Merging; [Merging(name) for name in {list(PLACES)}]; "
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_settings_hold_the_merger_and_are_as_before_without(random_base):
    def key(train):
        return json.dumps(fine_tune(random_base, train).setup.to_json(), sort_keys=True)

    assert "merging" not in key(replace(CHEAP, merging=Merging()))
    assert len({key(CHEAP), key(turns(2)), key(turns(1, scale=2.0)), key(replace(CHEAP, merging=Merging()))}) == 4


def test_tunings_of_a_few_steps_are_pointed_out(random_base):
    def notes(count, examples=240):
        warnings = fine_tune(random_base, turns(count), budget=Budget(examples=examples)).warnings()
        return [note for note in warnings if "Merging" in note]

    assert notes(1) == []
    assert "lower train.merging.turns (4)" in notes(4)[0]
    assert "train.merging.turns" not in notes(1, examples=36)[0]  # one is the least


def test_a_warm_up_longer_than_a_tuning_is_pointed_out(random_base):
    def notes(warmup):
        warnings = fine_tune(random_base, replace(CHEAP, warmup=warmup), budget=Budget(examples=240)).warnings()
        return [note for note in warnings if "warm-up" in note]

    assert notes(0.1) == []
    (note,) = notes(24)  # of the steps of all tunings it takes half
    assert "in which merging tunes" in note
