"""Guards: whether a mixture keeps the base model's score where it is to be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.trial import Trial
from cotune.verdict.floors import ROUNDING
from cotune.verdict.noise import by_mixture, scored, seed_noise
from cotune.verdict.paired import Chance, Estimate, difference, resample
from cotune.verdict.wording import interval, points, title, unit

State = Literal["kept", "lost", "open"]


@dataclass(frozen=True)
class Guard:
    """A mixture's difference from the base model on one dataset to keep, of which at most `margin` may be lost.

    It is kept where the whole interval lies above that, lost where it lies below, and open otherwise.
    """

    mixture: Mixture
    title: str
    dataset: str
    margin: float
    difference: Estimate
    unit: str
    state: State


def guards(
    problem: Problem, finalists: Mapping[Mixture, Sequence[Trial]], trials: Sequence[Trial], chance: Chance
) -> tuple[Guard, ...]:
    """Gives a line for each trained finalist and each dataset to keep; `finalists` hold the base model."""
    lines = []
    for name, margin in problem.keep.items():
        alone = problem.alone(name)
        own = replace(chance, noise=seed_noise(alone, by_mixture(scored(alone, trials))))
        draws = resample(alone, [trial for runs in finalists.values() for trial in runs], own)
        for mixture, runs in finalists.items():
            if len(mixture):
                gap = difference(alone, runs, finalists[BASE], draws, own)
                state = _state(gap, margin)
                lines.append(Guard(mixture, title(problem, mixture), name, margin, gap, unit(alone), state))
    return tuple(lines)


def _state(gap: Estimate, margin: float) -> State:
    if gap.low is None or gap.high is None:
        return "open"
    return "kept" if gap.low >= -margin - ROUNDING else "lost" if gap.high < -margin - ROUNDING else "open"


def kept_words(lines: Sequence[Guard]) -> str:
    """Gives in a sentence each what one mixture keeps, or that it is open; "" where nothing is to be kept."""
    return "".join(
        f" It keeps {line.dataset}: {_against_base(line)}."
        if line.state == "kept"
        else f" Whether it keeps {line.dataset} is open: {_against_base(line)}."
        for line in lines
    )


def none_keeps(lines: Sequence[Guard], problem: Problem) -> str:
    """Gives the sentence that no tried mixture keeps what is to be kept, with the nearest one's `lines`."""
    margins = [f"{name} within {points(margin)}" for name, margin in problem.keep.items()]
    found = "; ".join(f"{line.dataset} {_against_base(line)}" for line in lines)
    return (
        f"No mixture that was tried keeps {' and '.join(margins)} points of the base model by posterior mean; the "
        f"nearest is {lines[0].title}: {found}. Take the base model."
    )


def _against_base(line: Guard) -> str:
    gap = line.difference
    reach = f"{points(gap.mean, sign=True)} {line.unit} {interval(gap)}"
    return f"{reach} against the base model, -{points(line.margin)} allowed"
