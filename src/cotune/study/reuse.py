"""Serving requests from other studies that have run them, instead of training again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cotune.journal import JournalView, read_journal
from cotune.journal.groups import plain
from cotune.task import Task
from cotune.trial import Comparable, Evaluate, Request, Trial, side_by_side

OBJECTIVE = "objective"
"""The setting of a study's journal that is the problem's, not the evaluation's: it changes no score."""


@dataclass(frozen=True)
class Reuse:
    """An evaluation that first looks into other studies; see `reuse`."""

    evaluate: Evaluate
    folders: tuple[Path, ...]
    datasets: Mapping[str, str]
    more: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, requests: Sequence[Request]) -> Iterator[Trial]:
        """Yields the trials that another study has, then those that are trained now."""
        kept = self._kept()
        yield from (kept[request] for request in requests if request in kept)
        left = [request for request in requests if request not in kept]
        if left:
            yield from self.evaluate(left)

    def settings(self) -> Mapping[str, object]:
        """Gives the settings of the evaluation that trains, and those that the study adds."""
        own: Mapping[str, object] = self.evaluate.settings() if isinstance(self.evaluate, Comparable) else {}
        return {**self.more, **own}

    def side_by_side(self) -> int:
        """Gives how many requests the evaluation that trains runs at once."""
        return side_by_side(self.evaluate)

    def _kept(self) -> dict[Request, Trial]:
        kept: dict[Request, Trial] = {}
        wanted = plain(self.settings())
        for folder in self.folders:
            view = _view(folder)
            if view is not None and not _obstacle(view, wanted, self.datasets):
                kept |= {trial.request: self._marked(trial, folder) for trial in _finished(view)}
        return kept

    def obstacles(self) -> dict[Path, str]:
        """Gives why folders can serve nothing: they hold no study, or trials that were made otherwise."""
        wanted = plain(self.settings())
        views = {folder: _view(folder, examples=False) for folder in self.folders}
        found = {
            folder: "there is no study in it" if view is None else _obstacle(view, wanted, self.datasets)
            for folder, view in views.items()
        }
        return {folder: why for folder, why in found.items() if why}

    def _marked(self, trial: Trial, folder: Path) -> Trial:
        results = {name: result for name, result in trial.results.items() if name in self.datasets}
        return replace(trial, results=results, source=trial.source or folder.name)


def reuse(
    evaluate: Evaluate,
    folders: Iterable[str | Path],
    tasks: Iterable[Task],
    *,
    settings: Mapping[str, object] | None = None,
) -> Reuse:
    """Gives an evaluation that serves what the studies in `folders` have finished and trains the rest.

    A trial is served if mixture, seed and fidelity are the request's, the settings of its study are those of
    `evaluate` with `settings` (those that `Study` was given), and that study's pool held each of `tasks` with the same
    content. It keeps what it cost and counts as
    a fine-tuning of the new study; `Trial.source` names the folder that it comes from.
    """
    datasets = {task.name: task.fingerprint for task in tasks}
    return Reuse(evaluate, tuple(Path(folder) for folder in folders), datasets, dict(settings or {}))


def _view(folder: Path, *, examples: bool = True) -> JournalView | None:
    try:
        return read_journal(folder, examples=examples)
    except FileNotFoundError:
        return None


def _obstacle(view: JournalView, settings: Mapping[str, object], datasets: Mapping[str, str]) -> str:
    """Gives why a study's trials cannot be taken, "" if they can."""
    own = {name: value for name, value in view.settings.items() if name != OBJECTIVE}
    names = [*dict.fromkeys([*own, *settings])]
    other = [name for name in names if name not in own or name not in settings or own[name] != settings[name]]
    if other:
        return f"its trials were made with another {', '.join(other)}"
    missing = [name for name, content in datasets.items() if view.datasets.get(name) != content]
    return f"it lacks {missing}, or has other content in them" if missing else ""


def _finished(view: JournalView) -> Iterator[Trial]:
    trials = (record.trial for record in view.records)
    return (trial for trial in trials if trial is not None and trial.is_finished and trial.reached == 1)
