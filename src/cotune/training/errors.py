"""What ends one trial and lets the study go on."""


class TrialError(ValueError):
    """Ends one trial; the message becomes the trial's error, and outside of a study the user's one line."""
