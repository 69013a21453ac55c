"""What every kind of task defines: the columns it reads, the text it writes, the answers it parses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from cotune.task import Answer, Row, Task, Template

Values: TypeAlias = Mapping[str, object]
"""One row as it was read, by canonical column name."""


class AnswerError(ValueError):
    """A model's output that does not follow the answer format of its task."""


class Content(NamedTuple):
    """What a row says: its fields, its gold answer, and the chat turns before the answer."""

    fields: Mapping[str, str]
    answer: Answer
    messages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Layout:
    """One set of columns that rows of a kind may have, and how such a row is read.

    `needs` and `may` map each canonical column to the names that it usually has, best first. `read` raises ValueError
    for a row that breaks a rule; the loader adds file and line. `template` replaces the kind's default.
    """

    needs: Mapping[str, tuple[str, ...]]
    read: Callable[[Values], Content]
    may: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    template: Template | None = None


@dataclass(frozen=True)
class Format:
    """One kind of task: rows in, text out, text back to answers.

    `template` makes the default template from the task's name and label texts; `write` and `parse` are inverse (parse
    raises AnswerError); `names` gives the labels and the roles that an answer uses; `metrics` names the metrics
    that suit, the default first.
    """

    fields: tuple[str, ...]
    layouts: tuple[Layout, ...]
    names: Callable[[Answer], tuple[frozenset[str], frozenset[str]]]
    template: Callable[[str, tuple[str, ...]], Template]
    write: Callable[[Task, Row], str]
    parse: Callable[[Task, Row, str], Answer]
    metrics: tuple[str, ...]
