"""Content fingerprints: equal for datasets that train and score alike, different after any change of content."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import sha256

from cotune.task import Row, Task
from cotune.tasks.kinds.items import entities_of, events_of, relations_of
from cotune.tasks.spec import SPLITS


def fingerprint(task: Task) -> str:
    """Gives the SHA-256 of a task's kind, labels, roles, template, metric and rows in order.

    Neither the name nor the file format counts: the same rows from JSON lines and from Parquet are the same content.
    """
    about = [task.kind, task.labels, task.roles, asdict(task.template), task.metric]
    digest = sha256(json.dumps(about, sort_keys=True).encode())
    for split in SPLITS:
        digest.update(f"\n{split}\n".encode())
        digest.update("\n".join(map(_line, task.rows.get(split, ()))).encode(errors="surrogatepass"))
    return digest.hexdigest()


def fingerprinted(task: Task) -> Task:
    """Gives the task with its fingerprint filled in."""
    return replace(task, fingerprint=fingerprint(task))


def _line(row: Row) -> str:
    return json.dumps([row.id, sorted(row.fields.items()), _plain(row), row.group, row.messages], ensure_ascii=False)


def _plain(row: Row) -> str | Sequence[Sequence[object]]:
    if isinstance(row.answer, str):
        return row.answer
    entities = [("entity", item.type, item.start, item.end) for item in entities_of(row.answer)]
    relations = [("relation", item.type, item.head, item.tail) for item in relations_of(row.answer)]
    events = [("event", item.type, item.trigger, item.arguments) for item in events_of(row.answer)]
    return [*entities, *relations, *events]
