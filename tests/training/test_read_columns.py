"""Most of the last layer runs at the columns that are read alone, and changes nothing that is read."""

import pytest
import tiny
import torch
from test_packing import logits_and_gradients, rows

from cotune.training import Lora
from cotune.training.checkpoint import checkpointed
from cotune.training.forest import tokens_of
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.forwards import replaced
from cotune.training.lora import adapted
from cotune.training.model import LanguageModel
from cotune.training.read_columns import only_read


@pytest.fixture(scope="module", params=["llama", "qwen2", "qwen3", "gpt2"])
def model(request):
    module = tiny.make_model(request.param).eval().requires_grad_(False)
    return LanguageModel(request.param, module, tiny.make_tokenizer(), request.param)


@pytest.fixture
def counted(model):
    """How many tokens each pass sent through the last layer's parts, each part's count once."""
    counts = []

    def counting(part):
        whole = part.forward
        return lambda states: (counts.append(states.shape[-2]), whole(states))[1]

    with replaced(parts_of(model.layers[-1]), counting):
        yield counts


def parts_of(layer):
    """Its network, and the maps of queries and outputs where they are apart from those of keys and values."""
    attention = getattr(layer, "self_attn", None)
    return [layer.mlp, *([attention.q_proj, attention.o_proj] if attention else [])]


@pytest.mark.parametrize("depth", [0, 2])
def test_what_is_read_and_its_gradients_are_those_of_the_whole_layer(model, depth, monkeypatch):
    examples = rows(seed=3)
    some = logits_and_gradients(model, examples, depth)
    monkeypatch.setattr("cotune.training.read_columns.NETWORKS", ())
    monkeypatch.setattr("cotune.training.read_columns.QUERY_AND_OUTPUT", ())
    for one, other in zip(some, logits_and_gradients(model, examples, depth), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_only_columns_before_answer_tokens_go_through(model, counted):
    decoder, examples = ForestDecoder(model), rows(seed=3)
    decoder.logits(examples)
    decoder.read(examples, limit=10**6)
    read = sum(len(example.answer) for example in examples)
    assert counted == [read] * 2 * len(parts_of(model.layers[-1]))
    decoder.read_states(examples)
    assert set(counted[-len(counted) // 3 :]) == {tokens_of(examples)}


def test_all_columns_go_through_where_that_is_asked_for_or_needed(model, counted):
    decoder, examples = ForestDecoder(model), rows(seed=3)
    everything = tokens_of(examples)
    with checkpointed([model.layers[-1]]):
        decoder.logits(examples)
    assert counted == [everything] * len(parts_of(model.layers[-1]))
    del counted[:]
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        trainee.train(True)
        decoder.logits(examples)
        assert set(counted) == {everything}  # dropout draws for all columns, as side by side
        trainee.train(False)
        del counted[:]
        decoder.logits(examples)
        assert max(counted) < everything


def test_a_layer_without_known_parts_runs_whole():
    layer = torch.nn.Sequential(torch.nn.Linear(4, 4))
    with only_read(layer, torch.tensor([1])):
        assert "forward" not in vars(layer[0])
