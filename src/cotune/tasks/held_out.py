"""Held-out rows: dev rows whose texts are those of a test row, so that the search would see what the report reads."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cotune.task import Row, Split, Task
from cotune.tasks.fingerprint import fingerprinted
from cotune.tasks.grouping import row_texts
from cotune.tasks.spec import APART

_PUNCTUATION = re.compile(r"""[\s.,;:!?"'`()\[\]]+""")
MOST_SHARED = 0.5
"""Share of the dev or of the test rows above which the two splits count as one."""


def shared_with_test(rows: Mapping[Split, Sequence[Row]]) -> tuple[str, ...]:
    """Gives the ids of the dev rows all of whose texts equal those of one test row but for case and punctuation.

    Other signs count, since sums may differ by nothing else. Answers are not compared. A text of a pair that two rows
    share, as a premise, makes them not equal.
    """
    test = {_key(row) for row in rows.get("test", ())}
    return tuple(row.id for row in rows.get("dev", ()) if _key(row) in test)


def drop_shared(task: Task) -> Task:
    """Gives the task without the dev rows that stand in test; its fingerprint is made anew if there are any.

    Raises:
        ValueError: more than half of the rows of dev or test stand in the other.
    """
    shared = set(shared_with_test(task.rows))
    if not shared:
        return task
    try:
        check_apart(task.rows)
    except ValueError as error:
        raise ValueError(f"Dataset {task.name!r}: {error}") from None
    kept = tuple(row for row in task.rows["dev"] if row.id not in shared)
    return fingerprinted(replace(task, rows={**task.rows, "dev": kept}))


def check_apart(rows: Mapping[Split, Sequence[Row]]) -> None:
    """Checks that dev and test are two splits, not copies or parts of each other.

    Raises:
        ValueError: more than half of the rows of one stand in the other.
    """
    keys = {split: [_key(row) for row in rows.get(split, ())] for split in ("dev", "test")}
    for one, other in (("test", "dev"), ("dev", "test")):
        held = set(keys[other])
        shared, many = sum(key in held for key in keys[one]), len(keys[one])
        if shared > MOST_SHARED * many:
            raise ValueError(f"{shared:,} of {many:,} {one} rows stand in {other} too, but {APART}")


def _key(row: Row) -> tuple[str, ...]:
    return tuple(" ".join(_PUNCTUATION.split(text.casefold())).strip() or text for text in row_texts(row))
