"""A balanced step is the gradient that the balancer asks for, and equal weights cost nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from kept import SOON, differing, gone_on, halted, kept
from test_decoders import made_examples

from cotune import Mixture, Request
from cotune.training import Balance, Budget, FineTune, Lora, Scoring, TaskTrain, Train
from cotune.training.balance.choice import PLACES, made
from cotune.training.balance.contract import Signals
from cotune.training.balance.fitting import described
from cotune.training.balance.gradient import BalancedGradient
from cotune.training.balance.passes import Passes
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import Descent
from cotune.training.lora import adapted
from cotune.trial import Stop
from cotune.trial_json import trial_from_json, trial_to_json

GROUP, ECHO, FEW = tiny.group_task(), tiny.echo_task(), tiny.group_task("few", rows=24)
CHEAP = Train(lr=5e-3, batch_examples=8, max_length=96)


def batches():
    examples = made_examples(count=24)
    first = [replace(example, task="a") for example in examples[:10]]
    second = [replace(example, task="b") for example in examples[10:16]]
    third = [replace(example, task="c") for example in examples[16:18]]
    mixed = [*first[:4], *second[:3], *third]
    return [mixed, [*second[3:], *first[4:7]], mixed[::-1]]


def balanced_gradient(model, trainee, train, *, pack_tokens=10**6, frugal=False):
    tasks = described(["a", "b", "c"], ["a"], {"a": 10, "b": 6, "c": 2})
    held = {"a": made_examples(count=2), "b": made_examples(count=3), "c": made_examples(count=4)}
    held = {name: [replace(example, task=name) for example in examples] for name, examples in held.items()}
    return BalancedGradient(
        made(train.balancer),
        tasks,
        ForestDecoder(model),
        trainee.parameters,
        train,
        pack_tokens,
        steps=3,
        seed=0,
        frugal=frugal,
        held=held,
        teachers={name: [p.detach() + 0.1 for p in trainee.parameters] for name in "abc"},
    )


def trained(model, train, **options):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = balanced_gradient(model, trainee, train, **options)
        descent = Descent(
            gradient.decoder,
            trainee.parameters,
            batches(),
            train=train,
            pack_tokens=gradient.pack_tokens,
            progress=lambda *_: None,
            balanced=gradient,
        )
        return tiny.to_the_end(descent), trainee.state(), gradient


def plain(model, train):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        decoder = ForestDecoder(model)
        options = {"train": train, "pack_tokens": 10**6, "progress": lambda *_: None}
        return tiny.to_the_end(Descent(decoder, trainee.parameters, batches(), **options)), trainee.state()


def balanced(name, **options):
    return replace(CHEAP, balancer=Balance(name, options, every=2))


def assert_close(state, expected, atol=1e-5):
    for name, weight in state.items():
        torch.testing.assert_close(weight, expected[name], atol=atol, rtol=1e-4)


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("pack_tokens", [60, 10**6])
def test_neither_packs_nor_a_second_pass_change_a_balanced_training(model, name, pack_tokens, installed):
    installed(name)
    losses, state, gradient = trained(model, balanced(name), pack_tokens=pack_tokens)
    frugal_losses, frugal_state, frugal = trained(model, balanced(name), frugal=True)
    assert losses == pytest.approx(frugal_losses, rel=1e-3)
    assert_close(state, frugal_state, atol=2e-3)
    for one, other in zip(gradient.balancing.weights.values(), frugal.balancing.weights.values(), strict=True):
        assert one == pytest.approx(other, rel=2e-2)
    assert gradient.balancing.steps == (1, 2, 3)


@pytest.mark.parametrize("fixed", [{}, {"a": 3.0}])
def test_token_means_are_the_plain_training(model, fixed):
    train = replace(CHEAP, weights=fixed)
    expected_losses, expected = plain(model, train)
    losses, state, _ = trained(model, replace(balanced("mftcoder", mode="token"), weights=fixed))
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    if not fixed:
        assert_close(state, expected)


def test_a_weight_scales_the_gradient_of_its_task_alone(model):
    """The gradient under any weights is the weighted sum of the gradients of the tasks' mean losses."""
    batch = batches()[0]

    def gradient(name, **options):
        with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
            balanced_gradient(model, trainee, balanced(name, **options))(batch, 1)
            return torch.cat([parameter.grad.flatten() for parameter in trainee.parameters])

    parts = {}
    for name in "abc":
        others = {other: 1e-9 for other in "abc" if other != name}
        parts[name] = gradient("importance", weights={name: 1.0, **others})
    merged = gradient("importance", weights={"a": 2.0, "b": 5.0, "c": 3.0})
    torch.testing.assert_close(merged, 0.2 * parts["a"] + 0.5 * parts["b"] + 0.3 * parts["c"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(gradient("gradnorm"), sum(parts.values()) / 3, atol=1e-5, rtol=1e-4)


def test_what_an_absent_task_would_have_goes_to_the_others(model):
    batch = batches()[1]
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = balanced_gradient(model, trainee, balanced("importance", weights={"a": 1.0, "b": 3.0, "c": 4.0}))
        weights = gradient.factors.of(gradient.adviser.ask(sorted(batch, key=lambda e: e.task), 1), batch)
    assert weights.sum() == pytest.approx(1.0)


def fine_tune(base, balancer, tasks=(GROUP, ECHO), **others):
    train = replace(CHEAP, balancer=balancer)
    options = {"targets": ("group",), "budget": Budget(steps=4), "lora": Lora(layers="top-2"), "train": train}
    return FineTune(base, tasks, **{**options, **others})


REMEMBERING = ("mftcoder_convergence", "uncertainty", "difficulty", "dwa", "coba", "igb", "igb2", "famo", "gradnorm")
REMEMBERING += ("group_dro", "mt_isa", "private", "arml", "multibalance", "hyper_gradient", "dot")
"""Balancers whose state changes from step to step."""
OF_THREE = ("private", "arml", "multibalance", "hyper_gradient")
"""Those that weigh datasets by size, weigh those that are no targets, or leave out one of two throughout."""


def soon(name):
    """Gives the choice of a balancer that goes by what it remembers within a few steps."""
    return Balance(name, SOON.get(name, {}), every=2, rows=4)


def is_uneven(trial, steps):
    """Whether the datasets' weights differed somewhere within a slice of the recorded steps."""
    return len({weights[steps] for weights in trial.balancing.weights.values()}) > 1


def run(evaluate, *names):
    (trial,) = evaluate([Request(Mixture.of(names))])
    assert trial.error is None
    return trial


@pytest.mark.parametrize(("name", "calls"), [("equal", 0), ("dwa", 0), ("uncertainty", 0), ("pcgrad", 4)])
def test_gradients_by_task_are_taken_only_for_a_balancer_that_asks(random_base, name, calls, installed, monkeypatch):
    """In a training of four steps each batch has both tasks, so that `pcgrad` takes two gradients a step."""
    installed(name)
    taken, by_task = [], Passes.by_task

    def spied(passes, batch, *others, **named):
        taken.append(len({example.task for example in batch}))
        return by_task(passes, batch, *others, **named)

    monkeypatch.setattr(Passes, "by_task", spied)
    trial = run(fine_tune(random_base, Balance(name)), "group", "echo")
    assert len(trial.train_loss) == 4
    assert taken == [2] * calls


@pytest.mark.parametrize("name", PLACES)
def test_a_balanced_trial_repeats_itself_to_the_bit_and_says_its_weights(random_base, name, installed):
    installed(name)
    balancer = Balance(name, every=2, rows=4)
    trials = [run(fine_tune(random_base, balancer), "group", "echo") for _ in range(2)]
    assert replace(trials[0], seconds=0.0) == replace(trials[1], seconds=0.0)
    found = trials[0].balancing
    assert found.balancer == name
    assert set(found.weights) == {"group", "echo"}
    assert all(np.isfinite(weights).all() and len(weights) == 4 for weights in found.weights.values())
    bare = {task: replace(result, examples=type(result.examples)()) for task, result in trials[0].results.items()}
    kept = replace(trials[0], results=bare)
    assert trial_from_json(json.loads(json.dumps(trial_to_json(kept)))) == kept


@pytest.mark.parametrize("name", PLACES)
def test_a_balanced_trial_that_was_stopped_goes_on_as_if_it_had_not_been(random_base, name, installed):
    """It would not without what its balancer remembers, if that is anything."""
    installed(name)
    tasks = (GROUP, ECHO, FEW) if name in OF_THREE else (GROUP, ECHO)
    choice, mixture = soon(name), Mixture.of([task.name for task in tasks])
    options = {"budget": Budget(steps=6), "lora": Lora(layers="top-2", dropout=0.2), "tasks": tasks}
    halting = fine_tune(random_base, choice, **options)
    (stopped,) = halting([Request(mixture, stop=Stop((("group", 1.0),), ((0.5, 0.0),)))])
    assert (stopped.reached, stopped.balancing.steps) == (0.5, (1, 2, 3))
    halt = halted(halting, Request(mixture))
    resumed = gone_on(halting, Request(mixture), halt)
    whole = run(fine_tune(random_base, choice, **options), *mixture.names)
    assert replace(resumed, seconds=0.0, curve=()) == replace(whole, seconds=0.0)
    assert stopped.train_loss == whole.train_loss[:3]
    epochs = {task: exposure.epochs / exposure.examples for task, exposure in whole.exposure.items()}
    assert {task: seen.epochs / seen.examples for task, seen in stopped.exposure.items()} == pytest.approx(epochs)
    rows = {task: len(examples) for task, examples in halting.engine._guides.rows(mixture.names)[0].items()}
    fresh = made(choice).start(described(list(mixture.names), ["group"], rows))
    if not differing(kept(halt.memory.state), fresh):
        assert name not in REMEMBERING
        return
    assert name in REMEMBERING
    assert is_uneven(whole, slice(3))
    assert is_uneven(whole, slice(3, 6))
    forgetful = gone_on(halting, Request(mixture), halt, state=fresh)
    assert replace(forgetful, seconds=0.0, curve=()) != replace(whole, seconds=0.0)


@pytest.mark.parametrize(("name", "options"), [("coba", {"warmup": 1}), ("mftcoder_convergence", {})])
def test_a_replay_from_the_recorded_validation_losses_gives_the_recorded_weights(random_base, name, options):
    """Of a trial that went through JSON; each look is recorded, and nothing else moves these weights."""
    choice = Balance(name, options, every=2, rows=4)
    trial = run(fine_tune(random_base, choice, budget=Budget(steps=9)), "group", "echo")
    found = trial_from_json(json.loads(json.dumps(trial_to_json(trial)))).balancing
    assert [step for step, _ in found.validation] == [1, 3, 5, 7, 9]
    looks, balancer = dict(found.validation), made(choice)
    tasks = described(list(found.weights), ["group"], {"group": 36, "echo": 36})
    state, replayed = balancer.start(tasks), []
    for step in found.steps:
        told = np.array(looks[step]) if step in looks else None
        signals = Signals(tasks, step, 9, 0, np.arange(2), np.ones(2), validation=told)
        answer, state = balancer.weigh(signals, state)
        replayed.append(answer.weights)
    np.testing.assert_array_equal(np.array(replayed).T, list(found.weights.values()))
    assert len({tuple(line) for line in np.round(replayed, 6).tolist()}) > 2
    assert run(fine_tune(random_base, Balance("dwa")), "group", "echo").balancing.validation == ()


@pytest.mark.parametrize("name", ["dwa", "famo", "coba", "gradnorm"])
def test_a_curve_changes_nothing_of_a_balanced_trial(random_base, name):
    looked = run(fine_tune(random_base, soon(name), scoring=Scoring(curve=2)), "group", "echo")
    whole = run(fine_tune(random_base, soon(name), scoring=Scoring()), "group", "echo")
    assert len(looked.curve) == 2
    assert is_uneven(whole, slice(2, 4))
    assert replace(looked, seconds=0.0, curve=()) == replace(whole, seconds=0.0)


def test_balanced_trials_of_a_batch_run_alone_and_others_side_by_side(random_base):
    requests = [Request(Mixture.of(["group", "echo"]), seed=seed) for seed in (0, 1)]
    wide = replace(CHEAP, width=2)
    beside = list(fine_tune(random_base, Balance(), train=wide)(requests))
    alone = list(fine_tune(random_base, Balance("dwa"), train=replace(wide, balancer=Balance("dwa")))(requests))
    assert all("side by side" in trial.device for trial in beside)
    assert not any("side by side" in trial.device for trial in alone)
    assert all(trial.balancing for trial in alone)


def test_one_dataset_alone_is_trained_as_without_a_balancer(random_base):
    single = run(fine_tune(random_base, Balance("uncertainty")), "group")
    assert replace(single, seconds=0.0) == replace(run(fine_tune(random_base, Balance()), "group"), seconds=0.0)
    assert "balancing" not in trial_to_json(single)


def test_equal_leaves_settings_as_they_were_and_others_do_not(random_base):
    setup = fine_tune(random_base, Balance()).setup.to_json()
    assert "balancer" not in setup["train"]
    assert fine_tune(random_base, Balance("dwa")).setup.to_json() != setup


def test_rows_of_validation_are_not_trained_on(random_base):
    evaluate = fine_tune(random_base, Balance("coba", rows=4), budget=Budget(epochs=1))
    request = Request(Mixture.of(["group", "echo"]))
    drawn = {example.id for example in evaluate.engine.plan(request).examples}
    _, held = evaluate.engine._guides.rows(("echo", "group"))
    checked = {example.id for examples in held.values() for example in examples}
    assert len(checked) == 8
    assert not checked & drawn
    assert len(drawn) == 72


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Balance("cobra"), "Unknown balancer 'cobra'; did you mean 'coba'"),
        (lambda: Balance("qqq"), "known are equal, "),
        (lambda: Balance("coba", {"taus": 1.0}), "no option 'taus'; did you mean 'tau'"),
        (lambda: Balance("coba", {"tau": "x"}), "is a number; got 'x'"),
        (lambda: Balance("coba", {"window": 2.5}), "is a whole number; got 2.5"),
        (lambda: Balance("coba", {"tau": -1.0}), "tau, window > 0"),
        (lambda: Balance("mftcoder", {"mode": "all"}), "is one of"),
        (lambda: Balance("equal", {"a": 1}), "has no options"),
        (lambda: Balance("coba", every=0), ">= 1"),
        (lambda: fine_tune("x", Balance("coba"), tasks=(GROUP,)), "two or more datasets"),
        (lambda: Train(processes=2, balancer=Balance("dwa")), "processes 2 each see a part"),
        (lambda: fine_tune("x", Balance("arml"), targets=("group", "echo")), "Name fewer targets"),
        (lambda: fine_tune("x", Balance("importance", {"weights": {"grup": 2.0}})), "group"),
    ],
)
def test_an_unknown_or_unfit_balancer_is_refused_before_a_model_is_loaded(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_settings_of_single_tasks_still_count(random_base):
    weighty = replace(CHEAP, balancer=Balance("mftcoder"), overrides={"group": TaskTrain(weight=4.0)})
    trials = [
        run(fine_tune(random_base, weighty.balancer, train=train), "group", "echo")
        for train in (
            weighty,
            replace(weighty, overrides={}),
        )
    ]
    assert trials[0].train_loss != trials[1].train_loss
