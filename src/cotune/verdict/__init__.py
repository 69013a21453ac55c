"""The verdict: what a study's trials allow one to say, with intervals."""

from cotune.verdict.effects import Effect, effects, part_effects
from cotune.verdict.judge import Comparison, Standing, Verdict, judge
from cotune.verdict.paired import Estimate
from cotune.verdict.winner import choose

__all__ = ["Comparison", "Effect", "Estimate", "Standing", "Verdict", "choose", "effects", "judge", "part_effects"]
