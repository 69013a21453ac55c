"""What ends one trial and lets the study go on."""


class TrialError(Exception):
    """Ends one trial; the message becomes the trial's error."""
