"""Weights out of the products of the tasks' gradients; the one place where torchjd is met."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from cotune.training.balance.contract import Array, Signals, told

if TYPE_CHECKING:
    import torch

EXTRA = 'pip install "cotune[balance]"'


def products(gradients: "torch.Tensor") -> Array:
    """Gives the products of all pairs of gradients, [present task, present task], from [present task, parameter]."""
    rows = gradients.double()
    return np.asarray((rows @ rows.T).cpu().numpy(), dtype=np.float64)


def need(balancer: str, *modules: str) -> None:
    """Refuses a balancer whose library is not installed.

    Raises:
        ValueError: says how to install it.
    """
    absent = [module for module in modules if find_spec(module) is None]
    if absent:
        raise ValueError(f"Balancer {balancer!r} needs {', '.join(absent)}, not installed here. Run: {EXTRA}")


def torchjd_weights(
    kind: str, signals: Signals, *, wanted: Array | None = None, options: Mapping[str, object] | None = None
) -> Array:
    """Gives the weights by torchjd's weighting `kind`, [present task], with preferences where they are wanted.

    Its random numbers come from the request's seed and the step, and torch's generator is left as it was.
    """
    import torch

    chosen = {} if wanted is None else {"pref_vector": torch.from_numpy(wanted)}
    weighting = vars(import_module("torchjd.aggregation"))[kind](**chosen, **(options or {}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(signals.seed * 1_000_003 + signals.step)
        weights = weighting(torch.from_numpy(products(told(signals.gradients))))
    return np.asarray(weights.numpy(), dtype=np.float64)


def preferences(wanted: Mapping[str, float], signals: Signals) -> Array:
    """Gives the wanted weights of the tasks in the batch, [present task], with sum 1; 1 before scaling if not named."""
    raw = np.array([float(wanted.get(name, 1.0)) for name in signals.tasks.names])[signals.present]
    normal: Array = raw / raw.sum()
    return normal
