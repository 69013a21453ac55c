import numpy as np
import pytest
from scipy.stats import spearmanr

from cotune.search import AdditiveProcess, Measured, PriorFitted, Product
from cotune.search.evidence import outcomes
from cotune.search.prior_fitted import CHUNK, READ
from cotune.testing import REGIMES, check_predictor, landscape, tabulate
from cotune.trial import Request


def some_trials(rng, trials=12, tasks=6):
    x = (rng.random((trials, tasks)) < 0.5).astype(float)
    x[:, 0] = 1
    y = np.concatenate([rng.standard_normal((trials, 1)), rng.standard_normal((trials, 2 * tasks))], axis=1)
    y[:, 1] = np.nan
    return x, y


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_it_keeps_a_predictor_s_promises():
    check_predictor(PriorFitted((0, 1)))


def test_neither_the_order_of_trials_nor_that_of_datasets_matters(rng):
    x, y = some_trials(rng)
    candidates, _ = some_trials(rng)
    trials, tasks = rng.permutation(12), rng.permutation(6)
    outputs = np.concatenate([[0], 1 + tasks, 7 + tasks])
    plain = PriorFitted((0,)).fit(x, y).predict(candidates)[:, :, 0]
    place = int(np.flatnonzero(tasks == 0)[0])
    turned = PriorFitted((place,)).fit(x[trials][:, tasks], y[trials][:, outputs]).predict(candidates[:, tasks])
    np.testing.assert_allclose(plain, turned[:, :, 0], atol=1e-4)


def test_scores_may_be_moved_and_scaled(rng):
    x, y = some_trials(rng)
    plain = PriorFitted((0,)).fit(x, y[:, :1]).predict(x)
    moved = PriorFitted((0,)).fit(x, 7 + 100 * y[:, :1]).predict(x)
    np.testing.assert_allclose(moved, 7 + 100 * plain, rtol=1e-3, atol=1e-2)


def test_losses_are_read_before_scores_and_gaps_are_no_matter(rng):
    x, y = some_trials(rng)
    without_scores = y.copy()
    without_scores[:, 1:7] = np.nan
    with_losses = PriorFitted((0,)).fit(x, y).predict(x)[:, :, 0]
    np.testing.assert_array_equal(with_losses, PriorFitted((0,)).fit(x, without_scores).predict(x)[:, :, 0])
    y[3, 1:] = np.nan
    one_gap = PriorFitted((0,)).fit(x, y).predict(x)[:, :, 0]
    assert np.isfinite(one_gap).all()
    assert not np.array_equal(one_gap, with_losses)


def test_it_reads_the_best_trials_of_many(rng):
    x, y = some_trials(rng, trials=READ + 30)
    first = PriorFitted((0,)).fit(x, y)
    assert len(first.x) == READ
    assert y[:, 0].max() in first.y[:, 0]


def test_mixtures_are_read_alone(rng):
    x, y = some_trials(rng, tasks=40)
    asked, _ = some_trials(rng, trials=3 * CHUNK // 40 // 2, tasks=40)
    fitted = PriorFitted((0,)).fit(x, y)
    alone = np.concatenate([fitted.predict(row[None]) for row in asked], axis=1)
    np.testing.assert_allclose(fitted.predict(asked)[:, :, 0], alone[:, :, 0], atol=1e-5)


@pytest.mark.parametrize("regime", [regime for regime in REGIMES if regime != "flat"])
def test_it_ranks_what_it_has_not_seen(regime):
    found = []
    for seed in range(6):
        rng = np.random.default_rng([99, seed])
        table = tabulate(landscape(regime, rng, size=8, jitter=0.05))
        problem, truth = table.problem("t00"), table.values("t00")
        mixtures = [list(truth)[index] for index in rng.permutation(len(truth))]
        trials = list(table.evaluate("t00")([Request(mixture) for mixture in mixtures[:14]]))
        parts = problem.encode(mixtures)
        predicted = PriorFitted((0,)).fit(parts[:14], outcomes(problem, trials)).predict(parts[14:]).mean(axis=0)[:, 0]
        found.append(spearmanr(predicted, [truth[mixture] for mixture in mixtures[14:]]).statistic)
    assert np.mean(found) > 0.4


def test_a_product_hears_who_is_sure(rng):
    x, y = some_trials(rng)
    process, network = Measured(AdditiveProcess()).fit(x, y), PriorFitted((0,)).fit(x, y)
    both = Product((PriorFitted((0,)), Measured(AdditiveProcess()))).fit(x, y).predict(x)[:, :, 0]
    means = np.stack([member.predict(x)[:, :, 0].mean(axis=0) for member in (process, network)])
    precisions = np.stack([1 / member.predict(x)[:, :, 0].var(axis=0) for member in (process, network)])
    expected = (means * precisions).sum(axis=0) / precisions.sum(axis=0)
    np.testing.assert_allclose(both.mean(axis=0), expected, atol=1e-6)


def test_a_product_of_one_is_that_one(rng):
    x, y = some_trials(rng)
    member = PriorFitted((0,)).fit(x, y).predict(x)[:, :, 0]
    product = Product((PriorFitted((0,)),)).fit(x, y).predict(x)[:, :, 0]
    np.testing.assert_allclose(product.mean(axis=0), member.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(product.std(axis=0), member.std(axis=0), rtol=0.1)
