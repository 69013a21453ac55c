"""Proposing as a study does: by its sampler, and at random where that has lost its credit."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from cotune.problem import Problem
from cotune.study.alarms import measurements, overfitted
from cotune.trial import Proposal, Record

if TYPE_CHECKING:  # at run time it would import SciPy, which a study with its own sampler does without
    from cotune.search import Sampler

REASON = "fallback: random, the predictor is overfitted"
RANDOM = 3
"""So many proposals are random for each that an overfitted predictor still makes, to show whether it has learned."""


def propose(
    problem: Problem, sampler: "Sampler", records: Sequence[Record], rng: np.random.Generator, count: int
) -> list[Proposal]:
    """Gives what `sampler` proposes after `records`, or random mixtures while its predictor is overfitted.

    A pure function of the records, whose proposals say what was predicted of them: it costs no fit, and a resumed study
    goes on as it would have. While the alarm stands, one proposal in four (of a batch: one batch) is still the
    sampler's, so that its predictions can become good again; the other three make the search no worse than a random one
    of three quarters of its length. A sampler that predicts nothing is not replaced; where it follows upon one that was
    overfitted, that shows by its first proposal.
    """
    trials = [record.trial for record in records if record.trial is not None]
    if not is_fallback(problem, records, count):
        return sampler(problem, trials, [], rng, count)
    from cotune.search.random_search import random  # its package brings SciPy, so late

    return [replace(proposal, reason=REASON) for proposal in random(problem, trials, [], rng, count)]


def is_fallback(problem: Problem, records: Sequence[Record], count: int) -> bool:
    """Tells whether the next `count` proposals are random: the predictor is overfitted and it is not its turn."""
    if overfitted(measurements(problem, records)) is None or not _is_predicting(records):
        return False
    return sum(1 for _ in takewhile(_is_random, reversed(records))) < RANDOM * count


def _is_predicting(records: Sequence[Record]) -> bool:
    """Tells whether the sampler predicted the last mixture that it proposed: one without predictions may follow it."""
    others = ("base", "anchor", "confirm", "repeat", "fallback")
    own = (record for record in reversed(records) if not record.proposal.reason.startswith(others))
    return next((record.proposal.mean is not None for record in own), False)


def _is_random(record: Record) -> bool:
    return record.proposal.reason == REASON
