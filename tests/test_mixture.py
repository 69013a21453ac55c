"""Mixtures are canonical: equal proportions are one object."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotune import Mixture

parts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 12), max_size=6)


@given(parts, st.integers(1, 5))
def test_scaling_all_parts_changes_nothing(counts, factor):
    assert Mixture.of(counts) == Mixture.of({name: factor * count for name, count in counts.items()})


@given(parts)
def test_order_of_names_changes_nothing(counts):
    assert hash(Mixture.of(counts)) == hash(Mixture.of(dict(reversed(counts.items()))))


@given(parts)
def test_json_round_trip(counts):
    mixture = Mixture.of(counts)
    assert Mixture.of(json.loads(json.dumps(mixture.to_json()))) == mixture


def test_a_combination_is_a_mixture_with_equal_parts():
    assert Mixture.of(["b", "a"]) == Mixture.of({"a": 3, "b": 3})
    assert str(Mixture.of({"a": 1, "b": 2})) == "a + 2 b"
    assert "a" in Mixture.of(["a"])
    assert len(Mixture()) == 0
    assert str(Mixture()) == "base model"


@pytest.mark.parametrize("counts", [{"a": -1}, {"a": 0.5}, {"a": True}])
def test_parts_are_whole_and_not_negative(counts):
    with pytest.raises(ValueError, match="Parts are whole numbers"):
        Mixture.of(counts)


@pytest.mark.parametrize("raw", [(("b", 1), ("a", 1)), (("a", 1), ("a", 1)), (("a", 2),), (("a", 0),)])
def test_the_constructor_refuses_other_forms(raw):
    with pytest.raises(ValueError, match=r"sorted|lowest|whole"):
        Mixture(raw)
