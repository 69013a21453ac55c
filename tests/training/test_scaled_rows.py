"""MT-ISA's input strategies: what is read of an auxiliary row counts by the row's confidence."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from test_balance_rows import surely
from test_balance_training import CHEAP, batches, fine_tune, run
from test_balance_weights import LOSSES, OWNER, TASKS, TOKENS, check, signals, traced
from test_decoders import made_examples

from cotune import Mixture, Request
from cotune.task import Row
from cotune.training import Balance, Budget, Lora
from cotune.training.balance.choice import made
from cotune.training.balance.contract import Tasks
from cotune.training.balance.facts import scaled
from cotune.training.forest import lay_out
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.model import LanguageModel
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.trunk import Trunk
from cotune.trial import Stop

SCALES = (1.0, 0.5, 0.25, 1.0, 0.001, 0.75, 0.5, 0.25)


def doubted():
    return [replace(each, scale=scale) for each, scale in zip(made_examples(count=8), SCALES, strict=True)]


def by_hand(model, example, cut):
    """Gives the logits of one row alone, with the states that layer `cut` is given scaled at its own prompt.

    At 0 these are the embeddings, but for a gpt2, whose first layer is given positions as well.
    """
    factors = torch.ones(1, example.tokens, 1)
    factors[0, list(example.own)] = example.scale
    if cut == 0:
        embedded = model.module.get_input_embeddings()(torch.tensor([example.ids])) * factors
        return model.module(inputs_embeds=embedded).logits[0, list(example.predictors)]
    hook = model.layers[cut - 1].register_forward_hook(lambda _, __, states: states * factors)
    logits = model.module(input_ids=torch.tensor([example.ids])).logits[0, list(example.predictors)]
    hook.remove()
    return logits


@pytest.mark.parametrize(("family", "cut"), [("llama", 0), ("qwen2", 0), ("llama", 2), ("qwen2", 2), ("gpt2", 2)])
@torch.no_grad()
def test_a_scale_is_a_factor_on_what_the_lowest_trained_layer_is_given_of_a_rows_own_prompt(family, cut):
    module = tiny.make_model(family).eval().requires_grad_(False)
    model, examples = LanguageModel(family, module, tiny.make_tokenizer(), "f" * 64), doubted()
    expected = torch.cat([by_hand(model, each, cut) for each in examples])
    plain = ForestDecoder(model).logits([replace(each, scale=1.0) for each in examples])
    assert float((expected - plain).abs().max()) > 0.05
    decoders = [ForestDecoder(model, cut=cut), PaddedDecoder(model, cut=cut)]
    for decoder in [*decoders, *([ForestDecoder(model, Trunk(model, cut))] if cut else [])]:
        torch.testing.assert_close(decoder.logits(examples), expected, atol=1e-4, rtol=1e-4)
        alone = [decoder.logits([each]) for each in examples]
        torch.testing.assert_close(torch.cat(alone), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(decoder.read_states(examples)[0], expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            decoder.logits([replace(each, scale=1.0) for each in examples]), plain, atol=1e-4, rtol=1e-4
        )


def test_rows_with_the_same_text_and_other_scales_lie_apart():
    first = made_examples(count=1)[0]
    second = replace(first, id="again", scale=0.5)
    assert len(lay_out([first, replace(first, id="again")]).ids) == first.tokens - 1
    apart = lay_out([first, second]).places
    common = first.own.start
    assert apart[0][:common] == apart[1][:common]
    assert not set(apart[0][common:]) & set(apart[1][common:])


def test_only_auxiliary_rows_with_a_confidence_are_scaled():
    batch = batches()[0]
    known = {(each.task, each.id): place / 10 for place, each in enumerate(batch) if each.id != batch[-1].id}
    found = scaled(batch, known, Tasks(("a", "b", "c"), (True, False, False), (1, 1, 1)), 1.0, 0.001)
    expected = [1.0 if each.task == "a" else known.get((each.task, each.id), 1.0) for each in batch]
    assert [each.scale for each in found] == pytest.approx(expected)
    assert len(set(expected)) > 3
    assert scaled(batch, known, Tasks(("a", "b", "c"), (True, False, False), (1, 1, 1)), 0.0, 0.001) == batch
    everyone = scaled(batch, known, Tasks(("a", "b", "c"), (True, True, True), (1, 1, 1)), 1.0, 0.05)
    assert everyone[0].scale == 0.05
    assert [replace(each, scale=1.0) for each in everyone] == batch


def test_losses_are_weighed_by_tasks_alone_under_input_and_by_rows_as_well_under_both():
    s, expected = np.zeros(3), []
    totals = np.bincount(OWNER, weights=TOKENS)
    for line in LOSSES:
        expected.append((np.exp(-s) / 3)[OWNER] * TOKENS / totals[OWNER])
        s = s - 0.025 * (0.5 - 0.5 * np.exp(-s) * np.array(line))
    check(traced("mt_isa", strategy="input"), expected)
    check(traced("mt_isa", strategy="both"), traced("mt_isa"))
    assert np.abs(traced("mt_isa") - expected).max() > 0.01
    balancer = made(Balance("mt_isa", {"strategy": "input"}))
    _, state = balancer.weigh(signals(1), balancer.start(TASKS))
    assert state["power"].tolist() == [1.0]


def pool(confidence):
    return tiny.group_task(), surely("sure", "1.0"), surely("doubtful", confidence)


NAMES = ("group", "sure", "doubtful")


def learned(base, strategy, confidence="0.2", **others):
    options = {"strategy": strategy, "tasks": False, "lr": 0.0}
    return run(fine_tune(base, Balance("mt_isa", options), pool(confidence), **others), *NAMES)


def test_confidence_changes_what_is_learned_and_full_confidence_nothing(random_base):
    found = {strategy: learned(random_base, strategy).train_loss for strategy in ("output", "input", "both")}
    assert len(set(found.values())) == 3
    sure = [learned(random_base, strategy, "1.0").train_loss for strategy in ("output", "input", "both")]
    assert sure[0] == sure[1] == sure[2]
    assert found["input"][0] != pytest.approx(sure[0][0], rel=1e-3)


@pytest.mark.parametrize("strategy", ["input", "both"])
def test_a_trunk_changes_nothing_of_scaled_rows(base, strategy):
    found = [
        learned(base, strategy, train=replace(CHEAP, trunk=trunk, balancer=Balance("mt_isa", {"strategy": strategy})))
        for trunk in ("on", "off")
    ]
    assert found[0].train_loss == pytest.approx(found[1].train_loss, rel=1e-4)
    assert found[0].results["sure"].loss == pytest.approx(found[1].results["sure"].loss, rel=1e-3)


def test_a_scaled_training_that_was_stopped_goes_on_as_if_it_had_not_been(random_base):
    options = {"budget": Budget(steps=6), "lora": Lora(layers="top-2", dropout=0.2)}
    balancer = Balance("mt_isa", {"strategy": "both"})
    halting = fine_tune(random_base, balancer, pool("0.2"), **options)
    mixture = Mixture.of(NAMES)
    (stopped,) = halting([Request(mixture, stop=Stop((("group", 1.0),), ((0.5, 0.0),)))])
    assert stopped.reached == 0.5
    (resumed,) = halting([Request(mixture)])
    whole = run(fine_tune(random_base, balancer, pool("0.2"), **options), *NAMES)
    assert replace(resumed, seconds=0.0, curve=()) == replace(whole, seconds=0.0)


def unsure(task):
    rows = [Row(row.id, {"input": row.fields["input"]}, row.answer) for row in task.rows["train"]]
    return replace(task, rows={**task.rows, "train": rows})


@pytest.mark.parametrize("strategy", ["input", "both"])
def test_inputs_are_scaled_only_where_a_row_says_how_sure_it_is(strategy):
    balancer = Balance("mt_isa", {"strategy": strategy})
    tasks = (tiny.group_task(), unsure(surely("sure", "1.0")))
    with pytest.raises(ValueError, match="scales inputs by the rows' confidence; none of \\['sure'\\] has it"):
        fine_tune("x", balancer, tasks)
    fine_tune("x", Balance("mt_isa"), tasks)
    with pytest.raises(ValueError, match="'strategy' of balancer 'mt_isa' is one of"):
        Balance("mt_isa", {"strategy": "inputs"})
