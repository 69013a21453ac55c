"""Descent over layers finds what a layer is better from, reads nothing twice, and does not chase noise."""

import numpy as np
import pytest

from cotune.training.reuse.descent import Known, descend

ROWS = 60


class Landscape:
    """Losses of rows that hang on layers by themselves, with noise of each row for each layer and adapter."""

    def __init__(self, worth, *, noise=0.1, seed=0, extra=lambda pick: 0.0):
        self.worth, self.extra = worth, extra  # [layer]{adapter: nats a token}
        rng = np.random.default_rng(seed)
        self.tokens = rng.integers(1, 6, ROWS).astype(float)
        self.own = {(layer, adapter): rng.normal(0, noise, ROWS) for layer, of in enumerate(worth) for adapter in of}
        self.read, self.held = [], []

    def losses(self, pick):
        self.read.append(pick)
        parts = [self.worth[layer][adapter] + self.own[layer, adapter] for layer, adapter in enumerate(pick)]
        return self.tokens * (3 + sum(parts) + self.extra(pick))

    def hold(self, pick):
        self.held.append((pick, len(self.read)))


def found(rows, start, passes=5):
    options = [[adapter for adapter in of if adapter is not None] for of in rows.worth]
    known = Known(rows)
    return descend(known, start, options, passes=passes), known


def test_it_finds_the_best_of_each_layer_and_then_settles():
    rows = Landscape([{None: 0.0, 0: 1.0, 1: -1.0}, {None: 0.0, 0: -0.5, 1: 0.5}, {None: 0.0, 0: 0.8, 1: 0.9}])
    descent, known = found(rows, (0, 0, 0))
    assert descent.pick == (1, 0, None)
    assert [(change.layer, change.before, change.after) for change in descent.changes] == [(2, 0, None), (0, 0, 1)]
    assert (descent.passes, descent.is_settled) == (2, True)
    assert [round(change.gap.mean) for change in descent.changes] == [-1, -2]
    assert known.readings == len(rows.read) + len(rows.held) == len(set(rows.read)) + len(rows.held)
    assert len(rows.held) == 2


def test_a_pass_goes_from_the_top_down_and_holds_what_it_began_with():
    rows = Landscape([{None: 0.0, 0: 0.0, 1: 0.0}, {None: 0.0, 0: 1.0, 1: -1.0}], noise=0.0)
    descent, _ = found(rows, (0, 0))
    assert descent.pick == (0, 1)
    assert rows.read[:3] == [(0, None), (0, 1), (0, 0)]  # the top layer's candidates, and where it started
    assert set(rows.read[3:]) == {(None, 1), (1, 1)}
    assert rows.held == [((0, 0), 0)]  # the second pass, which knows all, holds nothing


def test_a_layer_below_can_make_one_above_worth_changing():
    def together(pick):
        return -2.0 if pick == (1, 1) else 0.0

    rows = Landscape([{None: 0.0, 0: 0.0, 1: -0.5}, {None: 0.0, 0: 0.0, 1: 0.5}], extra=together)
    descent, _ = found(rows, (0, 0))
    assert descent.pick == (1, 1)
    assert [(change.sweep, change.layer) for change in descent.changes] == [(0, 0), (1, 1)]
    cut, _ = found(rows, (0, 0), passes=1)
    assert (cut.pick, cut.passes, cut.is_settled) == ((1, 0), 1, False)
    assert [pick for pick, _ in rows.held][:2] == [(0, 0), (1, 0)]


def test_the_loss_falls_with_each_change_and_no_candidate_is_detectably_better_in_the_end():
    rng = np.random.default_rng(3)
    worth = [{adapter: float(rng.normal(0, 0.1)) for adapter in (None, 0, 1, 2)} for _ in range(6)]
    rows = Landscape(worth, noise=0.3)
    descent, known = found(rows, (0,) * 6)
    assert descent.is_settled
    assert all(change.gap.mean < 0 for change in descent.changes)
    total = sum(change.gap.mean for change in descent.changes)
    assert known.mean(descent.pick) - known.mean((0,) * 6) == pytest.approx(total)


def test_noise_changes_a_visited_layer_in_at_most_one_case_of_twenty():
    changed = 0
    for seed in range(300):
        rows = Landscape([{None: 0.0, 0: 0.0, 1: 0.0, 2: 0.0}], seed=seed)
        changed += len(found(rows, (0,), passes=1)[0].changes)
    assert 0 < changed / 300 < 0.08  # 0.05 is the bound; three candidates compared with one do not err apart


def test_a_candidate_without_a_number_is_not_taken():
    rows = Landscape([{None: 0.0, 0: 0.0, 1: float("nan"), 2: -1.0}])
    assert found(rows, (0,))[0].pick == (2,)
    only = Landscape([{None: 0.0, 0: float("inf")}])
    assert found(only, (None,))[0].pick == (None,)


def test_progress_counts_all_candidates():
    rows, told = Landscape([{None: 0.0, 0: 0.0}, {None: 0.0, 0: 1.0, 1: 0.0}]), []
    options = [[0], [0, 1]]
    descend(Known(rows), (0, 0), options, passes=2, tell=lambda *now: told.append(now))
    assert told[:3] == [(0, 1, 3), (0, 2, 3), (0, 3, 3)]
