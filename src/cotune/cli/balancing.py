"""The balancer as a choice: the winner's mixture again under each of `search.balancers`, with the same seeds."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.cli.errors import OK, say
from cotune.cli.opening import Opened
from cotune.config import StudyConfig, evaluation
from cotune.journal import JournalView, read_journal
from cotune.problem import Problem
from cotune.task import Task
from cotune.training.balance.choice import renamed
from cotune.trial import Proposal, Record, Request
from cotune.trial_json import Json
from cotune.verdict import Contest, Verdict, contest, contestants

if TYPE_CHECKING:
    from cotune.cli.searching import Search

FOLDER = "balancers"
"""The folder in a study's own with a journal for each balancer, since its trials are not the search's."""


def under(opened: Opened, balancer: str) -> Opened:
    """Gives a study as it would be under another balancer, with a folder inside its own."""
    config = opened.config
    train = replace(config.train, balancer=renamed(config.train.balancer, balancer))
    changed = config.model_copy(update={"train": train, "name": f"{config.name}-{balancer}"})
    return Opened(changed, opened.base, opened.folder / FOLDER / balancer)


def rivals(config: StudyConfig) -> tuple[str, ...]:
    """Gives the balancers to compare with the study's own."""
    return tuple(name for name in config.search.balancers if name != config.train.balancer.name)


def reserved(config: StudyConfig) -> int:
    """Gives how many fine-tunings the search leaves for them: as many seeds as confirm the winner, for each."""
    return len(rivals(config)) * config.search.confirm


def check_rivals(opened: Opened, tasks: tuple[Task, ...], cache: Path) -> None:
    """Refuses a balancer that cannot work here, before anything is trained.

    Raises:
        ValueError: says which, why, and what to do.
    """
    for balancer in rivals(opened.config):
        try:
            evaluation(under(opened, balancer).config, tasks, folder=opened.base, cache=cache)()
        except ValueError as error:
            raise ValueError(f"search.balancers: {error}") from error


def try_balancers(search: "Search", verdict: Verdict) -> int:
    """Trains the winner's mixture under each balancer, with the seeds of its trials, and gives the exit code."""
    records = search.study.records()
    seeds = [trial.request.seed for trial in contestants(search.problem, records, verdict)]
    requests = [Request(verdict.winner, seed) for seed in seeds] if verdict.winner else []
    others = rivals(search.opened.config)
    if others and verdict.winner and len(verdict.winner) < 2:
        say(f"search.balancers: the winner has one dataset, nothing to balance; {', '.join(others)} were not tried.")
        return OK
    for balancer in others if requests else ():
        proposals = [Proposal(request, f"balancer: {balancer}") for request in requests]
        code = replace(search, opened=under(search.opened, balancer)).repeat(proposals)
        if code != OK:
            return code
    return OK


def other_records(opened: Opened, view: JournalView) -> dict[str, list[Record]]:
    """Gives the trials under each balancer whose settings are else those of the study in `view`."""
    found = {}
    for balancer in rivals(opened.config):
        folder = opened.folder / FOLDER / balancer
        other = _read(folder)
        if other is not None and _but_balancer(other.settings) == _but_balancer(view.settings):
            found[balancer] = list(other.records)
    return found


def compare(opened: Opened, problem: Problem, view: JournalView, verdict: Verdict) -> Contest | None:
    """Gives how the balancers that were tried compare; None if none was."""
    own = opened.config.train.balancer.name
    return contest(problem, view.records, other_records(opened, view), own=own, verdict=verdict)


def _read(folder: Path) -> JournalView | None:
    try:
        return read_journal(folder)
    except FileNotFoundError:
        return None


def _but_balancer(settings: Mapping[str, Json]) -> dict[str, Json]:
    """Gives settings without what hangs on the balancer: its choice, and that dropout is off where it looks."""
    train, dropout = settings.get("train"), settings.get("dropout")
    rest = {key: value for key, value in train.items() if key != "balancer"} if isinstance(train, dict) else train
    return {**settings, "train": rest, "dropout": dropout.partition(",")[0] if isinstance(dropout, str) else dropout}
