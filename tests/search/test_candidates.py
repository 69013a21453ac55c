import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotune import Mixture
from cotune.search.candidates import (
    best_candidate,
    enumerate_parts,
    is_enumerable,
    is_new,
    neighbours,
    sample_parts,
    sample_sizes,
    to_mixture,
)
from cotune.testing import example_problem

problems = st.builds(example_problem, st.integers(2, 5), levels=st.integers(1, 3), targets=st.integers(1, 2))


def mixtures(problem, parts):
    return [to_mixture(problem, row) for row in parts]


@given(problems)
def test_listing_agrees_with_the_problem(problem):
    listed = mixtures(problem, enumerate_parts(problem))
    assert len(listed) == len(set(listed)) == problem.count()
    assert set(listed) == set(problem.mixtures())


@given(problems, st.integers(0, 100))
def test_samples_and_neighbours_are_possible_and_distinct(problem, seed):
    rng = np.random.default_rng(seed)
    for parts in (sample_parts(problem, rng, 8), sample_sizes(problem, rng, 8)):
        for found in (mixtures(problem, parts), mixtures(problem, neighbours(problem, parts))):
            assert len(set(found)) == len(found)
            assert all(problem.is_possible(mixture) for mixture in found)


@given(problems, st.sets(st.integers(0, 20)))
def test_known_rows_are_not_new(problem, chosen):
    parts = enumerate_parts(problem)
    known = [to_mixture(problem, parts[index]) for index in chosen if index < len(parts)]
    fresh = is_new(problem, parts, known)
    assert fresh.sum() == len(parts) - len(known)
    assert not {*known} & {*mixtures(problem, parts[fresh])}


@pytest.mark.parametrize(("size", "levels", "listed"), [(13, 1, True), (14, 1, False), (5, 4, True), (64, 3, False)])
def test_only_small_spaces_are_listed(size, levels, listed):
    assert is_enumerable(example_problem(size, levels=levels)) is listed


def test_local_search_climbs_a_large_space():
    problem = example_problem(40)
    wanted = np.arange(40) % 2  # [task]
    wanted[0] = 1
    start = problem.encode([problem.everything]).astype(np.int64)

    def merit(parts):
        return -np.abs(parts - wanted).sum(axis=1).astype(float)

    found = start
    for seed in range(12):
        found = best_candidate(problem, merit, [], np.random.default_rng(seed), found)[None]
    assert np.array_equal(found[0], wanted)


def test_no_candidate_is_left_when_all_are_known():
    problem = example_problem(3)
    known = list(problem.mixtures())
    start = problem.encode([Mixture.of(["t0"])]).astype(np.int64)
    rng = np.random.default_rng(0)
    assert best_candidate(problem, lambda parts: parts.sum(axis=1).astype(float), known, rng, start) is None
