"""Privacy accounting of the Gaussian mechanism by Renyi divergences."""

from functools import cache
from math import inf, log

import numpy as np
from scipy.special import gammaln

from cotune.training.balance.contract import Array

ORDERS = np.array([*(1 + step / 10 for step in range(1, 100)), *range(11, 64), 128, 256, 512])
WHOLE = np.arange(2, 256)


def spent(noise: float, steps: float, delta: float, *, rate: float = 1.0) -> float:
    """Gives epsilon at `delta` after so many steps with a noise multiplier, rows drawn at `rate`.

    With rate 1 every row is in every step that is counted, and the bound is steps x order / (2 noise^2). Below 1 it is
    that of Poisson sampling: Mironov, Talwar and Zhang (2019), "Renyi Differential Privacy of the Sampled Gaussian
    Mechanism", for whole orders. To epsilon by Mironov (2017), "Renyi Differential Privacy", proposition 3.

    >>> round(spent(1.0, 1, 1e-5), 2)
    5.3
    """
    if noise <= 0 or steps <= 0:
        return inf if noise <= 0 < steps else 0.0
    orders = ORDERS if rate >= 1 else WHOLE
    divergences = orders / (2 * noise**2) if rate >= 1 else _sampled(noise, rate)
    return float((steps * divergences + log(1 / delta) / (orders - 1)).min())


def _sampled(noise: float, rate: float) -> Array:
    """Gives the divergence of one step with sampled rows at each of the whole orders, [order]."""
    k = np.arange(WHOLE.max() + 1)
    powers = k * log(rate) + (WHOLE[:, None] - k) * np.log1p(-rate) + (k * k - k) / (2 * noise**2)
    divergences: Array = np.logaddexp.reduce(_log_chosen() + powers, axis=1) / (WHOLE - 1)
    return divergences


@cache
def _log_chosen() -> Array:
    """Gives the logarithm of how many ways k are chosen of n in, [n, k]; -inf where k > n."""
    n, k = WHOLE[:, None], np.arange(WHOLE.max() + 1)
    ways: Array = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return np.where(k <= n, ways, -np.inf)
