"""The fast decoder computes what the whole model computes, for three families and any cut."""

import random

import pytest
import tiny
import torch

from cotune.training.choice import choose_decoder
from cotune.training.decoder import Generation
from cotune.training.example import Example
from cotune.training.forest import leaf, packs, plant
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.likelihood import choices, read_labels
from cotune.training.model import LanguageModel
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.trunk import Trunk

END = 0


def made_examples(count=9, seed=0):
    rng = random.Random(seed)
    common = tuple(rng.randrange(1, 340) for _ in range(7))

    def tokens(least, most):
        return tuple(rng.randrange(1, 340) for _ in range(rng.randint(least, most)))

    return [Example("t", str(i), common + tokens(1, 9), (*tokens(1, 6), END), (7,)) for i in range(count)]


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def model(request):
    module = tiny.make_model(request.param).eval().requires_grad_(False)
    return LanguageModel(request.param, module, tiny.make_tokenizer(), request.param)


@pytest.fixture(params=[0, 1, 3], ids="depth{}".format)
def forest(request, model):
    return ForestDecoder(model, Trunk(model, request.param) if request.param else None)


def test_logits_equal_those_of_padded_rows(model, forest):
    examples = made_examples()
    torch.testing.assert_close(forest.logits(examples), PaddedDecoder(model).logits(examples), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("cap", [1, 3, 20])
def test_outputs_equal_those_of_generate(model, forest, cap):
    examples = made_examples(count=8, seed=1)
    how = Generation(END, cap, rows=3)
    fast, plain = (
        forest.read(examples, limit=60, generation=how),
        PaddedDecoder(model).read(examples, limit=10**6, generation=how),
    )
    assert [reading.output for reading in fast] == [reading.output for reading in plain]
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one.losses, other.losses, atol=1e-4, rtol=1e-4)


def test_a_gold_answer_that_the_model_agrees_with_for_a_while_changes_nothing(model, forest):
    how = Generation(END, 12, rows=4)
    prompts = made_examples(count=6, seed=2)
    outputs = [reading.output for reading in forest.read(prompts, limit=100, generation=how)]
    for keep in (0, 2, 5, 12):  # gold answers that agree for so many tokens, the last one to the end
        drafted = [
            Example(
                "t", example.id, example.prompt, (*output[:keep], *((5, END) if keep < 12 else (END,))), example.cuts
            )
            for example, output in zip(prompts, outputs, strict=True)
        ]
        again = [reading.output for reading in forest.read(drafted, limit=100, generation=how)]
        assert again == outputs


def test_packs_do_not_change_losses(forest):
    examples = made_examples(count=7, seed=3)
    together, apart = forest.read(examples, limit=10**6), forest.read(examples, limit=1)
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one.losses, other.losses, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("limit", [20, 200], ids=["several packs a row", "several rows a pack"])
def test_labels_of_a_row_in_one_pass_equal_labels_one_by_one(model, forest, limit):
    labels = [(11, 12, END), (11, END), (13, 14, 15, END)]
    rows = [Example("t", example.id, example.prompt, labels[0], example.cuts) for example in made_examples(count=4)]
    padded = PaddedDecoder(model)
    for row, reading in zip(rows, read_labels(forest, rows, labels, limit=limit), strict=True):
        losses = [float(padded.read([choice], limit=100)[0].losses.sum()) for choice in choices(row, labels)]
        assert reading.output == labels[losses.index(min(losses))]
        assert float(reading.losses.sum()) == pytest.approx(losses[0], abs=1e-4)


def test_the_labels_of_a_row_share_its_prompt_and_rows_their_instruction():
    labels = [(11, 12, END), (11, END), (13, 14, 15, END)]
    rows = [Example("t", example.id, example.prompt, labels[0], example.cuts) for example in made_examples(count=4)]
    forest = plant(
        [choice for row in rows for choice in choices(row, labels)], device=torch.device("cpu"), dtype=torch.float32
    )
    texts = sum(len(row.prompt) - 7 for row in rows)
    ends = len(rows) * len(labels)  # nothing comes after them
    assert forest.ids.shape[1] == 7 + texts + len(rows) * sum(map(len, labels)) - ends


def test_packs_keep_order_and_limit():
    examples = made_examples(count=30, seed=4)
    runs = packs(examples, 50)
    assert [example for run in runs for example in run] == examples
    for run in runs:
        nodes = {node for example in run for node in leaf(example).line}
        assert sum(len(node.ids) for node in nodes) <= 50


def test_a_model_that_does_not_fit_gets_the_plain_decoder_with_a_warning(model):
    model.layers[2].register_forward_hook(lambda layer, given, out: out + given[0].cumsum(1))  # looks across branches
    try:
        with pytest.warns(UserWarning, match="does not fit the fast path"):
            decoder = choose_decoder(model, Trunk(model, 1), longest=100)
        assert isinstance(decoder, PaddedDecoder)
    finally:
        model.layers[2]._forward_hooks.clear()
    assert isinstance(choose_decoder(model, Trunk(model, 1), longest=100), ForestDecoder)
