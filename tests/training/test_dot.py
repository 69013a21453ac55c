"""DOT follows its momentum rule, and with it a model comes nearer to the specialists that teach it."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from test_balance_training import CHEAP, balanced, balanced_gradient, batches, fine_tune, run
from test_balance_weights import TASKS, signals
from torch.nn.functional import cross_entropy, kl_div

from cotune import Mixture, Request
from cotune.training import Balance, Budget, Lora, TaskTrain, Train
from cotune.training.balance.choice import made
from cotune.training.balance.teachers import divergences, taught, weights_of
from cotune.training.decoder import gold
from cotune.training.errors import TrialError
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import Descent
from cotune.training.lora import adapted
from cotune.training.padded_decoder import PaddedDecoder
from cotune.trial import Stop

BATCH = sorted(batches()[0], key=lambda example: example.task)
PAIRS = [[[1.0, -2.0], [0.5, 4.0]], [[2.0, 0.0], [-1.0, 1.0]], [[0.0, 3.0], [2.0, 2.0]]]
PAIRS += [[[-1.0, 1.0], [0.0, 0.5]], [[4.0, 2.0], [1.0, -3.0]]]
"""Gradients of loss and distillation loss at five steps, [step, loss, parameter]."""


def traced(**options):
    """Gives the merged gradient of each step, [step, parameter]."""
    balancer = made(Balance("dot", options))
    state, found = balancer.start(TASKS), []
    for step, pair in enumerate(PAIRS, start=1):
        told = replace(signals(step), taught=torch.tensor(pair, dtype=torch.float64))
        answer, state = balancer.weigh(told, state)
        found.append(answer.gradient.numpy())
    return np.array(found)


def test_each_loss_has_a_momentum_of_its_own():
    """Five steps by hand: v_task <- 0.8 v_task + 0.25 g, v_distil <- 0.9 v_distil + 0.75 g, and 0.15 (their sum)."""
    task, distil, expected = [0.0, 0.0], [0.0, 0.0], []
    for own, other in PAIRS:
        task = [0.25 * g + 0.8 * v for g, v in zip(own, task, strict=True)]
        distil = [0.75 * g + 0.9 * v for g, v in zip(other, distil, strict=True)]
        expected.append([0.15 * (a + b) for a, b in zip(task, distil, strict=True)])
    assert expected[1] == pytest.approx([0.15 * (0.7 - 0.4125), 0.15 * (-0.4 + 3.45)])
    np.testing.assert_allclose(traced(momentum=0.85, delta=0.05, share=0.75), expected, atol=1e-6, rtol=0)


def test_without_delta_it_is_the_momentum_of_the_sum():
    found, plain = traced(momentum=0.9, delta=0.0, share=0.5), np.zeros(2)
    for step, pair in enumerate(PAIRS):
        plain = 0.9 * plain + 0.1 * np.mean(pair, axis=0)
        np.testing.assert_allclose(found[step], plain, atol=1e-12)
    assert np.abs(traced(momentum=0.9, delta=0.05)[1:] - found[1:]).min() > 1e-3


def test_a_quadratic_comes_nearer_to_its_teacher_with_delta():
    """Where two losses pull to different points, the one with the longer memory is lower at the end (convex, SGD)."""
    ends = {}
    for delta in (0.0, 0.05, 0.09):
        balancer, x = made(Balance("dot", {"delta": delta})), torch.zeros(1, dtype=torch.float64)
        state = balancer.start(TASKS)
        for step in range(1, 200):
            pair = torch.stack([x - 1.0, x + 1.0])  # the task wants 1, the teacher -1
            answer, state = balancer.weigh(replace(signals(1), step=step, taught=pair), state)
            x = x - 0.02 * answer.gradient
        ends[delta] = float(x)
    assert ends[0.0] == pytest.approx(0.0, abs=1e-9)
    assert ends[0.09] < ends[0.05] < -0.3


def test_divergence_is_that_of_softened_distributions_times_the_square_of_the_temperature():
    goal, logits = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([[0.5, 0.5, 0.0]])
    p, q = (np.exp(each / 3) / np.exp(each / 3).sum() for each in (goal[0].numpy(), logits[0].numpy()))
    assert float(divergences(goal, logits, 3.0)) == pytest.approx(9 * float((p * np.log(p / q)).sum()), rel=1e-5)


def moved(trainee, seed):
    generator = torch.Generator().manual_seed(seed)
    return [p.detach() + 0.3 * torch.randn(p.shape, generator=generator) for p in trainee.parameters]


@pytest.mark.parametrize("decoder", [ForestDecoder, PaddedDecoder])
@pytest.mark.parametrize("pack_tokens", [60, 10**6])
def test_gradients_of_both_losses_are_those_of_whole_batches(model, decoder, pack_tokens):
    """Each dataset is taught by its own teacher, and nothing of it stays."""
    train = replace(balanced("dot"), weights={"a": 3.0})
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        passes = replace(
            balanced_gradient(model, trainee, train, pack_tokens=pack_tokens).passes, decoder=decoder(model)
        )
        teachers = {name: moved(trainee, seed) for seed, name in enumerate("abc")}
        before = trainee.state()
        found, means = taught(passes, BATCH, 1, teachers, 2.0)
        assert all(torch.equal(weight, before[name]) for name, weight in trainee.state().items())
        goals = []
        for name in "abc":
            own = weights_of(trainee, None)
            for parameter, weight in zip(trainee.parameters, teachers[name], strict=True):
                parameter.data.copy_(weight)
            with torch.no_grad():
                goals.append(ForestDecoder(model).logits([each for each in BATCH if each.task == name]))
            for parameter, weight in zip(trainee.parameters, own, strict=True):
                parameter.data.copy_(weight)
        logits = ForestDecoder(model).logits(BATCH)
        weights = torch.tensor([3.0 if each.task == "a" else 1.0 for each in BATCH for _ in each.answer])
        entropy = cross_entropy(logits, gold(BATCH, logits.device), reduction="none")
        inputs = ((logits / 2).log_softmax(1), (torch.cat(goals) / 2).softmax(1))
        distance = 4 * kl_div(*inputs, reduction="none").sum(1)
        for row, losses in zip(found, (entropy, distance), strict=True):
            loss = (weights * losses).sum() / weights.sum()
            parts = torch.autograd.grad(loss, trainee.parameters, retain_graph=True)
            torch.testing.assert_close(row, torch.cat([part.flatten() for part in parts]), atol=1e-5, rtol=1e-4)
    sizes = [len(example.answer) for example in BATCH]
    assert means == pytest.approx([float(part.mean()) for part in entropy.detach().split(sizes)], rel=1e-4)


def test_momentum_is_taken_once(model):
    """Without distillation and delta, steps are those of an optimiser that is given the momentum, and has none."""
    train = balanced("dot", share=0.0, delta=0.0, momentum=0.5)
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = balanced_gradient(model, trainee, train)
        options = {"train": train, "pack_tokens": 10**6, "progress": lambda *_: None, "balanced": gradient}
        descent = Descent(gradient.decoder, trainee.parameters, batches(), **options)
        assert descent._optimizer.param_groups[0]["betas"] == (0.0, 0.999)
        tiny.to_the_end(descent)
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        plain = balanced_gradient(model, trainee, balanced("dwa"))
        options["balanced"] = plain
        assert Descent(plain.decoder, trainee.parameters, batches(), **options)._optimizer.defaults["betas"][0] == 0.9


def distances(evaluate, seed, teachers, temperature=1.0):
    """Gives the mean divergence from each teacher on the dev rows of its dataset after a training, [dataset]."""
    engine, found = evaluate.engine, []
    trained = engine.fit(Request(Mixture.of(["group", "echo"]), seed=seed)).state
    exams = {exam.task.name: list(exam.examples) for exam in engine.exams("dev", None)}
    for name, teacher in teachers.items():
        logits = []
        for state in (teacher, trained):
            with engine._adapted(seed=0, state=state), torch.no_grad():
                engine._trainer.encode(None, exams[name], pasts=False)
                logits.append(torch.cat([engine._decoder.logits([row]) for row in exams[name]]))
        found.append(float(divergences(*logits, temperature).mean()))
    return np.array(found)


def test_a_model_that_is_taught_comes_nearer_to_its_teachers(base):
    """Than one that trains on the rows alone with the same buffers, in each of three seeds."""
    options = {"budget": Budget(steps=12), "lora": Lora(layers="top-2")}
    taught_by = fine_tune(base, Balance("dot", {"share": 0.9}), **options)
    teachers = taught_by.engine._guides.teachers(Request(Mixture.of(["group", "echo"])))
    alone = fine_tune(base, Balance("dot", {"share": 0.0}), **options)
    for seed in range(3):
        near, far = distances(taught_by, seed, teachers), distances(alone, seed, teachers)
        assert near.sum() < 0.6 * far.sum(), (near, far)


def test_teachers_are_trained_once_and_only_if_asked(random_base, monkeypatch):
    evaluate = fine_tune(random_base, Balance("dot"))
    library, trained = evaluate.engine._guides._shop, []
    monkeypatch.setattr(type(library), "_train", counting(type(library)._train, trained))
    for names in (["group", "echo"], ["group", "echo"], ["group"]):
        run(evaluate, *names)
    assert [request.mixture.names for request in trained] == [("echo",), ("group",)]
    run(fine_tune(random_base, Balance("dwa")), "group", "echo")
    assert len(trained) == 2


def test_teachers_are_part_of_the_first_trial_of_an_estimate(random_base):
    request = Request(Mixture.of(["group", "echo"]))
    found = fine_tune(random_base, Balance("dot")).estimate(request, measure=True)
    plain = fine_tune(random_base, Balance("dwa")).estimate(request, measure=True)
    assert (found.references, found.first_references) == (0, 2)
    assert (plain.references, plain.first_references) == (0, 0)
    assert found.first_seconds > 0


def counting(function, calls):
    def counted(self, request, limit):
        calls.append(request)
        return function(self, request, limit)

    return counted


def test_a_teacher_that_cannot_be_trained_ends_the_trial(random_base, monkeypatch):
    evaluate = fine_tune(random_base, Balance("dot"))

    def fails(*_):
        raise TrialError("no")

    monkeypatch.setattr(type(evaluate.engine._guides._shop), "train", fails)
    (trial,) = evaluate([Request(Mixture.of(["group", "echo"]))])
    assert trial.error == "no"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 0.95}, "momentum \\+ delta below 1"),
        ({"momentum": 0.05}, "momentum - delta at least 0"),
        ({"share": 1.5}, "is in \\[0, 1\\]"),
        ({"temperature": 0.0}, "temperature > 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Balance("dot", options)


def test_losses_that_compare_rows_are_refused(random_base):
    train = replace(CHEAP, balancer=Balance("dot"), overrides={"group": TaskTrain(loss="contrastive")})
    with pytest.raises(ValueError, match="Choose another loss or balancer"):
        fine_tune(random_base, train.balancer, train=train)


def test_a_balancer_that_learns_from_others_leaves_other_settings_alone(random_base):
    plain = fine_tune(random_base, Balance("dwa")).setup.to_json()["train"]
    assert fine_tune(random_base, Balance("dot")).setup.to_json()["train"] == {
        **plain,
        "balancer": {**plain["balancer"], "name": "dot"},
    }
    assert Train().balancer == Balance()


def test_a_halted_training_says_what_its_buffers_take(random_base):
    evaluate = fine_tune(random_base, Balance("dot"), budget=Budget(steps=6))
    request = Request(Mixture.of(["group", "echo"]))
    (_,) = evaluate([replace(request, stop=Stop((("group", 1.0),), ((0.5, 0.0),)))])
    halt = evaluate.engine._trainer._halted.take(request)
    buffers = halt.memory.state["buffers"]
    weights = sum(weight.nbytes for weight in halt.state.values())
    assert buffers.nbytes == 2 * 2 * weights  # two losses, float64 for float32
    assert halt.nbytes >= 3 * weights + buffers.nbytes
