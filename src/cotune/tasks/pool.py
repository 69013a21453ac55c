"""Pools: the tasks of a YAML file's `datasets` list, or of a folder of dataset folders."""

from pathlib import Path

from cotune.strict_yaml import read_yaml
from cotune.task import Task
from cotune.tasks.folder import is_dataset_folder
from cotune.tasks.hub import is_saved_folder
from cotune.tasks.load import load_task
from cotune.tasks.spec import DatasetSpec, dataset_spec


def load_tasks(pool: str | Path) -> tuple[Task, ...]:
    """Gives the tasks of a pool: a YAML file with a `datasets` list, or a folder of dataset folders.

    Paths in a YAML file are relative to its folder. Datasets of a folder are sorted by name.

    Raises:
        FileNotFoundError: the pool or a dataset is not there.
        OSError: a file cannot be read.
        ValueError: a dataset breaks a rule; names file and line.
    """
    path = Path(pool)
    specs = folder_specs(path) if path.is_dir() else yaml_specs(path)
    names = [spec.name.casefold() for spec in specs]
    repeated = sorted({spec.name for spec in specs if names.count(spec.name.casefold()) > 1})
    if repeated:
        raise ValueError(
            f"{path}: dataset names differ, and not by case alone; repeated: {repeated}. Rename one of each."
        )
    return tuple(load_task(spec, path if path.is_dir() else path.parent) for spec in specs)


def folder_specs(folder: Path) -> tuple[DatasetSpec, ...]:
    """Gives one specification for each dataset folder in a folder, sorted by name.

    Raises:
        FileNotFoundError: it has none.
    """
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    names = [path.name for path in found if is_dataset_folder(path) or is_saved_folder(path)]
    if not names:
        seen = [path.name for path in sorted(folder.iterdir())][:10]
        remedy = "A pool folder has one folder for each dataset, with train.jsonl (or .csv, .parquet) in it"
        raise FileNotFoundError(f"{folder}: no datasets. {remedy}; found {seen}.")
    return tuple(DatasetSpec(name=name, path=name) for name in names)


def yaml_specs(path: Path) -> tuple[DatasetSpec, ...]:
    """Gives the specifications in a YAML file's `datasets` list; its other keys do not matter here.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry breaks a rule; names file and line.
    """
    document = read_yaml(path)
    entries = document.value.get("datasets") if isinstance(document.value, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{document.where(())}: a pool has a list `datasets:` of entries with name and path.")
    specs = []
    for index, entry in enumerate(entries):
        where = document.where(("datasets", index))
        if not isinstance(entry, dict):
            raise ValueError(f"{where}: an entry of `datasets` is a mapping with name and path; got {entry!r}.")
        try:
            specs.append(dataset_spec(entry))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return tuple(specs)
