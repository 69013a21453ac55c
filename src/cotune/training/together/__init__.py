"""Many adapters at once: the trials of a batch train and are scored side by side on one frozen model."""
