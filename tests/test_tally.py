"""Tallies of examples add up to the standard scores."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from cotune.tally import Tally, array_score, tally_arrays, tally_score

labels = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30)


def macro(gold, predicted):
    if gold == predicted:
        return [Tally(gold, 2, 2)]
    return [Tally(gold, 0, 1), Tally(predicted, 0, 1)]


@given(labels)
def test_macro_f1_equals_scikit_learn(pairs):
    gold, predicted = zip(*pairs, strict=True)
    expected = f1_score(gold, predicted, average="macro")
    assert abs(tally_score([macro(g, p) for g, p in pairs]) - expected) < 1e-12


def test_micro_f1_by_hand():
    # two hits, one spurious, one missed: 2*2 / (2*2 + 1 + 1)
    assert tally_score([[Tally("", 4, 5)], [Tally("", 0, 1)]]) == 4 / 6


def test_nothing_to_find_scores_zero():
    assert tally_score([]) == 0
    assert tally_score([[Tally("", 0, 0)]]) == 0


@given(labels, st.integers(0, 9))
def test_resampled_arrays_equal_resampled_examples(pairs, seed):
    examples = [macro(g, p) for g, p in pairs]
    pick = np.random.default_rng(seed).integers(len(examples), size=len(examples))
    numerators, denominators = tally_arrays(examples)
    expected = tally_score([examples[index] for index in pick])
    assert abs(array_score(numerators[pick].sum(axis=0), denominators[pick].sum(axis=0)) - expected) < 1e-12
