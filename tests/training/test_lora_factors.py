"""LoRA factors: sums are exact, and what is cut to a rank is nearest to the whole."""

import pytest
import torch

from cotune.training.lora_factors import Factors, factors_of, joined, nearest, state_of


def made(seed, rank=3, out=7, into=6, scale=2.0):
    torch.manual_seed(seed)
    return Factors(torch.randn(rank, into), torch.randn(out, rank), scale)


def product(own):
    return own.scale * own.up @ own.down


def test_joined_factors_are_those_of_the_weighted_sum():
    parts = [(0.5, made(1)), (-2.0, made(2, rank=2, scale=0.5)), (0.0, made(3))]
    whole = joined(parts)
    assert whole.rank == 5  # what weighs nothing adds no rank
    expected = 0.5 * product(parts[0][1]) - 2.0 * product(parts[1][1])
    torch.testing.assert_close(product(whole), expected, atol=1e-6, rtol=1e-6)
    assert not product(joined([(0.0, made(3))])).any()


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_nearest_of_a_rank_is_that_of_the_largest_singular_values(rank):
    whole = joined([(1.0, made(1)), (1.0, made(2))])
    left, sizes, right = torch.linalg.svd(product(whole))
    found = nearest(whole, rank)
    expected = left[:, :rank] * sizes[:rank] @ right[:rank]
    torch.testing.assert_close(product(found), expected, atol=1e-5, rtol=1e-5)
    assert found.rank == rank
    gram = found.down @ found.down.T
    length = whole.down.norm(dim=1).mean()
    torch.testing.assert_close(gram, length**2 * torch.eye(rank), atol=1e-5, rtol=1e-5)


def test_what_has_the_rank_already_stays():
    torch.testing.assert_close(product(nearest(made(1), 3)), product(made(1)), atol=1e-5, rtol=1e-5)


def test_a_module_smaller_than_the_rank_keeps_the_shapes_of_its_adapter():
    small = made(1, rank=8, out=3)
    found = nearest(small, 8)
    assert (found.down.shape, found.up.shape) == (small.down.shape, small.up.shape)
    torch.testing.assert_close(product(found), product(small), atol=1e-5, rtol=1e-5)


def test_factors_are_an_adapters_weights_by_module():
    state = {
        "base_model.model.layers.0.q.lora_A.weight": torch.ones(2, 3),
        "base_model.model.layers.0.q.lora_B.weight": torch.zeros(4, 2),
    }
    factors = factors_of(state, 0.5)
    assert list(factors) == ["layers.0.q"]
    assert (factors["layers.0.q"].scale, factors["layers.0.q"].rank) == (0.5, 2)
    again = state_of(factors)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)
