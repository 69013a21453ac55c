"""The trunk depends on tokens alone, and a second process computes nothing again."""

import pytest
import torch
from test_decoders import made_examples

from cotune.training.forest import leaf
from cotune.training.model import LanguageModel
from cotune.training.trunk import Trunk


@pytest.fixture
def calls(model):
    """Counts calls of the lowest layer."""
    counted = []
    model.layers[0].register_forward_pre_hook(lambda *_: counted.append(1))
    return counted


def nodes(examples):
    return list(dict.fromkeys(node for example in examples for node in leaf(example).line))


def test_states_do_not_hang_on_what_else_was_computed(model):
    examples = made_examples()
    one, other = Trunk(model, 2), Trunk(model, 2)
    one.prepare(nodes(examples))
    other.prepare(nodes(examples[::-1]), pasts=True)
    assert torch.equal(one.states(nodes(examples)), other.states(nodes(examples)))
    for example in examples:
        assert torch.equal(one.past(leaf(example).line), other.past(leaf(example).line))


def test_each_node_is_computed_once(model, calls):
    trunk = Trunk(model, 2)
    wanted = nodes(made_examples())
    trunk.prepare(wanted[:2], pasts=True)  # and looks whether the model fits
    calls.clear()
    for _ in range(3):
        trunk.prepare(wanted)
        trunk.states(wanted)
    assert len(calls) == 1


def test_a_second_process_reads_the_folder(model, calls, tmp_path):
    wanted = nodes(made_examples())
    first = Trunk(model, 2, cache=tmp_path)
    first.prepare(wanted)
    states = first.states(wanted)
    calls.clear()
    second = Trunk(model, 2, cache=tmp_path)
    second.prepare(wanted)
    assert torch.equal(second.states(wanted), states)
    assert not calls


def test_the_folder_of_a_model_lies_in_the_cache_and_tells_model_depth_and_dtype(model, tmp_path):
    Trunk(model, 2, cache=tmp_path).prepare(nodes(made_examples(count=2)))
    model.module.to(torch.bfloat16)
    Trunk(model, 2, cache=tmp_path).prepare(nodes(made_examples(count=2)))
    assert {path.parent.name for path in tmp_path.glob("*/*.safetensors")} == {
        f"{'f' * 32}-2-float32",
        f"{'f' * 32}-2-bfloat16",
    }


def test_another_depth_or_model_does_not_read_it(model, calls, tmp_path):
    wanted = nodes(made_examples(count=2))
    Trunk(model, 2, cache=tmp_path).prepare(wanted)
    other = LanguageModel("llama", model.module, model.tokenizer, "0" * 64)
    for trunk in (Trunk(model, 3, cache=tmp_path), Trunk(other, 2, cache=tmp_path)):
        calls.clear()
        trunk.prepare(wanted)
        assert calls


def test_progress_counts_to_the_end(model):
    told = []
    Trunk(model, 1).prepare(nodes(made_examples(count=3)), progress=lambda *step: told.append(step))
    assert told == [(0, 4), (4, 4)]
