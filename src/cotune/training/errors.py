"""What ends one trial and lets the study go on."""

import math

UNFIT = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What a model that is built otherwise may raise when parts of it are called on their own."""


class TrialError(ValueError):
    """Ends one trial; the message becomes the trial's error, and outside of a study the user's one line."""


def check_finite(what: str, value: float, step: int) -> None:
    """Ends a trial with a number that is not finite.

    Raises:
        TrialError: it is not.
    """
    if not math.isfinite(value):
        raise TrialError(f"diverged: {what} is {value} at step {step}")
