import numpy as np
import pytest
from scipy.stats import norm

from cotune.search import UpperConfidence, expected_improvement
from cotune.testing import check_acquisition


@pytest.mark.parametrize("acquisition", [expected_improvement, UpperConfidence(), UpperConfidence(0)])
def test_acquisitions_keep_their_promises(acquisition):
    check_acquisition(acquisition)


def test_expected_improvement_is_the_mean_gain_of_a_normal():
    samples = 0.3 + 2 * norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]  # [sample, mixture]
    assert expected_improvement(samples)[0] == pytest.approx(np.maximum(samples, 0).mean(), rel=1e-3)


def test_certain_gains_are_their_own_merit_and_certain_losses_have_none():
    np.testing.assert_allclose(expected_improvement(np.array([[0.5, -0.5], [0.5, -0.5]])), [0.5, 0], atol=1e-12)
