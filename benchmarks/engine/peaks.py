"""Peaks of devices, which a FLOP utilisation is a share of."""

PEAK_TFLOPS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0, "A10G": 70.0, "4090": 165.0}
"""Dense bfloat16 peaks that the makers state, by a part of the device's name."""


def peak_tflops(device: str, given: float | None) -> float | None:
    """Gives the peak of a device: the given one, else that of a known name.

    >>> peak_tflops("NVIDIA H100 80GB HBM3", None)
    989.0
    """
    if given is not None:
        return given
    return next((peak for name, peak in PEAK_TFLOPS.items() if name in device), None)
