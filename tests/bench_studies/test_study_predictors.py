"""The predictors that studies compare keep a predictor's promises and learn what they can."""

import numpy as np
import pytest
from benchmarks.studies.early_stopping import STEPS, EarlyStopping
from benchmarks.studies.linear_ensemble import LinearEnsemble
from benchmarks.studies.set_network import SetNetwork

from cotune.search import Ensemble
from cotune.testing import check_predictor

SETS = {"deep set": SetNetwork(0), "attention": SetNetwork(0, attends=True)}
PARTS = ((np.arange(1, 64)[:, None] >> np.arange(6)) & 1).astype(float)  # [mixture, task]


@pytest.mark.parametrize(
    "predictor",
    [LinearEnsemble(0), *SETS.values(), EarlyStopping(Ensemble(members=2))],
    ids=["linear", *SETS, "early stopping"],
)
def test_a_predictor_keeps_its_promises(predictor):
    check_predictor(predictor)


def test_the_linear_ensemble_finds_a_line_and_agrees_where_there_is_no_noise():
    y = PARTS @ np.arange(6.0)[:, None] + 2
    found = LinearEnsemble(0, penalty=1e-9).fit(PARTS[::2], y[::2]).predict(PARTS)
    assert np.allclose(found, y, atol=1e-5)


def test_members_differ_more_the_noisier_the_scores():
    rng = np.random.default_rng(0)
    x, noise = PARTS[:20], rng.standard_normal((20, 1))
    fitted = [LinearEnsemble(0).fit(x, x[:, :1] + level * noise) for level in (0, 1)]
    spread = [ensemble.predict(PARTS).std(axis=0).mean() for ensemble in fitted]
    assert spread[1] > 2 * spread[0]


@pytest.mark.parametrize("network", SETS.values(), ids=SETS)
def test_a_set_network_learns_a_curve_of_size_and_who_is_in(network):
    y = np.log(PARTS.sum(axis=1)) * 0.5 - PARTS[:, 0]
    order = np.random.default_rng(0).permutation(len(PARTS))
    found = network.fit(PARTS[order[:40]], y[order[:40], None]).predict(PARTS[order[40:]]).mean(axis=0)[:, 0]
    assert np.corrcoef(found, y[order[40:]])[0, 1] > 0.9


def test_a_held_out_part_stops_early_on_noise_and_late_on_a_pattern():
    pattern = PARTS @ np.array([[1.0], [-1], [0.5], [0], [2], [0]])
    noise = np.random.default_rng(1).standard_normal((len(PARTS), 1))
    steps = [EarlyStopping(Ensemble(members=4)).fit(PARTS, y).ensemble.steps for y in (pattern, noise)]
    assert steps == [STEPS[-1], STEPS[0]]
    assert EarlyStopping(Ensemble(members=2)).fit(PARTS[:4], pattern[:4]).ensemble.steps == STEPS[-1]


@pytest.mark.parametrize("predictor", [LinearEnsemble(0), SetNetwork(0)], ids=["linear", "set"])
def test_an_unfitted_predictor_says_so(predictor):
    with pytest.raises(ValueError, match="predicts after `fit`"):
        predictor.predict(PARTS)
