"""Reads study.yaml with overrides into a `StudyConfig`, and words what is wrong with it in one line."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cotune.config.model import Limits, Search, Section, StudyConfig
from cotune.config.overrides import parse_override, with_override
from cotune.config.short_forms import write_out, write_out_override
from cotune.strict_yaml import Document, KeyPath, read_yaml
from cotune.tasks.spec import DatasetSpec
from cotune.training import (
    Balance,
    Budget,
    Curriculum,
    Lora,
    Merging,
    Mixing,
    Scoring,
    SizePolicy,
    Stage,
    TaskTrain,
    Train,
)

SECTIONS: dict[str, type] = {
    "": StudyConfig,
    "budget": Budget,
    "size_policy": SizePolicy,
    "lora": Lora,
    "train": Train,
    "scoring": Scoring,
    "search": Search,
    "limits": Limits,
    "datasets": DatasetSpec,
}
OPTION = "should be a number, a word, a list of words, or a mapping from name to number"
KINDS: dict[KeyPath, str] = {
    ("train", "mixing", "reference"): "should be specialists, proxy, base, or a mapping from dataset to loss",
    **{("train", part, "options"): OPTION for part in ("balancer", "mixing", "curriculum", "merging")},
}
"""Values of several types, of which pydantic tells what is wrong with each."""
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def load_config(path: Path, overrides: Sequence[str] = ()) -> StudyConfig:
    """Reads a study file; `overrides` are `key.key=value` texts that replace what it says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: names file and line (or the override), the key, the rule and what was found.
    """
    document = read_yaml(path)
    changes = [(text, *full) for text in overrides for full in write_out_override(*parse_override(text))]
    data = write_out(document.value) if isinstance(document.value, dict) else document.value
    for _, keys, value in changes:
        data = with_override(data, keys, value)
    if not isinstance(data, dict):
        raise ValueError(f"{path}: a study file is a mapping with targets and datasets; got {_shown(data)}.")
    try:
        return StudyConfig.model_validate_json(json.dumps({"name": path.stem} | write_out(data)), strict=True)
    except ValidationError as error:
        problems = sorted(error.errors(include_url=False), key=lambda problem: problem["type"] not in UNKNOWN)
        origin = {keys: text for text, keys, _ in changes}
        others = len({_key_of(problem["loc"]) for problem in problems}) - 1
        more = f" (and {others} more)" if others else ""
        raise ValueError(f"{_place(problems[0], document, origin)}: {_message(problems[0])}{more}") from None


def _place(problem: ErrorDetails, document: Document, origin: dict[KeyPath, str]) -> str:
    path = problem["loc"]
    for keys, text in origin.items():
        if tuple(map(str, path))[: len(keys)] == keys or keys[: len(path)] == path:
            return f"override {text!r}"
    return document.where(path)


def _message(problem: ErrorDetails) -> str:
    path = problem["loc"]
    dotted = ".".join(map(str, path))
    if problem["type"] in UNKNOWN:
        return _unknown_key(path)
    if problem["type"] in ("missing", "missing_argument"):
        return f"Key {dotted!r} is missing; add it."
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if path[:3] in KINDS and len(path) > 3:
        return f"{'.'.join(map(str, _key_of(path)))} {KINDS[path[:3]]}; got {_shown(problem['input'])}."
    text = problem["msg"].removeprefix("Input ").replace("a valid array", "a list").replace("an object", "a mapping")
    return f"{dotted} {text}; got {_shown(problem['input'])}."


def _key_of(path: KeyPath) -> KeyPath:
    """Gives the path of the key that a problem is of, without the type that pydantic tried."""
    return path if path[:3] not in KINDS else path[: 4 if path[2] == "options" else 3]


def _unknown_key(path: KeyPath) -> str:
    key = str(path[-1])
    known = _keys_at(path[:-1])
    where = f" in {'.'.join(map(str, path[:-1]))!r}" if len(path) > 1 else ""
    home = next((name for name in SECTIONS if name and name != "datasets" and key in _keys(SECTIONS[name])), None)
    if home and len(path) == 1:
        return f"Unknown key {key!r}; it belongs under {home!r}."
    near = get_close_matches(key, known, n=1)
    if near:
        return f"Unknown key {key!r}{where}; did you mean {near[0]!r}?"
    return f"Unknown key {key!r}{where}; known are {', '.join(known)}."


def _keys_at(parent: KeyPath) -> list[str]:
    if parent[:2] == ("train", "overrides"):
        return _keys(TaskTrain)
    if parent[:2] == ("train", "balancer"):
        return _keys(Balance)
    if parent[:2] == ("train", "mixing"):
        return _keys(Mixing)
    if parent[:2] == ("train", "merging"):
        return _keys(Merging)
    if parent[:2] == ("train", "curriculum"):
        return _keys(Stage if len(parent) > 2 else Curriculum)
    return _keys(SECTIONS.get(str(parent[0]) if parent else "", StudyConfig))


def _keys(section: type) -> list[str]:
    if is_dataclass(section):
        return [field.name for field in fields(section)]
    return list(section.model_fields) if issubclass(section, Section) else []


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def load_targets(path: Path) -> dict[str, float]:
    """Reads a file of targets: a list of names, or a mapping from name to weight.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: names the file and what was found.
    """
    document = read_yaml(path)
    value = write_out({"targets": document.value})["targets"]
    weights = value if isinstance(value, dict) else {}
    bad = [name for name, weight in weights.items() if isinstance(weight, bool) or not isinstance(weight, int | float)]
    if not weights or bad:
        found = _shown({name: weights[name] for name in bad} if bad else document.value)
        raise ValueError(f"{path}: targets are names, or names with weights as {{a: 2, b: 1}}; got {found}.")
    return {name: float(weight) for name, weight in weights.items() if isinstance(weight, int | float)}
