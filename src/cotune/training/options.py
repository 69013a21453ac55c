"""Options of what is chosen by name: from a name and options in the settings to the object that they stand for."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from importlib import import_module
from typing import TypeAlias

Option: TypeAlias = float | int | str | bool | Mapping[str, float] | tuple[str, ...]

NOUNS = {
    "float": "number",
    "int": "whole number",
    "str": "word",
    "dict": "mapping from dataset to number",
    "tuple": "list of datasets",
}
ALSO = {"float": "int", "tuple": "list"}


def build(
    what: str, name: str, options: Mapping[str, Option], places: Mapping[str, str], *, none: str
) -> object | None:
    """Gives the object of the class that `places` names as `module:Class`, made with `options`.

    `what` is the word for it in errors; `none` is the name that stands for nothing: it gives None and has no options.

    Raises:
        ValueError: no such name, no such option, or a value of another type or out of its range.
    """
    if name == none:
        if options:
            raise ValueError(f"{what} {none!r} has no options; got {sorted(options)}.")
        return None
    if name not in places:
        near = get_close_matches(name, [none, *places], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join([none, *places])}."
        raise ValueError(f"Unknown {what.lower()} {name!r}; {hint}")
    module, _, attribute = places[name].partition(":")
    kind = vars(import_module(module))[attribute]
    _check_options(f"{what} {name!r}", options, {known.name: _default(known) for known in fields(kind)})
    made: object = kind(**options)
    return made


def _check_options(what: str, options: Mapping[str, Option], defaults: Mapping[str, object]) -> None:
    for key, value in options.items():
        if key not in defaults:
            near = get_close_matches(key, defaults, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(defaults) or 'none'}."
            raise ValueError(f"{what} has no option {key!r}; {known}")
        kind = type(defaults[key]).__name__
        if type(value).__name__ not in (kind, ALSO.get(kind)):
            raise ValueError(f"Option {key!r} of {what[0].lower()}{what[1:]} is a {NOUNS[kind]}; got {value!r}.")


def _default(known: "Field[object]") -> object:
    return known.default if known.default_factory is MISSING else known.default_factory()
