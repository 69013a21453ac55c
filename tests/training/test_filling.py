"""Nodes run together give what each gives alone, in four families; models that do not fit run them one by one."""

import random

import pytest
import tiny
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from cotune.training.filling import Filling
from cotune.training.forest import PACK_TOKENS, Node
from cotune.training.model import LanguageModel

DEPTH = 2


def language_model(family):
    module = tiny.make_model(family).eval().requires_grad_(False)
    return LanguageModel(family, module, tiny.make_tokenizer(), "f" * 64)


@pytest.fixture(params=["llama", "qwen2", "qwen3", "gpt2"])
def family(request):
    return language_model(request.param)


def family_tree(seed=0):
    """Gives roots with children and a grandchild, of 1 to 40 tokens, parents before their children."""
    rng = random.Random(seed)

    def ids(most):
        return tuple(rng.randrange(1, 340) for _ in range(rng.randint(1, most)))

    roots = [Node(None, ids(40)) for _ in range(5)]
    children = [Node(root, ids(6)) for root in roots for _ in range(3)]
    return [*roots, *children, Node(children[0], ids(9))]


class Kept:
    """Runs nodes in packs of `size` and keeps what they gave."""

    def __init__(self, filling, nodes, *, size):
        self.given = {}
        for start in range(0, len(nodes), size):
            pack = nodes[start : start + size]
            self.given |= dict(zip(pack, filling.run(pack, self.past), strict=True))

    def past(self, line):
        return torch.cat([self.given[node].past for node in line], dim=3)


def alone(filling, nodes):
    """Gives what the model's own attention gives for each node after the past of its line."""
    given = {}
    for node in nodes:
        given[node] = filling._alone(node, lambda line: torch.cat([given[each].past for each in line], dim=3))
    return given


def test_nodes_together_give_what_each_gives_alone(family):
    filling, nodes = Filling(family, DEPTH), family_tree()
    assert list(filling.packs(nodes)) == [nodes]
    together = Kept(filling, nodes, size=len(nodes)).given
    with torch.no_grad():
        for node, given in alone(filling, nodes).items():
            torch.testing.assert_close(together[node].states, given.states, rtol=0, atol=1e-5)
            torch.testing.assert_close(together[node].past, given.past, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_on_one_thread_the_bits_do_not_hang_on_the_pack(family, size):
    filling, nodes = Filling(family, DEPTH), family_tree()
    whole, parts = Kept(filling, nodes, size=len(nodes)).given, Kept(filling, nodes, size=size).given
    for node in nodes:
        assert torch.equal(whole[node].states, parts[node].states)
        assert torch.equal(whole[node].past, parts[node].past)


def test_packs_keep_the_order_and_hold_at_most_so_many_tokens(model):
    nodes = [Node(None, (index % 340,) * 100) for index in range(21)] + [Node(None, (1,) * 1100), Node(None, (2,))]
    packs = list(Filling(model, DEPTH).packs(nodes))
    assert [node for pack in packs for node in pack] == nodes
    assert [sum(len(node.ids) for node in pack) for pack in packs] == [1000, 1000, 100, 1100, 1]
    assert PACK_TOKENS == 1024


def test_where_together_gives_other_bits_one_thread_runs_nodes_apart(model):
    model.layers[0].register_forward_hook(lambda _, __, states: states + 1e-6 * states.shape[1])
    filling, nodes = Filling(model, DEPTH), family_tree()
    assert list(filling.packs(nodes)) == [[node] for node in nodes]
    torch.set_num_threads(2)
    try:
        assert list(Filling(model, DEPTH).packs(nodes)) == [nodes]
    finally:
        torch.set_num_threads(1)


def test_a_model_whose_attention_cannot_be_called_apart_runs_nodes_apart(model):
    model.module.set_attn_implementation("eager")
    filling, nodes = Filling(model, DEPTH), family_tree()
    assert list(filling.packs(nodes)) == [[node] for node in nodes]
    found = Kept(filling, nodes, size=4).given
    model.module.set_attn_implementation("sdpa")
    expected = Kept(Filling(model, DEPTH), nodes, size=4).given
    for node in nodes:
        torch.testing.assert_close(found[node].states, expected[node].states, rtol=0, atol=1e-5)


def test_the_models_attention_is_back_after_a_failure(model):
    def fail(*_):
        raise RuntimeError("out of memory")

    before = ALL_ATTENTION_FUNCTIONS["sdpa"]
    filling = Filling(model, DEPTH)
    assert filling._fits
    model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        filling.run(family_tree()[:2], lambda _: torch.empty(0))
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is before
