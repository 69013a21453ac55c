"""Methods by name: the object that a name and its options in the settings stand for."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from importlib import import_module
from typing import TypeAlias

Option: TypeAlias = float | int | str | bool | Mapping[str, float]

NOUNS = {"float": "number", "int": "whole number", "str": "word", "bool": "yes or no"}
NOUNS |= {"dict": "mapping from dataset to number"}


@dataclass(frozen=True)
class Kind:
    """A kind of methods: what one is called, the package they are in, module:class of each, and the name of none."""

    noun: str
    package: str
    places: Mapping[str, str]
    none: str


def made(kind: Kind, name: str, options: Mapping[str, Option]) -> object | None:
    """Gives the method `name` with `options`; None where the name stands for none.

    Raises:
        ValueError: no such method, no such option, or a value out of its range.
    """
    if name == kind.none:
        if options:
            raise ValueError(f"{kind.noun.capitalize()} {name!r} has no options; got {sorted(options)}.")
        return None
    if name not in kind.places:
        known = [kind.none, *kind.places]
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
        raise ValueError(f"Unknown {kind.noun} {name!r}; {hint}")
    module, _, attribute = kind.places[name].partition(":")
    method = vars(import_module(f"{kind.package}.{module}"))[attribute]
    _check(f"{kind.noun.capitalize()} {name!r}", options, {known.name: _default(known) for known in fields(method)})
    built: object = method(**options)
    return built


def _check(what: str, options: Mapping[str, Option], defaults: Mapping[str, object]) -> None:
    for key, value in options.items():
        if key not in defaults:
            near = get_close_matches(key, defaults, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(defaults) or 'none'}."
            raise ValueError(f"{what} has no option {key!r}; {known}")
        kind = type(defaults[key]).__name__
        if type(value).__name__ not in (kind, "int" if kind == "float" else kind):
            raise ValueError(f"Option {key!r} of {what[0].lower()}{what[1:]} is a {NOUNS[kind]}; got {value!r}.")


def _default(known: "Field[object]") -> object:
    return known.default if known.default_factory is MISSING else known.default_factory()
