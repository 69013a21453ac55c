"""Dotted overrides: `budget.tokens=50000` on the command line replaces what the file says."""

import re
from collections.abc import Sequence

from cotune.strict_yaml import KeyPath, YamlValue, parse_yaml

ALTERNATIVES = ("budget",)
"""Sections whose keys exclude each other, so that an override of one replaces the others."""


def parse_override(text: str) -> tuple[KeyPath, YamlValue]:
    """Gives the key path and the value of `key.key=value`; the value is YAML.

    >>> parse_override("search.trials=12")
    (('search', 'trials'), 12)

    Raises:
        ValueError: there is no `=`, or a key is empty.
    """
    dotted, sign, value = text.partition("=")
    keys = dotted.strip().split(".")
    if not sign or not all(keys):
        raise ValueError(f"An override reads key=value, as budget.tokens=50000; got {text!r}.")
    return tuple(keys), parse_yaml(value.strip(), source=f"override {text!r}").value


def with_override(data: YamlValue, path: KeyPath, value: YamlValue) -> YamlValue:
    """Gives a copy of `data` with `value` at `path`; items of a list are named by position or by their `name`.

    Raises:
        ValueError: a list has no such item, or a scalar stands in the way.
    """
    if not path:
        return value
    key, rest = str(path[0]), path[1:]
    if isinstance(data, list):
        place = _place(data, key)
        return [with_override(item, rest, value) if index == place else item for index, item in enumerate(data)]
    if data is not None and not isinstance(data, dict):
        raise ValueError(f"An override sets {key!r} inside {data!r}, which has no keys; replace the whole value.")
    old = data or {}
    if key in ALTERNATIVES and len(rest) == 1:
        return {**old, key: {str(rest[0]): value}}
    return {**old, key: with_override(old.get(key), rest, value)}


def _place(items: Sequence[YamlValue], key: str) -> int:
    names = [item.get("name") if isinstance(item, dict) else item for item in items]
    if key in names:
        return names.index(key)
    if re.fullmatch("[0-9]{1,6}", key) and int(key) < len(items):
        return int(key)
    raise ValueError(f"An override names item {key!r} of a list that has {names}; use a name or a position from 0.")
