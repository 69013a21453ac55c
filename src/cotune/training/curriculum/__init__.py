"""Curricula: when in a training each dataset is shown, one file each."""
