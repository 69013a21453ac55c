"""Privacy accounting of the Gaussian mechanism by Renyi divergences."""

from math import comb, inf, log

import numpy as np

ORDERS = (*(1 + step / 10 for step in range(1, 100)), *range(11, 64), 128, 256, 512)


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
    orders = ORDERS if rate >= 1 else range(2, 256)
    return min(steps * _divergence(noise, order, rate) + log(1 / delta) / (order - 1) for order in orders)


def _divergence(noise: float, order: float, rate: float) -> float:
    if rate >= 1:
        return order / (2 * noise**2)
    whole = int(order)
    terms = [
        log(comb(whole, k)) + k * log(rate) + (whole - k) * np.log1p(-rate) + (k * k - k) / (2 * noise**2)
        for k in range(whole + 1)
    ]
    return float(np.logaddexp.reduce(terms)) / (whole - 1)
