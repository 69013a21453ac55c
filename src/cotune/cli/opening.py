"""What the commands begin with: a study's file with its overrides, its pool, its problem and its folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cotune import __version__
from cotune.cli.errors import say
from cotune.config import StudyConfig, build_problem, load_config, load_targets
from cotune.config.build import Tell
from cotune.config.dump import dump_config
from cotune.config.pool import Entry, load_entries, names_only, pool_entries, without_leaks
from cotune.journal.files import write_whole
from cotune.problem import Problem
from cotune.task import Task

SAVED = "study.yaml"
"""The copy of the configuration in a study's folder, so that the folder stands for the study."""


@dataclass(frozen=True)
class Opened:
    """A study: its configuration, the folder that its paths start from, and the folder of its journal."""

    config: StudyConfig
    base: Path
    folder: Path

    def problem(self, *, data: Path | None = None, clean: bool = True, tell: Tell | None = None) -> Problem:
        """Gives the problem with all rows loaded; `data` stands in for the datasets' sources.

        With `clean`, leaking train rows are dropped or refused, as the study says. `tell` is told of what is fetched.
        """
        entries = self.config.datasets
        sketch = build_problem(self.config, names_only(entries))  # names are checked before minutes go into loading
        if self.config.evaluate is not None and all(isinstance(entry, Task) for entry in entries):
            return sketch
        tasks = load_entries(entries, self.base, data=data, progress=tell)
        return build_problem(self.config, without_leaks(tasks, self.config.leaks) if clean else tasks)


def open_study(
    study: Path,
    overrides: Sequence[str] = (),
    *,
    runs: Path | None = None,
    targets: Sequence[str] | None = None,
    targets_file: Path | None = None,
) -> Opened:
    """Opens a study by its file, or by its folder once it was run.

    Raises:
        FileNotFoundError: there is no such study.
        ValueError: the file or an override breaks a rule.
    """
    is_folder = study.is_dir()
    if is_folder and not ((study / SAVED).is_file() and (study / "trials").is_dir()):
        raise FileNotFoundError(f"The folder {str(study)!r} is not a study's; give the study's YAML file.")
    file = study / SAVED if is_folder else study
    config = load_config(file, [*overrides, *chosen_targets(targets, targets_file)])
    return Opened(config, file.parent, study if is_folder else (runs or Path("runs")) / config.name)


def open_run(study: Path, overrides: Sequence[str] = (), *, runs: Path | None = None) -> Opened:
    """Opens a study as it was run last, whatever its file says by now, and says on standard error where they differ.

    The journal's trials were made under the settings of the run, with its overrides. Datasets that differ by no more
    than their place are taken from where the file says that they are. A study that was not run is opened by its file.

    Raises:
        FileNotFoundError: there is no such study.
        ValueError: the file or an override breaks a rule.
    """
    try:
        opened = open_study(study, overrides, runs=runs)
    except ValueError:  # overrides of what was run need not suit what the file says
        opened = open_study(study, runs=runs)
        if study.is_dir() or not (opened.folder / SAVED).is_file():
            raise
    kept = opened.folder / SAVED
    if study.is_dir() or not kept.is_file():
        return opened
    as_run = load_config(kept, overrides)
    same_data = _placeless(as_run) == _placeless(opened.config)
    if same_data:
        as_run = as_run.model_copy(update={"datasets": opened.config.datasets})
    said = dict(opened.config)
    changed = [key for key, value in as_run if value != said[key]]
    if changed:
        say(f"As last run, which differs from {study} in: {', '.join(changed)} ({kept}).")
    return Opened(as_run, opened.base if same_data else kept.parent, opened.folder)


def _placeless(config: StudyConfig) -> list[Entry]:
    return [entry if isinstance(entry, Task) else replace(entry, path=entry.name) for entry in config.datasets]


def save_config(opened: Opened) -> None:
    """Keeps the configuration beside the study's journal; its paths then lead to the same data from anywhere."""
    text = f"# Kept by cotune {__version__}: the study as it was run last.\n{dump_config(opened.config, opened.base)}"
    write_whole(opened.folder / SAVED, text)


def chosen_targets(targets: Sequence[str] | None, targets_file: Path | None) -> list[str]:
    """Gives the override that --target and --targets stand for.

    Raises:
        ValueError: both are given, or the file breaks a rule.
    """
    if targets and targets_file:
        raise ValueError("Targets are named by --target or read from --targets; give one of the two.")
    if targets_file:
        return [f"targets={json.dumps(load_targets(targets_file))}"]
    return [f"targets={json.dumps(list(targets))}"] if targets else []


def problem_of_names(
    study: Path | None,
    *,
    pool: Path | None = None,
    targets: Sequence[str] | None = None,
    targets_file: Path | None = None,
    levels: int | None = None,
) -> Problem:
    """Gives the problem of a study, or of a pool and targets, without reading any data.

    Raises:
        FileNotFoundError: there is no such study or pool.
        ValueError: neither or both are given, or something in them breaks a rule.
    """
    if (study is None) == (pool is None):
        raise ValueError("Give a study's file, or a pool with --pool and a target with --target.")
    if study is not None:
        changed = [] if levels is None else [f"levels={levels}"]
        config = open_study(study, changed, targets=targets, targets_file=targets_file).config
        return build_problem(config, names_only(config.datasets))
    weights = load_targets(targets_file) if targets_file else dict.fromkeys(targets or (), 1.0)
    return Problem(names_only(pool_entries(pool or Path())), weights, levels=levels or 1)
