import numpy as np

from cotune.search.kernels import CONSTANT, Kernels, draw_kernels, gaps


def test_a_covariance_is_the_sum_of_its_parts():
    one, two = np.array([[1.0, 1, 0, 0]]), np.array([[1.0, 0, 0, 1], [1, 1, 1, 1]])
    kernels = Kernels(*(np.array([value]) for value in (0.4, 0.3, 0.2, 0.1, 0.01, 0.5, 2.0)))
    size = np.array([1, np.exp(-0.5 * (np.log(2) / 0.5) ** 2)])  # two datasets against two, and against four
    presence, share = np.array([0, 0]), np.array([0.5, 2 * np.sqrt(0.5 * 0.25)])
    rest = np.exp(-np.array([0.5, 0.5]) / 2.0)  # two of four datasets differ
    expected = 0.4 * size + 0.3 * presence + 0.2 * share + 0.1 * rest + CONSTANT
    np.testing.assert_allclose(kernels.covariance(gaps(one, two)), expected[None, None])


def test_variances_are_the_diagonal_of_covariances():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (7, 5)).astype(float)
    x[:, 0] = 1
    kernels = draw_kernels(rng, 6)
    np.testing.assert_allclose(np.diagonal(kernels.covariance(gaps(x, x)), axis1=1, axis2=2), kernels.variance(x))


def test_equal_parts_are_one_combination_whatever_their_number():
    x = np.array([[1.0, 0, 1], [1, 1, 1]])
    kernels = draw_kernels(np.random.default_rng(0), 3)
    np.testing.assert_allclose(kernels.covariance(gaps(x, x)), kernels.covariance(gaps(2 * x, x)))
