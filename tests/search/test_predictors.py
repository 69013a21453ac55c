import time

import numpy as np
import pytest

from cotune.search import AdditiveProcess, Ensemble, Product
from cotune.search.additive_process import CHUNK, _fits
from cotune.search.kernels import draw_kernels, gaps
from cotune.testing import check_predictor

PREDICTORS = [AdditiveProcess(), AdditiveProcess(3, leading=2), Ensemble(members=4, steps=20)]
PREDICTORS.append(Product((AdditiveProcess(samples=16), Ensemble(members=4, steps=20))))


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_predictors_keep_their_promises(predictor):
    check_predictor(predictor)


@pytest.mark.parametrize("predictor", [AdditiveProcess(), Ensemble()])
def test_scores_may_be_moved_and_scaled(predictor):
    rng = np.random.default_rng(0)
    x, candidates = rng.integers(0, 2, (10, 5)).astype(float), rng.integers(0, 2, (6, 5)).astype(float)
    x[:, 0] = candidates[:, 0] = 1
    y = rng.standard_normal((10, 2))
    plain = predictor.fit(x, y).predict(candidates)
    moved = predictor.fit(x, 7 + 100 * y).predict(candidates)
    np.testing.assert_allclose(moved, 7 + 100 * plain, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("predictor", [AdditiveProcess(), Ensemble()])
def test_an_unfitted_predictor_says_so(predictor):
    with pytest.raises(ValueError, match="after `fit`"):
        predictor.predict(np.ones((1, 3)))


@pytest.mark.parametrize("predictor", [AdditiveProcess(), Ensemble()])
@pytest.mark.parametrize("tasks", [10, 64])
def test_a_fit_to_fifty_trials_takes_under_a_second(predictor, tasks):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (50, tasks)).astype(float)
    x[:, 0] = 1
    start = time.process_time()
    predictor.fit(x, rng.standard_normal((50, tasks)))
    assert time.process_time() - start < 1


def test_order_of_trials_and_of_datasets_does_not_matter_to_the_process():
    rng = np.random.default_rng(0)
    x, candidates = rng.integers(0, 2, (9, 5)).astype(float), rng.integers(0, 2, (4, 5)).astype(float)
    x[:, 0] = candidates[:, 0] = 1
    y = rng.standard_normal((9, 1))
    plain = AdditiveProcess().fit(x, y).predict(candidates)
    trials, tasks = rng.permutation(9), rng.permutation(5)
    turned = AdditiveProcess().fit(x[trials][:, tasks], y[trials]).predict(candidates[:, tasks])
    np.testing.assert_allclose(plain, turned, atol=1e-6)


def test_the_process_is_surest_where_it_has_measured():
    rng = np.random.default_rng(0)
    x = np.unique(rng.integers(0, 2, (40, 6)), axis=0).astype(float)
    x[:, 0] = 1
    x = np.unique(x, axis=0)
    y = x.sum(axis=1, keepdims=True)
    predicted = AdditiveProcess().fit(x[::2], y[::2]).predict(x)
    sd = predicted.std(axis=0)[:, 0]
    assert sd[::2].mean() < sd[1::2].mean()
    assert np.corrcoef(predicted.mean(axis=0)[1::2, 0], y[1::2, 0])[0, 1] > 0.9


def test_the_process_is_that_of_the_textbook():
    """Rasmussen and Williams (2006), equations 2.25, 2.26 and 2.30, by inverting each covariance."""
    rng = np.random.default_rng(0)
    x, z = rng.integers(0, 2, (9, 5)).astype(float), rng.integers(0, 2, (6, 5)).astype(float)
    x[:, 0] = z[:, 0] = 1
    y = 3 + rng.standard_normal((9, 2))
    kernels = draw_kernels(np.random.default_rng(5), 12)
    scores = (y - y.mean(axis=0)) / y.std(axis=0)  # [trial, target]
    noisy = kernels.covariance(gaps(x, x)) + kernels.noise[:, None, None] * np.eye(9)  # [draw, trial, trial]
    inverse = np.linalg.inv(noisy)
    fit = np.einsum("nt,dnm,mt->dt", scores, inverse, scores)  # [draw, target]
    likelihood = -0.5 * np.linalg.slogdet(noisy)[1][:, None] - 0.5 * 13 * np.log1p(fit / 4)
    weight = np.exp(likelihood[:, 0] + 0.5 * likelihood[:, 1])
    cross = kernels.covariance(gaps(x, z))  # [draw, trial, mixture]
    mean = np.einsum("dnz,dnm,mt->dzt", cross, inverse, scores)  # [draw, mixture, target]
    explained = np.einsum("dnz,dnm,dmz->dz", cross, inverse, cross)
    variance = (kernels.variance(z) - explained)[:, :, None] * ((4 + fit) / 13)[:, None]  # [draw, mixture, target]
    weight = weight[:, None, None] / weight.sum()
    expected = (weight * mean).sum(axis=0)
    total = (weight * (variance + mean**2)).sum(axis=0) - expected**2
    found = AdditiveProcess(5, draws=12, samples=20_000).fit(x, y).predict(z)
    np.testing.assert_allclose(found.mean(axis=0), y.mean(axis=0) + y.std(axis=0) * expected, atol=1e-3)
    np.testing.assert_allclose(found.std(axis=0), y.std(axis=0) * np.sqrt(total), rtol=1e-3)


def test_many_trials_are_fitted_in_parts():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (90, 12)).astype(float), rng.standard_normal((90, 3))
    x[:, 0] = 1
    kernels = draw_kernels(rng, 20)
    assert CHUNK // 90**2 < 20
    fit, logdet = _fits(kernels, gaps(x, x), y)
    noisy = kernels.covariance(gaps(x, x)) + kernels.noise[:, None, None] * np.eye(90)
    np.testing.assert_allclose(fit, np.einsum("nt,dnt->dt", y, np.linalg.solve(noisy, y[None])))
    np.testing.assert_allclose(logdet, 0.5 * np.linalg.slogdet(noisy)[1])


def test_the_networks_learn_a_linear_score():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (40, 6)).astype(float)
    y = x @ rng.standard_normal((6, 2))
    predicted = Ensemble().fit(x[:30], y[:30]).predict(x[30:]).mean(axis=0)
    assert np.corrcoef(predicted[:, 0], y[30:, 0])[0, 1] > 0.9


def test_another_seed_makes_other_networks():
    x, y = np.eye(4), np.arange(4.0)[:, None]
    assert not np.array_equal(Ensemble(0).fit(x, y).predict(x), Ensemble(1).fit(x, y).predict(x))
