"""How far the reconstruction's regret depends on architecture, learning rate and stopping rule."""

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np

from benchmarks.case import Case, Rules
from benchmarks.provenance import provenance
from benchmarks.scorings import log_scoring
from benchmarks.studies.early_stopping import EarlyStopping
from benchmarks.studies.problems import shipped_problems
from benchmarks.studies.regrets import Regrets, shown
from benchmarks.studies.searches import rows
from benchmarks.studies.study import Found, Sources, Study, table
from benchmarks.summary import summarise
from cotune.problem import Problem
from cotune.search import Ensemble, Measured, PredictiveSampler, Predictor
from cotune.search.features import encode_features

WIDTHS = (8, 32, 64)
RATES = (0.0003, 0.003, 0.01, 0.1)
STOPS = ("50 steps", "200 steps", "held out")
SHIPPED = (32, 0.01, "200 steps")
"""The setting of `cotune.search.neural`, but for the number of members."""
MEMBERS = 4
BUDGET = 12
FLOOR = 0.01
"""Regret below this counts as this in ratios."""


def measure(sources: Sources) -> Found:
    """Searches ner11, of which all 2,047 combinations were trained, with every setting; the look at it is logged."""
    problems = shipped_problems(sources.limit(6), only=0)
    wanted = [
        Case(pool, targets, _name(*setting), 0, PredictiveSampler(partial(_predictor, *setting), encode_features))
        for setting in settings()
        for pool, targets in problems
    ]
    ended = rows(wanted, Rules((BUDGET,)), sources)
    lines = summarise(ended, ("nregret",), against="")
    log_scoring("python -m benchmarks.studies robustness", provenance(), "nregret", lines)
    return Regrets.from_rows(ended).to_json()


def settings() -> list[tuple[int, float, str]]:
    """Gives every width with every learning rate and every stopping rule."""
    return list(product(WIDTHS, RATES, STOPS))


def _predictor(width: int, rate: float, stop: str, problem: Problem, seed: int) -> Predictor:  # noqa: ARG001
    steps = 0 if stop == "held out" else int(stop.split()[0])
    ensemble = Ensemble(seed, members=MEMBERS, width=width, rate=rate, steps=steps)
    return Measured(ensemble if steps else EarlyStopping(ensemble))


def _name(width: int, rate: float, stop: str) -> str:
    return f"2 x {width} units, rate {rate:g}, {stop}"


def text(result: Found) -> str:
    """Shows the regret of every setting over that of the shipped one; bold where it doubles."""
    found = Regrets.from_json(result)
    level = {setting: found.mean(_name(*setting), BUDGET)[0] for setting in settings()}
    ratio = {setting: max(value, FLOOR) / max(level[SHIPPED], FLOOR) for setting, value in level.items()}
    head = ("layers, stopping rule", *(f"rate {rate:g}" for rate in RATES))
    lines = {
        f"2 x {width} units, {stop}": tuple(_cell(level[width, rate, stop], ratio[width, rate, stop]) for rate in RATES)
        for width, stop in product(WIDTHS, STOPS)
    }
    return f"{table(head, lines)}\n\n{_verdict(found, ratio)}"


def _cell(level: float, ratio: float) -> str:
    shown = f"{level:.3f} (x {ratio:.2f})"
    return f"**{shown}**" if ratio >= 2 else shown


def _verdict(found: Regrets, ratio: dict[tuple[int, float, str], float]) -> str:
    values = np.array(list(ratio.values()))
    beyond = [setting for setting, times in ratio.items() if times >= 2]
    near = [_name(*setting) for setting in beyond if _steps(setting) == 1]
    boundary = f"It doubles at {len(beyond)} settings (bold); with one thing changed, at: {'; '.join(near) or 'none'}."
    shipped = f"{_name(*SHIPPED)}: {shown(found.mean(_name(*SHIPPED), BUDGET))}"
    return (
        f"Mean normalised regret after {BUDGET} runs on {len(found.problems)} targets of ner11, {MEMBERS} members, and "
        f"its ratio to that of the shipped setting ({shipped}). The ratio runs from {values.min():.2f} to "
        f"{values.max():.2f}; {np.mean(values <= 1.25):.0%} of {len(values)} settings are at most a quarter worse. "
        f"{boundary} Mean ratio by axis: {_by_axis(ratio)}."
    )


def _steps(setting: tuple[int, float, str]) -> int:
    """Gives how many of width, rate and stopping rule are not the shipped ones."""
    return sum(one != other for one, other in zip(setting, SHIPPED, strict=True))


def _by_axis(ratio: dict[tuple[int, float, str], float]) -> str:
    axes: list[tuple[int, tuple[object, ...], Callable[[object], str]]] = [
        (0, WIDTHS, lambda width: f"{width} units"),
        (1, RATES, lambda rate: f"rate {rate:g}"),
        (2, STOPS, str),
    ]
    said = [
        f"{name(value)} {np.mean([times for setting, times in ratio.items() if setting[place] == value]):.2f}"
        for place, values, name in axes
        for value in values
    ]
    return ", ".join(said)


STUDY = Study(measure, text)
