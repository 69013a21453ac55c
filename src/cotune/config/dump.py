"""A configuration as a YAML file that says the same from any folder."""

from dataclasses import asdict
from pathlib import Path

import yaml

from cotune.config.model import StudyConfig
from cotune.config.pool import Entry
from cotune.task import Task


def dump_config(config: StudyConfig, base: Path) -> str:
    """Gives YAML that `load_config` reads as an equal configuration, but for paths, which are written from the root.

    Every setting is written, also those left at their default, so that a later default changes nothing.
    """
    settings = config.model_dump(mode="json", exclude={"datasets"}, exclude_none=True)
    datasets = [_entry(entry, base) for entry in config.datasets]
    return yaml.safe_dump({**settings, "datasets": datasets}, sort_keys=False, allow_unicode=True, width=120)


def _entry(entry: Entry, base: Path) -> dict[str, object]:
    if isinstance(entry, Task):
        return {"name": entry.name}
    said = {key: value for key, value in asdict(entry).items() if value not in (None, (), {})}
    lists = {key: list(value) for key, value in said.items() if isinstance(value, tuple)}
    local = {"path": str((base / entry.path).absolute())} if (base / entry.path).exists() else {}
    return {**said, **lists, **local}
