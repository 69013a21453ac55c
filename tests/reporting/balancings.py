"""Records as if their mixtures had been trained under a balancer or a mixing."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cotune.trial import Balancing, Mixed, Record

Balanced = Callable[[Sequence[str]], Balancing]
Drawn = Callable[[Sequence[str]], Mixed]


def balanced_as(records: Sequence[Record], told: Balanced) -> list[Record]:
    """Gives the ended records, with what a balancer `told` of each mixture of two or more datasets."""
    return told_as(records, balancing=told)


def told_as(
    records: Sequence[Record], *, balancing: Balanced | None = None, mixed: Drawn | None = None
) -> list[Record]:
    """Gives the ended records, with what a balancer or a mixer told of each mixture of two or more datasets."""
    changed = []
    for record in records:
        if record.trial is not None:
            names = record.request.mixture.names
            several = len(names) > 1
            trial = replace(
                record.trial,
                balancing=balancing(names) if balancing and several else None,
                mixed=mixed(names) if mixed and several else None,
            )
            changed.append(replace(record, trial=trial))
    return changed
