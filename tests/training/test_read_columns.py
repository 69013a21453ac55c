"""The last layer's network runs at the columns that are read alone, and changes nothing that is read."""

import pytest
import tiny
import torch
from test_packing import logits_and_gradients, rows

from cotune.training import Lora
from cotune.training.checkpoint import checkpointed
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.model import LanguageModel
from cotune.training.read_columns import only_read


@pytest.fixture(scope="module", params=["llama", "qwen2", "qwen3", "gpt2"])
def model(request):
    module = tiny.make_model(request.param).eval().requires_grad_(False)
    return LanguageModel(request.param, module, tiny.make_tokenizer(), request.param)


@pytest.fixture
def counted(model):
    """How many tokens each pass sent through the last layer's network."""
    counts = []
    inner = next(part for part in model.layers[-1].mlp.modules() if not list(part.children()))
    handle = inner.register_forward_hook(lambda _, given, __: counts.append(given[0].shape[-2]))
    yield counts
    handle.remove()


@pytest.mark.parametrize("depth", [0, 2])
def test_what_is_read_and_its_gradients_are_those_of_the_whole_layer(model, depth, monkeypatch):
    examples = rows(seed=3)
    some = logits_and_gradients(model, examples, depth)
    monkeypatch.setattr("cotune.training.read_columns.NETWORKS", ())
    for one, other in zip(some, logits_and_gradients(model, examples, depth), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_only_columns_before_answer_tokens_go_through(model, counted):
    decoder, examples = ForestDecoder(model), rows(seed=3)
    decoder.logits(examples)
    decoder.read(examples, limit=10**6)
    assert counted == [sum(len(example.answer) for example in examples)] * 2
    decoder.read_states(examples)
    assert counted[-1] == sum(example.tokens for example in examples) - 7 * (len(examples) - 1)


def test_all_columns_go_through_where_that_is_asked_for_or_needed(model, counted):
    decoder, examples = ForestDecoder(model), rows(seed=3)
    everything = sum(example.tokens for example in examples) - 7 * (len(examples) - 1)
    with checkpointed([model.layers[-1]]):
        decoder.logits(examples)
    assert counted == [everything]
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        trainee.train(True)
        decoder.logits(examples)
        assert max(counted[1:]) == everything  # dropout draws for all columns, as side by side
        trainee.train(False)
        del counted[:]
        decoder.logits(examples)
        assert max(counted) < everything


def test_a_layer_without_a_known_network_runs_whole():
    layer = torch.nn.Sequential(torch.nn.Linear(4, 4))
    with only_read(layer, torch.tensor([1])):
        assert "forward" not in vars(layer[0])
