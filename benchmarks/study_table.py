"""The trials of a study as a lookup table."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from cotune.journal import read_journal
from cotune.testing import Table
from cotune.testing.tables import Score
from cotune.trial import TaskResult, Trial


def study_table(folder: Path, *, score: Score) -> Table:
    """Gives the table of a study's finished combinations, averaged over seeds; `nll` is the loss, `em` the score.

    Mixtures with unequal parts, cheaper fidelities and the untrained model are left out. A task that was not scored is
    nan. Only what was run can be asked for; `benchmarks.searching` says what becomes of other proposals.

    Raises:
        FileNotFoundError: there is no journal in `folder`.
        ValueError: it holds no finished combination.
    """
    view = read_journal(folder, examples=False)
    found: dict[tuple[str, ...], list[Trial]] = defaultdict(list)
    for trial in (record.trial for record in view.records if record.trial):
        if trial.is_full and all(n == 1 for _, n in trial.request.mixture.parts):
            found[trial.request.mixture.names].append(trial)
    found.pop((), None)
    if not found:
        raise ValueError(f"{folder}: the study has no finished trial of a combination; run it first.")
    scored = [name for trials in found.values() for trial in trials for name in trial.results]
    names = tuple(dict.fromkeys([*view.datasets, *scored, *(name for mixture in found for name in mixture)]))
    parts = np.array([[name in mixture for name in names] for mixture in found], dtype=np.int64)  # [run, task]
    scores = [
        [_mean([_value(trial.results.get(name), score) for trial in trials]) for name in names]
        for trials in found.values()
    ]
    return Table(names, parts, np.array(scores))


def _value(result: TaskResult | None, score: Score) -> float:
    if result is None:
        return np.nan
    found = result.score if score == "em" else result.loss
    if found is None:
        return np.nan
    return found if score == "em" else -found


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
