"""What a mixer did in the trial that a report shows: the datasets' shares over time, and which datasets left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cotune.problem import Problem
from cotune.trial import Mixed, Trial
from cotune.verdict import Verdict
from cotune.verdict.noise import scored
from cotune.verdict.wording import title


@dataclass(frozen=True)
class MixedTrial:
    """A trial whose datasets' shares changed: at which steps which shares, and the weights on losses, if any.

    `realised` is each dataset's part of all tokens that were trained on until the last recorded step. `dropped` are
    (step, dataset, reason). `influence` are by held-out dataset the mean cosines with the gradients of those trained
    on, empty where no gradients were looked at.
    """

    mixture: str
    seed: int
    mixing: str
    steps: tuple[int, ...]
    shares: Mapping[str, tuple[float, ...]]
    realised: Mapping[str, float]
    weights: Mapping[str, tuple[float, ...]]
    dropped: tuple[tuple[int, str, str], ...]
    influence: Mapping[str, Mapping[str, float]]


def mixed(problem: Problem, trials: Sequence[Trial], verdict: Verdict) -> MixedTrial | None:
    """Gives what happened in the first mixed trial of the winner, else of the next finalist that has one."""
    for standing in verdict.standings:
        for trial in scored(problem, trials):
            if trial.request.mixture == standing.mixture and trial.mixed is not None and trial.mixed.steps:
                return _mixed(problem, trial, trial.mixed)
    return None


def _mixed(problem: Problem, trial: Trial, told: Mixed) -> MixedTrial:
    total = sum(own[-1] for own in told.tokens.values())
    return MixedTrial(
        mixture=title(problem, trial.request.mixture),
        seed=trial.request.seed,
        mixing=told.mixing,
        steps=told.steps,
        shares=told.shares,
        realised={name: own[-1] / max(total, 1) for name, own in told.tokens.items()},
        weights={name: own for name, own in told.weights.items() if len(own) == len(told.steps)},
        dropped=told.dropped,
        influence=told.influence,
    )
