"""Groups: trials made under equal settings, the only ones that may be compared."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from cotune.trial_json import Json, JsonObject


@dataclass(frozen=True)
class Group:
    """The settings, data sets (name to fingerprint) and seed that all trials of a group share."""

    number: int
    settings: Mapping[str, Json] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def to_json(self) -> JsonObject:
        """Gives a JSON object that `group_from_json` reads back."""
        datasets: JsonObject = dict(self.datasets)
        return {"number": self.number, "settings": dict(self.settings), "datasets": datasets, "seed": self.seed}


def group_from_json(json_object: Mapping[str, Json]) -> Group:
    """Reads what `Group.to_json` gave."""
    return Group(
        cast(int, json_object["number"]),
        cast(JsonObject, json_object["settings"]),
        cast("dict[str, str]", json_object["datasets"]),
        cast(int, json_object["seed"]),
    )


def plain(settings: Mapping[str, object]) -> JsonObject:
    """Gives settings as JSON reads them back (tuples become lists).

    Raises:
        ValueError: something in them is not JSON.
    """
    try:
        return cast(JsonObject, json.loads(json.dumps(settings, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Settings are a JSON object, to be kept in the journal; {error}.") from error


def differences(old: Group, new: Group) -> list[str]:
    """Gives what makes trials of `new` incomparable with those of `old`, one line each.

    A data set that is new in the pool, or gone from it, changes no score of the trials that did not train on it, so
    it is no difference; one whose content changed is.
    """
    before, after = dict(_leaves(old.settings)), dict(_leaves(new.settings))
    lines = [
        f"{name}: {before.get(name, '(none)')} -> {after.get(name, '(none)')}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name, "(none)") != after.get(name, "(none)")
    ]
    lines += [
        f"dataset {name!r} has other content: {old.datasets[name][:12] or '(none)'} -> {mark[:12] or '(none)'}"
        for name, mark in new.datasets.items()
        if name in old.datasets and old.datasets[name] != mark
    ]
    if old.seed != new.seed:
        lines.append(f"search seed: {old.seed} -> {new.seed}")
    return lines


def _leaves(settings: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value, ensure_ascii=False)
