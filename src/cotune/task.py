"""Tasks: one dataset with its kind, rows, template, metric, licence and content fingerprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind = Literal["ner", "relation", "event", "classification", "pair_classification", "generation", "text"]
Split = Literal["train", "dev", "test"]


@dataclass(frozen=True, order=True)
class Entity:
    """A typed span of a row's text; `start` and `end` count characters, `end` is one past the last."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, order=True)
class Relation:
    """A typed relation between two strings of a row's text."""

    type: str
    head: str
    tail: str


@dataclass(frozen=True, order=True)
class Event:
    """A typed trigger with its arguments, each a (role, string) pair."""

    type: str
    trigger: str
    arguments: tuple[tuple[str, str], ...] = ()


Answer: TypeAlias = str | tuple[Entity, ...] | tuple[Relation, ...] | tuple[Event, ...]
"""Gold or predicted answer of one row: text for classification, generation and texts, items for extraction."""


@dataclass(frozen=True)
class Row:
    """One example: the fields that its template names, the gold answer, and the group that splits keep together.

    `messages` holds earlier chat turns as (role, content); it is empty for rows that are not chats.
    """

    id: str
    fields: Mapping[str, str]
    answer: Answer
    group: str = ""
    messages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Template:
    """How a row becomes text: `instruction` may name {labels}, `prompt` any field of the row.

    `separator` parts the items of an extraction answer, `empty` is the answer with no items.
    """

    instruction: str = ""
    prompt: str = "{input}"
    separator: str = "; "
    empty: str = "none"


@dataclass(frozen=True)
class Task:
    """One dataset of a pool.

    A task without rows is allowed where only names matter (lookup tables, a user's own evaluation).

    >>> Task("reviews").name
    'reviews'
    """

    name: str
    kind: Kind = "generation"
    rows: Mapping[Split, Sequence[Row]] = field(default_factory=dict, repr=False)
    labels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    template: Template = Template()
    metric: str = "exact_match"
    licence: str = "unknown"
    source: str = ""
    fingerprint: str = ""
    domain: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)


def check_name(name: str) -> None:
    """Checks that `name` can stand in a path, a table and a shell command.

    Raises:
        ValueError: names the rule that it breaks.
    """
    plain = name.isprintable() and name == name.strip() and not any(sign in name for sign in "/\\:")
    if not name or not plain or name[0] in ".-":
        rule = "printable text without slashes, colons, outer spaces, a leading dot or dash"
        raise ValueError(f"A dataset name is {rule}; got {name!r}.")
    if len(name.encode()) > 100:
        raise ValueError(f"A dataset name has at most 100 bytes; got {len(name.encode())} in {name[:40]!r}...")
