"""The batch: how many requests are proposed together, from how many an evaluation runs side by side."""

from typing import Literal, TypeAlias

Batch: TypeAlias = int | Literal["auto", "widest"]
"""A number of requests; "auto" for what a search bears, "widest" for what the evaluation runs side by side."""

MOST = 4
"""Requests of a batch that learns nothing from its own: docs/search.md finds no loss at four, one at sixteen."""


def batch_of(batch: Batch, width: int) -> int:
    """Gives how many requests are proposed together where `width` run side by side.

    For "auto" it is 1, 2 or 4, so that a study which goes on where a little less memory is free remains as it was.

    >>> [batch_of("auto", width) for width in (1, 2, 3, 4, 64)]
    [1, 2, 2, 4, 4]
    """
    if batch == "auto":
        return next(size for size in (MOST, MOST // 2, 1) if size <= max(width, 1))
    return width if batch == "widest" else batch


def check_batch(batch: Batch) -> None:
    """Refuses what is no batch.

    Raises:
        ValueError: it is neither a number nor a word for one.
    """
    if batch not in ("auto", "widest") and (type(batch) is not int or batch < 1):
        raise ValueError(f"batch is 'auto', 'widest' or a whole number >= 1; got {batch!r}.")
