"""States of balancers as JSON objects and back, exact to the bit."""

from collections.abc import Mapping
from typing import cast

import numpy as np

from cotune.training.balance.contract import State


def state_to_json(state: State) -> dict[str, object]:
    """Gives a JSON object that `state_from_json` reads back; numbers that are not finite are written as text.

    >>> state_from_json(state_to_json({"sum": np.array([0.1, 0.2])}))["sum"].tolist()
    [0.1, 0.2]
    """
    return {name: [list(array.shape), [_number(value) for value in array.ravel()]] for name, array in state.items()}


def state_from_json(json_object: Mapping[str, object]) -> State:
    """Reads what `state_to_json` gave."""
    state = {}
    for name, stored in json_object.items():
        shape, values = cast("tuple[list[int], list[float | str]]", stored)
        state[name] = np.array([float(value) for value in values], dtype=np.float64).reshape(shape)
    return state


def _number(value: float) -> float | str:
    return float(value) if np.isfinite(value) else str(value)
