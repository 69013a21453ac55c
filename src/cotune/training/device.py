"""The device that a model computes on."""

import torch

from cotune.training.origin import first_line


def device_of(name: str) -> torch.device:
    """Gives the device of that name; "auto" is a GPU if there is one.

    Raises:
        ValueError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"train.device {name!r} cannot be used: {first_line(error).rstrip('.')}. Use 'auto' or 'cpu'."
        ) from error
