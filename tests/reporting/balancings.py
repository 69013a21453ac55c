"""Records as if their mixtures had been trained under a balancer."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cotune.trial import Balancing, Record


def balanced_as(records: Sequence[Record], told: Callable[[Sequence[str]], Balancing]) -> list[Record]:
    """Gives the ended records, with what a balancer `told` of each mixture of two or more datasets."""
    changed = []
    for record in records:
        if record.trial is not None:
            names = record.request.mixture.names
            balancing = told(names) if len(names) > 1 else None
            changed.append(replace(record, trial=replace(record.trial, balancing=balancing)))
    return changed
