"""What rules are told of losses is the plain cross-entropy of each dataset's own rows, under the model of that step."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import tiny
import torch
from peft import PeftModel
from plain_losses import row_loss, task_loss
from test_decoders import made_examples
from transformers import AutoModelForCausalLM

from cotune import Mixture, Request
from cotune.training import Balance, Budget, FineTune, Lora, Mixing, Train
from cotune.training.balance.choice import PLACES
from cotune.training.balance.choice import made as made_balancer
from cotune.training.balance.fitting import described
from cotune.training.balance.looks import Looks
from cotune.training.balance.passes import Passes
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted, still
from cotune.training.mix.choice import MIXINGS
from cotune.training.mix.choice import made as made_mixer
from cotune.training.mix.measure import Gauge, validation

CHEAP = Train(lr=2e-2, batch_examples=8, max_length=96, schedule="constant", warmup=0)
NAMES = ("b", "c", "a")
TASKS = (tiny.group_task(), tiny.echo_task())
BOTH = Mixture.of(["group", "echo"])
BALANCERS = ("coba", "mftcoder_convergence")
MIXERS = ("aioli", "grape", "grape_offline", "msft", "stop_and_go")
LONG = 12
"""Steps after which some rows cost less in a mixture than under the specialist."""
REFERRING = ("ama_r", "ama_s", "doremi")


@pytest.fixture
def trainee(model):
    """An adapter in training, with dropout, that changes what the model says."""
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        with torch.no_grad():
            for parameter in trainee.parameters:
                parameter += 0.1 * torch.randn_like(parameter)
        trainee.train(True)
        yield trainee


@pytest.fixture
def held(model, trainee):
    """Rows of three tasks, of many and few: answers that the model finds likely, drawn by chance, and unlikely."""
    examples = made_examples(count=9)
    with still(trainee):
        likely = [answered(model.module, replace(example, task="c"), place=-1) for example in examples[:2]]
        unlikely = [answered(model.module, replace(example, task="a"), place=0) for example in examples[2:5]]
    return {"a": unlikely, "b": [replace(example, task="b") for example in examples[5:]], "c": likely}


def answered(module, example, place):
    """Gives an example whose every answer token has this place by likelihood, the last the likeliest."""
    ids = list(example.prompt)
    with torch.no_grad():
        for _ in example.answer:
            ids.append(int(module(input_ids=torch.tensor([ids])).logits[0, -1].argsort()[place]))
    return replace(example, answer=tuple(ids[len(example.prompt) :]))


def check(found, model, trainee, held):
    with still(trainee):
        expected = [task_loss(model.module, held[name]) for name in NAMES]
    assert min(abs(one - other) for one, other in zip(expected, [*expected[1:], expected[0]], strict=True)) > 1
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("pack_tokens", [60, 10**6])
def test_a_balancers_look_is_each_tasks_plain_loss(model, trainee, held, pack_tokens):
    passes = Passes(ForestDecoder(model), trainee.parameters, CHEAP, pack_tokens, {}, partial(still, trainee))
    looks = Looks(passes, described(NAMES, ["a"], dict.fromkeys(NAMES, 10)), held, every=2)
    check(looks.losses(3), model, trainee, held)
    assert looks.losses(2) is None


@pytest.mark.parametrize("pack_tokens", [60, 10**6])
def test_a_mixers_look_is_each_tasks_plain_loss(model, trainee, held, pack_tokens):
    decoder, quiet = ForestDecoder(model), partial(still, trainee)
    gauge = Gauge(decoder, trainee.parameters, CHEAP, pack_tokens, encode=lambda _: None, still=quiet)
    check(validation(gauge, held, NAMES, 1), model, trainee, held)


def fine_tune(base, steps=4, **train):
    options = {"targets": ("group",), "budget": Budget(steps=steps), "lora": Lora(layers="top-2")}
    return FineTune(base, TASKS, train=replace(CHEAP, **train), **options)


def watched(monkeypatch, place, method, seen):
    """Calls `seen` with the signals of each step before the rule is told of them."""
    plain = getattr(place, method)

    def watching(self, signals, state):
        seen(signals)
        return plain(self, signals, state)

    monkeypatch.setattr(place, method, watching)


@pytest.mark.parametrize("name", [*BALANCERS, *MIXERS])
def test_at_each_look_a_rule_is_told_the_losses_of_the_model_in_training(random_base, name, monkeypatch):
    """Of the rows that are held out of each dataset, under the weights of that step."""
    is_balancer = name in BALANCERS
    chosen = Balance(name, every=1, rows=4) if is_balancer else Mixing(name, every=1, rows=4)
    evaluate = fine_tune(random_base, **{"balancer" if is_balancer else "mixing": chosen})
    engine, looks = evaluate.engine, []
    held = engine._guides.rows(BOTH.names)[1]

    def seen(signals):
        expected = [task_loss(engine.model.module, held[task]) for task in signals.tasks.names]
        assert signals.validation.tolist() == pytest.approx(expected, abs=1e-5)
        looks.append(expected)

    rule = type(made_balancer(chosen) if is_balancer else made_mixer(chosen))
    watched(monkeypatch, rule, "weigh" if is_balancer else "mix", seen)
    (trial,) = evaluate([Request(BOTH)])
    assert trial.error is None
    assert len(looks) == 4
    assert abs(looks[-1][0] - looks[-1][1]) > 0.1  # datasets apart
    assert all(abs(last - first) > 0.1 for first, last in zip(looks[0], looks[-1], strict=True))  # and steps
    if is_balancer:
        assert np.allclose([losses for _, losses in trial.balancing.validation], looks, atol=1e-5, rtol=0)


def test_all_rules_that_look_at_losses_are_watched(installed):
    for name in PLACES:
        installed(name)
    assert {name for name in PLACES if "validation" in made_balancer(Balance(name)).needs} == set(BALANCERS)
    references = {name: dict.fromkeys(BOTH.names, 1.0) for name in REFERRING}
    needs = {name: made_mixer(Mixing(name, reference=references.get(name))).needs for name in set(MIXINGS)}
    assert {name for name, needed in needs.items() if "validation" in needed} == set(MIXERS)
    assert {name for name, needed in needs.items() if "reference" in needed} == set(REFERRING)


@pytest.fixture(scope="module")
def specialists(random_base, tmp_path_factory):
    """Models trained on each dataset alone, loaded by transformers and peft."""
    loaded = {}
    for name in BOTH.names:
        folder = tmp_path_factory.mktemp(name)
        fine_tune(random_base, LONG).fit(Request(Mixture.of([name]))).save(folder)
        loaded[name] = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(random_base), folder).eval()
    return loaded


@pytest.mark.parametrize("name", REFERRING)
def test_an_excess_is_what_a_dataset_costs_more_than_under_its_specialist(random_base, name, specialists, monkeypatch):
    """Row by row, at least 0, averaged over the rows of the batch before; losses are those before its step."""
    evaluate = fine_tune(random_base, LONG, mixing=Mixing(name, reference="specialists"))
    engine, gaps, told = evaluate.engine, [], []
    descend = Gauge.descend

    def descending(self, batch, weights):
        pairs = [(row_loss(engine.model.module, row), row_loss(specialists[row.task], row)) for row in batch]
        gaps.append([(row.task, now - alone) for row, (now, alone) in zip(batch, pairs, strict=True)])
        return descend(self, batch, weights)

    def seen(signals):
        if signals.seen is not None:
            here = np.unique(signals.seen.owner)
            told.append({signals.tasks.names[task]: signals.seen.excess(task) for task in here})

    monkeypatch.setattr(Gauge, "descend", descending)
    watched(monkeypatch, type(made_mixer(evaluate.setup.train.mixing)), "mix", seen)
    (trial,) = evaluate([Request(BOTH)])
    assert trial.error is None
    assert len(told) == LONG - 1
    for excess, batch in zip(told, gaps[:-1], strict=True):
        expected = {
            task: np.mean([max(gap, 0.0) for owner, gap in batch if owner == task]) for task in {o for o, _ in batch}
        }
        assert excess == pytest.approx(expected, abs=1e-5)
    found = [gap for batch in gaps[:-1] for _, gap in batch]
    assert max(found) > 0.1
    assert min(found) < 0  # a row that costs less counts as 0
