"""Figures of a contestant, from its outcomes in all repeats: medians, as every repeat has the same work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.engine.outcome import Outcome


@dataclass(frozen=True)
class Figures:
    """What the table shows of one contestant; None where it was not measured.

    `seconds` are of all trials, start-up included, `trials_per_hour` follows from them; where only some were run, their
    mean stands for the others. `tokens_per_second` counts trained tokens without padding, by the time before scoring,
    `step_tokens_per_second` by that after the first step, where all is set up; `all_tokens_per_second` trained and
    scored ones, by all time. `loss` is the mean over the trials that were run, `minus` and `mean_minus` the largest and
    the mean difference of a trial's loss from the reference's.
    """

    contestant: str
    measured: int
    seconds: float
    trials_per_hour: float
    tokens_per_second: float | None
    step_tokens_per_second: float | None
    all_tokens_per_second: float
    second_first_step: float | None
    peak_bytes: int
    loss: float
    minus: float | None
    mean_minus: float | None
    mfu: float | None


def figures(
    contestant: str,
    outcomes: Sequence[Outcome],
    *,
    trials: int,
    steps: int,
    reference: Sequence[Outcome] | None,
    tflops: Mapping[str, float | None],
) -> Figures:
    """Gives the figures of a contestant that was to run `trials` trials of `steps` steps; `tflops` are device peaks."""
    seconds = median(_seconds(outcome, trials) for outcome in outcomes)
    losses = {ran.place: ran.loss for ran in outcomes[0].trials}
    differences = _differences(losses, reference)
    used = [_mfu(outcome, tflops[outcome.device]) for outcome in outcomes]
    return Figures(
        contestant,
        len(outcomes[0].trials),
        seconds,
        trials / seconds * 3600,
        _middle([_train_speed(outcome) for outcome in outcomes]),
        _middle([_step_speed(outcome, steps) for outcome in outcomes]),
        median(_tokens(outcome) / outcome.work_seconds for outcome in outcomes),
        _middle([outcome.trials[1].first_step_seconds if len(outcome.trials) > 1 else None for outcome in outcomes]),
        max(outcome.peak_bytes for outcome in outcomes),
        mean(losses.values()),
        max(map(abs, differences)) if differences else None,
        abs(mean(differences)) if differences else None,
        _middle(used),
    )


def same_start(outcomes: Sequence[Outcome]) -> bool:
    """Tells whether all trials of all contestants began with the same factors."""
    return len({ran.start for outcome in outcomes for ran in outcome.trials}) == 1


def _seconds(outcome: Outcome, trials: int) -> float:
    return outcome.start_seconds + outcome.work_seconds * trials / len(outcome.trials)


def _tokens(outcome: Outcome) -> int:
    return sum(ran.tokens + ran.scored for ran in outcome.trials)


def _train_speed(outcome: Outcome) -> float | None:
    spent = [ran.train_seconds for ran in outcome.trials]
    known = [seconds for seconds in spent if seconds is not None]
    return sum(ran.tokens for ran in outcome.trials) / sum(known) if len(known) == len(spent) else None


def _step_speed(outcome: Outcome, steps: int) -> float | None:
    spent = [
        ran.train_seconds - ran.first_step_seconds
        for ran in outcome.trials
        if ran.train_seconds is not None and ran.first_step_seconds is not None
    ]
    if steps < 2 or len(spent) < len(outcome.trials):
        return None
    return sum(ran.tokens for ran in outcome.trials) * (steps - 1) / steps / sum(spent)


def _mfu(outcome: Outcome, tflops: float | None) -> float | None:
    return None if tflops is None else outcome.flops / outcome.work_seconds / (tflops * 1e12)


def _differences(losses: Mapping[int, float], reference: Sequence[Outcome] | None) -> list[float]:
    if not reference:
        return []
    theirs = {ran.place: ran.loss for ran in reference[0].trials}
    return [losses[place] - theirs[place] for place in losses if place in theirs]


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
