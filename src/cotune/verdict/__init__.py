"""The verdict: what a study's trials allow one to say, with intervals."""

from cotune.verdict.contest import Contest, Rival, contest, contestants
from cotune.verdict.effects import Effect, effects, part_effects
from cotune.verdict.judge import Comparison, Standing, Verdict, judge
from cotune.verdict.paired import Estimate
from cotune.verdict.winner import choose

__all__ = [
    "Comparison",
    "Contest",
    "Effect",
    "Estimate",
    "Rival",
    "Standing",
    "Verdict",
    "choose",
    "contest",
    "contestants",
    "effects",
    "judge",
    "part_effects",
]
