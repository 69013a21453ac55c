"""Label rates are compared by the chi-square statistic of homogeneity."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from cotune.drift.label_rates import chi_square, most_moved


def taken(baseline, new):
    return np.repeat([0.0, 1.0], [baseline, new])[None]


def test_by_hand():
    """Expected are 1.2 and 1.8 of three, 0.8 and 1.2 of two; each is off by 0.8."""
    found = chi_square(["a", "a", "b", "b", "b"])(taken(3, 2))
    assert found == pytest.approx([0.64 * (1 / 1.2 + 1 / 1.8 + 1 / 0.8 + 1 / 1.2)])
    assert chi_square(["a"] * 5)(taken(3, 2)) == 0


def test_as_scipy_has_it():
    rng = np.random.default_rng(0)
    labels = [str(label) for label in rng.integers(0, 4, 50)]
    table = [[part.count(name) for name in sorted(set(labels))] for part in (labels[:30], labels[30:])]
    assert chi_square(labels)(taken(30, 20)) == pytest.approx([chi2_contingency(table, correction=False).statistic])


def test_the_label_that_moved_most_is_named():
    moved = most_moved(["a", "a", "b", "c"], ["c", "c", "b", "a"])
    assert (moved.label, moved.baseline, moved.new) == ("a", 0.5, 0.25)
    assert most_moved(["a"], ["a"]) == ("a", 1.0, 1.0)
