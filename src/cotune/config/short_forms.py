"""Short forms that a study file may use, written out."""

from cotune.strict_yaml import KeyPath, YamlValue


def write_out(data: dict[str, YamlValue]) -> dict[str, YamlValue]:
    """Gives `data` with its short forms written out; what is not a known short form stays for the checks.

    >>> write_out({"targets": ["a"], "size_policy": "equal", "dev_rows": 8})
    {'targets': {'a': 1}, 'size_policy': {'kind': 'equal'}, 'scoring': {'dev_rows': 8}}

    Raises:
        ValueError: dev_rows is given twice, or a curriculum is an empty list.
    """
    full = dict(data)
    if "targets" in full:
        full["targets"] = _equal_parts(full["targets"])
    if "size_policy" in full:
        full["size_policy"] = _size_policy(full["size_policy"])
    train = full.get("train")
    if isinstance(train, dict):
        short = {key: write(train[key]) for key, write in TRAIN.items() if key in train}
        full["train"] = {**train, **short}
    scoring = full.get("scoring", {})
    if "dev_rows" in full and isinstance(scoring, dict):
        if "dev_rows" in scoring:
            raise ValueError("dev_rows is given twice, alone and under scoring; keep one.")
        full["scoring"] = {**scoring, "dev_rows": full.pop("dev_rows")}
    return full


def write_out_override(path: KeyPath, value: YamlValue) -> list[tuple[KeyPath, YamlValue]]:
    """Gives the overrides of the full form that one of a short form stands for, so that the file may use either.

    >>> write_out_override(("dev_rows",), 8)
    [(('scoring', 'dev_rows'), 8)]
    """
    if path == ("dev_rows",):
        return [(("scoring", "dev_rows"), value)]
    if len(path) == 2 and path[0] == "train" and path[1] in TRAIN:
        return [(path, TRAIN[str(path[1])](value))]
    if path == ("size_policy", "temperature"):  # any other kind would ignore it
        return [(("size_policy", "kind"), "temperature"), (path, value)]
    return [(path, write_out({str(path[0]): value})[str(path[0])] if len(path) == 1 else value)]


def _equal_parts(value: YamlValue) -> YamlValue:
    if isinstance(value, str):
        return {value: 1}
    if isinstance(value, list):
        names = [name for name in value if isinstance(name, str)]
        return dict.fromkeys(names, 1) if len(names) == len(value) else value
    return value


def _named(value: YamlValue) -> YamlValue:
    return {"name": value} if isinstance(value, str) else value


def _curriculum(value: YamlValue) -> YamlValue:
    """A name, a list of stages, or the full form; a stage may list its datasets where parts are equal."""
    if value == []:
        raise ValueError(
            "train.curriculum is an empty list of stages, which would show nothing. List stages, name a curriculum, or "
            "leave it out."
        )
    if isinstance(value, list):
        value = {"stages": value}
    if not isinstance(value, dict) or not isinstance(stages := value.get("stages"), list):
        return _named(value)
    return {**value, "stages": [_stage(stage) for stage in stages]}


def _stage(stage: YamlValue) -> YamlValue:
    if not isinstance(stage, dict) or not isinstance(stage.get("datasets"), str | list):
        return stage
    return {**stage, "datasets": _equal_parts(stage["datasets"])}


def _size_policy(value: YamlValue) -> YamlValue:
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, dict) and "temperature" in value and "kind" not in value:
        return {"kind": "temperature", **value}
    return value


TRAIN = {"balancer": _named, "mixing": _named, "curriculum": _curriculum, "merging": _named}
"""Short forms of keys of `train`."""
