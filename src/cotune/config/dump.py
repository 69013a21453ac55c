"""A configuration as a YAML file that says the same from any folder."""

from dataclasses import asdict
from glob import has_magic
from pathlib import Path

import yaml

from cotune.config.model import OWN_METRIC, StudyConfig
from cotune.config.pool import Entry
from cotune.strict_yaml import parse_scalar
from cotune.task import Task
from cotune.tasks.spec import DatasetSpec

_WIDEST = 2**30


def dump_config(config: StudyConfig, base: Path) -> str:
    """Gives YAML that `load_config` reads as an equal configuration, but for paths, which are written from the root.

    Every setting is written, also those left at their default, so that a later default changes nothing.
    """
    settings = config.model_dump(mode="json", exclude={"datasets"}, exclude_none=True)
    datasets = [_entry(entry, base) for entry in config.datasets]
    return yaml.dump({**settings, "datasets": datasets}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def said(entry: DatasetSpec) -> dict[str, object]:
    """Gives what an entry of a pool says, by key, as plain data."""
    kept = {key: value for key, value in asdict(entry).items() if value not in (None, (), {})}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}


def is_local(path: str, base: Path) -> bool:
    """Tells whether a dataset's path is of a file, folder or glob, so that it depends on where it starts from."""
    return (base / path).exists() or has_magic(path)


def one_line_yaml(value: object) -> str:
    """Gives a list or mapping of plain data as YAML on one line.

    >>> one_line_yaml({"labels": ["08", "no"], "kind": "ner"})
    "{labels: ['08', 'no'], kind: ner}"
    """
    dumped = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDEST, default_flow_style=True
    )
    return dumped.strip()


class _Dumper(yaml.SafeDumper):
    """Quotes text that our reader, unlike PyYAML's, would take for a number, and keeps text of many lines in one."""

    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode:
        if tag == "tag:yaml.org,2002:str":
            style = '"' if not value.isprintable() else "'" if parse_scalar(value) != value else style
        return super().represent_scalar(tag, value, style)


def _entry(entry: Entry, base: Path) -> dict[str, object]:
    if isinstance(entry, Task):
        return {"name": entry.name} if entry.metric == OWN_METRIC else {"name": entry.name, "metric": entry.metric}
    local = {"path": str((base / entry.path).absolute())} if is_local(entry.path, base) else {}
    return {**said(entry), **local}
