"""Attention in blocks gives what attention over the whole pack gives, from fewer tokens."""

from itertools import pairwise

import pytest
import tiny
import torch
from test_packing import logits_and_gradients, rows
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from cotune.training import block_attention as room
from cotune.training.attention import attention_of
from cotune.training.block_attention import blocks, in_blocks
from cotune.training.checkpoint import checkpointed
from cotune.training.decoder import Generation
from cotune.training.forest import plant
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.model import LanguageModel
from cotune.training.trunk import Trunk


@pytest.fixture(scope="module", params=["llama", "qwen2", "qwen3", "gpt2"])
def model(request):
    module = tiny.make_model(request.param).eval().requires_grad_(False)
    return LanguageModel(request.param, module, tiny.make_tokenizer(), request.param)


def planted(examples):
    return plant(examples, device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(room, "BLOCK_TOKENS", 32)


@pytest.mark.parametrize("common", [0, 7])
def test_blocks_hold_each_column_once_and_see_all_that_it_sees(small, common):
    forest = planted(rows(seed=1, common=common))
    found = blocks(forest)
    assert len(found) > 3
    assert [found[0].start, *(block.end for block in found)] == [*(block.start for block in found), forest.ids.shape[1]]
    assert all(block.end - block.start >= 32 for block in found)
    for block in found:
        columns = [place for first, last in (*block.before, (block.start, block.end)) for place in range(first, last)]
        hidden = [place for place in range(forest.ids.shape[1]) if place not in columns]
        rows_of = forest.mask[0, 0, block.start : block.end]
        assert torch.equal(block.mask[0, 0], rows_of[:, columns])
        assert bool((rows_of[:, hidden] < 0).all())
        assert all(
            last < first for (_, last), (first, _) in pairwise((*block.before, (block.start, block.end))) if last
        )


@pytest.mark.parametrize("depth", [0, 2])
def test_logits_gradients_and_outputs_are_those_of_the_whole_pack(model, depth, monkeypatch):
    examples = rows(seed=2)

    def found():
        decoder = ForestDecoder(model, Trunk(model, depth) if depth else None)
        outputs = decoder.read(examples, limit=10**6, generation=Generation(0, 4, 3))
        return logits_and_gradients(model, examples, depth), [reading.output for reading in outputs]

    whole, outputs = found()
    monkeypatch.setattr(room, "BLOCK_TOKENS", 32)
    calls = counted(monkeypatch)
    parts, same = found()
    assert len(calls) > 4 * len(model.layers[depth:])
    assert outputs == same
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def counted(monkeypatch):
    """Notes the number of queries of each call of attention."""
    calls = []
    attend = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def noting(module, query, *given, **more):
        calls.append(query.shape[2])
        return attend(module, query, *given, **more)

    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", noting)
    return calls


def test_short_packs_and_layers_that_are_stood_in_for_attend_as_ever(model, small, monkeypatch):
    calls = counted(monkeypatch)
    forest = planted(rows(seed=2))
    decoder, count = ForestDecoder(model), len(model.layers)
    decoder.logits(rows(count=1))
    with checkpointed([model.layers[-1]]):
        decoder.logits(rows(seed=2))
    assert len(calls) == 2 * count
    assert calls[-1] == forest.ids.shape[1]
    with in_blocks(model, forest, first=0):
        assert attention_of(model).__qualname__.startswith("_attention")
    assert attention_of(model).__qualname__.startswith("counted")
