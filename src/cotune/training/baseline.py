"""Baselines: what a final training keeps of the rows that it was scored on, so that later rows can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cotune.drift import Sample
from cotune.journal.files import read_object, write_whole
from cotune.tally import Tally
from cotune.task import Split, Task, Template
from cotune.training.settings import Lora
from cotune.trial_json import JsonObject, dump

if TYPE_CHECKING:
    from cotune.training.engine import Engine

FORMAT = 2
FACTS, STATES = "baseline.json", "baseline.npz"
"""The files beside an adapter."""


@dataclass(frozen=True)
class Reading:
    """How a model is loaded and rows are scored: what both samples of a look have to have in common."""

    model: str
    fingerprint: str
    lora: Lora
    dtype: str
    bits: int | None
    prompt_style: str
    classify: str


@dataclass(frozen=True)
class Baseline:
    """One dataset as a final training read and scored it; `task` has no rows, `columns` are its own names for ours.

    `cap` bounds an output's tokens (0: none is made), `common` is that of `Seen`.
    """

    reading: Reading
    task: Task
    columns: Mapping[str, str]
    split: Split
    max_length: int
    cap: int
    common: int
    sample: Sample = field(repr=False)


def reading_of(engine: "Engine", model: str) -> Reading:
    """Gives how an engine reads and scores, with what it settled by itself; `model` is as the study names it."""
    setup = engine.setup
    dtype = str(engine.model.dtype).removeprefix("torch.")
    return Reading(
        model,
        engine.model.fingerprint,
        setup.lora,
        dtype,
        setup.train.bits,
        setup.train.prompt_style,
        setup.scoring.classify,
    )


def save_baselines(folder: Path, baselines: Sequence[Baseline]) -> None:
    """Writes the baselines of an adapter into its folder: the figures as JSON, the states as arrays.

    No text is written, and no output of generation; tallies and predicted labels by row are.

    Raises:
        OSError: the disk is full or refuses.
    """
    reading = asdict(baselines[0].reading)
    datasets = {each.task.name: _facts(each, place) for place, each in enumerate(baselines)}
    facts = cast(JsonObject, {"format": FORMAT, "reading": reading, "datasets": datasets})
    arrays = {f"states_{place}": each.sample.states.astype(np.float32) for place, each in enumerate(baselines)}
    with (folder / STATES).open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    write_whole(folder / FACTS, dump(facts) + "\n")


def load_baselines(folder: Path) -> dict[str, Baseline]:
    """Gives the baselines in an adapter's folder by dataset.

    Raises:
        FileNotFoundError: there are none.
        ValueError: they are damaged, or of another version.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{str(folder)!r} is not a folder; give the one that `cotune train --out` wrote.")
    if not (folder / FACTS).is_file() or not (folder / STATES).is_file():
        raise FileNotFoundError(
            f"{str(folder)!r} has no {FACTS} and {STATES}, which `cotune train` writes beside an adapter: it is "
            "not from there, or of an earlier version. Train again into a new folder."
        )
    facts = read_object(folder / FACTS)
    if facts.get("format") != FORMAT:
        raise ValueError(
            f"{str(folder / FACTS)!r} has format {facts.get('format')!r}; this cotune reads {FORMAT}. Use the version "
            "that wrote it, or train again."
        )
    try:
        with np.load(folder / STATES, allow_pickle=False) as arrays:
            return _read(facts, {name: arrays[name] for name in arrays.files})
    except Exception as error:  # noqa: BLE001 - what foreign bytes make zip and numpy raise has no common name
        raise ValueError(
            f"The baseline in {str(folder)!r} is damaged ({type(error).__name__}: {error}). Copy the folder again."
        ) from None


def _facts(baseline: Baseline, place: int) -> dict[str, Any]:
    task, sample = baseline.task, baseline.sample
    return {
        "task": {
            "kind": task.kind,
            "labels": list(task.labels),
            "roles": list(task.roles),
            "template": asdict(task.template),
            "metric": task.metric,
            "fingerprint": task.fingerprint,
        },
        "columns": dict(baseline.columns),
        "split": baseline.split,
        "max_length": baseline.max_length,
        "cap": baseline.cap,
        "common": baseline.common,
        "states": f"states_{place}",
        "words": list(sample.words),
        "labels": list(sample.labels),
        "tallies": [[list(tally) for tally in row] for row in sample.tallies],
    }


def _read(facts: JsonObject, arrays: Mapping[str, Any]) -> dict[str, Baseline]:
    said = cast("dict[str, Any]", facts["reading"])
    modules = said["lora"]["modules"]
    lora = Lora(**{**said["lora"], "modules": modules if isinstance(modules, str) else tuple(modules)})
    reading = Reading(**{**said, "lora": lora})
    datasets = cast("dict[str, dict[str, Any]]", facts["datasets"])
    return {name: _baseline(reading, name, found, arrays[found["states"]]) for name, found in datasets.items()}


def _baseline(reading: Reading, name: str, found: Mapping[str, Any], states: Any) -> Baseline:
    task = found["task"]
    tallies = tuple(tuple(Tally(str(group), float(a), float(b)) for group, a, b in row) for row in found["tallies"])
    return Baseline(
        reading,
        Task(
            name,
            task["kind"],
            labels=tuple(task["labels"]),
            roles=tuple(task["roles"]),
            template=Template(**task["template"]),
            metric=task["metric"],
            fingerprint=task["fingerprint"],
        ),
        dict(found["columns"]),
        found["split"],
        int(found["max_length"]),
        int(found["cap"]),
        int(found["common"]),
        Sample(tuple(found["words"]), states.astype(np.float64), tuple(found["labels"]), tallies),
    )


def bare(task: Task) -> Task:
    """Gives a task without its rows."""
    return replace(task, rows={})
