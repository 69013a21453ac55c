"""Drift: whether new rows, and what a model makes of them, still look like those of a baseline."""

from cotune.drift.look import Check, Look, Sample, look

__all__ = ["Check", "Look", "Sample", "look"]
