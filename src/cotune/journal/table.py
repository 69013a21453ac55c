"""A journal's full-budget trials of combinations as a table of scores, one row for each combination."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cotune.journal.errors import explained
from cotune.journal.reader import JournalView
from cotune.mixture import BASE, Mixture
from cotune.trial import Trial
from cotune.trial_json import Json

Array = NDArray[np.float64]


def export_table(
    view: JournalView, path: Path, *, names: Sequence[str], seeds: Sequence[int], about: Mapping[str, Json]
) -> list[Mixture]:
    """Writes the combinations that finished with each of `seeds` as an .npz file, and gives them.

    Tasks are in the order of `names`, runs in that of their masks; bit i of `mask` is set if task i was trained on.
    Arrays: `names` [task], `mask` [run]; `nll` dev loss and `em` the task's own metric [run, task], means over seeds,
    with `nll_seeds` and `em_seeds` [seed, run, task]; `nll_curve` [seed, run, point, task] the dev loss after each of
    `fractions` [point] of the budget; `train_loss` [run] that of the last batch, `train_curve` [seed, run, point] the
    mean since the point before, the end included; `tokens` and `seconds` [seed, run]; `nll_base` and `em_base` [task]
    of the model as it is; `seeds` [seed]; `args` settings as JSON. What was not measured is nan.

    Raises:
        ValueError: no combination finished with every seed.
        JournalError: the file cannot be written.
    """
    trials = {
        (trial.request.mixture, trial.request.seed): trial
        for trial in (record.trial for record in view.records)
        if trial is not None and trial.is_full and all(parts == 1 for _, parts in trial.request.mixture.parts)
    }
    masks = {sum(1 << names.index(name) for name in mixture.names): mixture for mixture, _ in trials if len(mixture)}
    whole = [masks[mask] for mask in sorted(masks) if all((masks[mask], seed) in trials for seed in seeds)]
    if not whole:
        raise ValueError(f"No combination in {view.folder} has finished with every seed of {list(seeds)}.")
    rows = [[trials[mixture, seed] for mixture in whole] for seed in seeds]
    base = trials.get((BASE, 0))
    arrays = {
        "names": np.array(names),
        "mask": np.array([mask for mask in sorted(masks) if masks[mask] in whole]),
        **_scores(rows, names),
        **_curves(rows, names),
        "nll_base": _losses([base], names)[0],
        "em_base": _metrics([base], names)[0],
        "tokens": np.array([[trial.tokens for trial in row] for row in rows]),
        "seconds": np.array([[trial.seconds for trial in row] for row in rows]),
        "seeds": np.array(seeds),
        "args": np.array(json.dumps({**about, "settings": view.settings}, sort_keys=True)),
    }
    _write(path, arrays)
    return whole


def _scores(rows: Sequence[Sequence[Trial]], names: Sequence[str]) -> dict[str, Array]:
    nll = np.array([_losses(row, names) for row in rows])  # [seed, run, task]
    em = np.array([_metrics(row, names) for row in rows])
    return {"nll": nll.mean(axis=0), "em": em.mean(axis=0), "nll_seeds": nll, "em_seeds": em}


def _curves(rows: Sequence[Sequence[Trial]], names: Sequence[str]) -> dict[str, Array]:
    """Gives what was measured on the way, at the points that any trial was looked at."""
    fractions = sorted({point.fraction for row in rows for trial in row for point in trial.curve})
    nll = np.full((len(rows), len(rows[0]), len(fractions), len(names)), np.nan)  # [seed, run, point, task]
    for seed, row in enumerate(rows):
        for run, trial in enumerate(row):
            for point in trial.curve:
                nll[seed, run, fractions.index(point.fraction)] = [point.losses.get(name, np.nan) for name in names]
    train = np.array([[_train_curve(trial, fractions) for trial in row] for row in rows])
    last = np.array([[trial.train_loss[-1] if trial.train_loss else np.nan for trial in row] for row in rows])
    return {
        "fractions": np.array(fractions),
        "nll_curve": nll,
        "train_curve": train,
        "train_loss": last.mean(axis=0),
    }


def _train_curve(trial: Trial, fractions: Sequence[float]) -> list[float]:
    """Gives the mean loss of the steps up to each fraction since the one before, and of those up to the end."""
    losses, steps = trial.train_loss, len(trial.train_loss)
    ends = [max(round(fraction * steps), 1) for fraction in fractions] + [steps]
    starts = [0, *ends[:-1]]
    parts = [losses[start:end] for start, end in zip(starts, ends, strict=True)]
    return [float(np.mean(part)) if part else np.nan for part in parts]


def _losses(trials: Sequence[Trial | None], names: Sequence[str]) -> Array:
    return np.array([[_value(trial, name, "loss") for name in names] for trial in trials])


def _metrics(trials: Sequence[Trial | None], names: Sequence[str]) -> Array:
    return np.array([[_value(trial, name, "score") for name in names] for trial in trials])


def _value(trial: Trial | None, name: str, what: str) -> float:
    if trial is None or name not in trial.results:
        return np.nan
    found = trial.results[name].loss if what == "loss" else trial.results[name].score
    return np.nan if found is None else found


def _write(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Writes all or nothing under the name."""
    temporary = path.with_name(f".{path.name}.writing")
    with explained(path):
        try:
            with temporary.open("wb") as stream:
                np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
