"""Strict YAML: plain data only, YAML 1.2 scalars, and a file and line for every mistake."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

YamlValue: TypeAlias = "str | int | float | bool | list[YamlValue] | dict[str, YamlValue] | None"
KeyPath: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 4_000_000
MAX_DEPTH = 40

# The core schema of YAML 1.2, section 10.3.2, and thousands parted by underscores as Python writes them.
_SCALARS: tuple[tuple[re.Pattern[str], Callable[[str], YamlValue]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text[0] in "tT"),
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"[-+]?[0-9]{1,3}(_[0-9]{3}){1,100}"), int),
    (re.compile(r"0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)


@dataclass(frozen=True)
class Document:
    """A parsed YAML text: its value, where it came from, and the line of every key and item."""

    value: YamlValue
    source: str
    lines: Mapping[KeyPath, int]

    def where(self, path: KeyPath) -> str:
        """Gives `file:line` of the value at `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.source}:{self.lines.get(path, 1)}"


def read_yaml(path: Path) -> Document:
    """Reads a YAML file in UTF-8, with or without byte-order mark, with any line ends.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a file, too large, not UTF-8 or not strict YAML; names file and line.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}; check the path.")
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is not a file; give the path of a YAML file.")
    data = path.read_bytes()
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path}: a YAML file has at most {MAX_BYTES:,} bytes; this one has {len(data):,}.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{path}:1: the file is UTF-16; save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{line}: byte 0x{data[error.start]:02x} is not UTF-8; save it as UTF-8.") from None
    return parse_yaml(text, source=str(path))


def parse_yaml(text: str, *, source: str = "<text>") -> Document:
    """Parses one YAML document into plain data; keys are always text.

    Differs from `yaml.safe_load` on purpose: `1e-4` is a number, `no` is text, `0123` is 123, a repeated key, an
    anchor, an alias, a tag and a second document are errors.

    >>> parse_yaml("{rate: 1e-4, answer: no, tokens: 200_000}").value
    {'rate': 0.0001, 'answer': 'no', 'tokens': 200000}

    Raises:
        ValueError: names file, line, the rule and the remedy.
    """
    builder = _Builder(source)
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        return Document(builder.document(_plain(events, source)), source, builder.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ValueError(
            f"{source}:{line}: not valid YAML: {error.problem or error.context}.".replace("'\\x00'", "the end")
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"{source}:{line}: character #x{error.character:04x} is not allowed in YAML.") from None


def parse_scalar(text: str) -> YamlValue:
    """Gives the value of an unquoted scalar by the core schema of YAML 1.2.

    >>> [parse_scalar(text) for text in ("1e-4", "yes", "true", "7", "~")]
    [0.0001, 'yes', True, 7, None]
    """
    for pattern, convert in _SCALARS:
        if pattern.fullmatch(text):
            return convert(text)
    return text


class _Builder:
    """Turns parser events into plain data and notes the line of each key and item."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[KeyPath, int] = {}

    def document(self, events: Iterator[Event]) -> YamlValue:
        first = next((event for event in events if isinstance(event, NodeEvent)), None)
        value = None if first is None else self.value(first, events, ())
        for _ in events:  # to the end: a second document is refused on the way
            pass
        return value

    def value(self, event: Event, events: Iterator[Event], path: KeyPath) -> YamlValue:
        self.lines.setdefault(path, _line(event))
        if len(path) > MAX_DEPTH:
            raise self.fail(event, f"more than {MAX_DEPTH} levels of nesting; flatten it")
        if isinstance(event, MappingStartEvent):
            return self.mapping(events, path)
        if isinstance(event, SequenceStartEvent):
            return self.sequence(events, path)
        assert isinstance(event, ScalarEvent)  # noqa: S101 (for the type checker: the grammar leaves nothing else)
        return parse_scalar(event.value) if event.implicit[0] else self.text(event)

    def sequence(self, events: Iterator[Event], path: KeyPath) -> list[YamlValue]:
        items: list[YamlValue] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self.value(event, events, (*path, len(items))))
        return items

    def mapping(self, events: Iterator[Event], path: KeyPath) -> dict[str, YamlValue]:
        items: dict[str, YamlValue] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                raise self.fail(event, "a key is text; a list or mapping cannot be one")
            key = self.text(event)
            here = (*path, key)
            if key in items:
                raise self.fail(event, f"key {key!r} is already on line {self.lines[here]}; remove one")
            self.lines[here] = _line(event)
            items[key] = self.value(next(events), events, here)
        return items

    def text(self, event: ScalarEvent) -> str:
        try:  # JSON writes characters past U+FFFF as two escapes, which PyYAML leaves apart
            return event.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self.fail(event, "half of a surrogate pair is not text; write the character itself") from None

    def fail(self, event: Event, message: str) -> ValueError:
        return ValueError(f"{self.source}:{_line(event)}: {message}.")


def _plain(events: Iterator[Event], source: str) -> Iterator[Event]:
    """Passes events on, and refuses what plain data does not need."""
    documents = 0
    for event in events:
        line = _line(event)
        documents += isinstance(event, DocumentStartEvent)
        if documents > 1:
            raise ValueError(f"{source}:{line}: a second YAML document begins here; keep one per file.")
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise ValueError(f"{source}:{line}: anchors and aliases (&name, *name) are not allowed; write it out.")
        if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent) and event.tag:
            raise ValueError(f"{source}:{line}: tags ({event.tag}) are not allowed; write plain data.")
        yield event


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
