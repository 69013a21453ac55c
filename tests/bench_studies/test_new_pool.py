"""Encodings with texts, and what is predicted for a pool that was never searched."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from benchmarks.studies.encodings import ENCODINGS, encoded, sampler
from benchmarks.studies.new_pool import known, predicted, regret_of_first, regret_of_random
from benchmarks.studies.other_targets import _guesses
from benchmarks.studies.problems import landscape_problems, pool_paths, pool_problems, shipped_problems
from benchmarks.studies.similarity import similarity
from benchmarks.studies.texts import datasets, with_texts

from cotune.search import features
from cotune.testing import check_sampler


@pytest.fixture
def pool(held, data):
    return with_texts(held / "pool-0.npz", data)


def test_a_pool_shows_the_texts_that_it_was_made_of(pool, held):
    assert [len(task.rows["train"]) for task in pool.tasks] == [6] * 7
    words = [task.rows["train"][0].fields["text"].split()[0] for task in pool.tasks]
    assert words == ["rain", "rain", "rain", "goal", "vote", "law", "x"]  # the third is a copy of the second
    assert datasets(held / "pool-0.npz") == ("a", "b", "b", "d", "e", "f", "g")
    assert pool.problem("0_a").tasks == pool.tasks


def test_groups_are_the_columns_of_the_features(pool):
    known_features = encoded(pool, "0_a")
    problem = pool.problem("0_a")
    mixtures = list(problem.mixtures())[::7]
    found = known_features.features(problem.encode(mixtures), ("inclusion", "size", "contents"))
    assert np.allclose(found, features(problem, mixtures)[1])
    shares = known_features.features(problem.encode(mixtures), ("shares",))
    assert np.allclose((shares**2).sum(axis=1), 1)
    assert {group for groups in ENCODINGS.values() for group in groups} == known_features.groups.keys()


@pytest.mark.parametrize("name", ["size", "contents"])
def test_a_search_on_some_features_keeps_its_promises(pool, name):
    check_sampler(sampler(encoded(pool, "0_a"), ENCODINGS[name]), pool.problem("0_a"), [0.1, 0.5, 0.2, 0.4])


def test_what_size_does_in_other_pools_is_expected_in_a_new_one(pool):
    codes = encoded(pool, "0_a")
    size = codes.parts.sum(axis=1)
    problems = [
        replace(known(pool, "0_a", codes, tuple("abbdefg")), pool=number, name=number, scores=size * int(number))
        for number in "1234"
    ]
    guesses = predicted(problems, problems[:1], ("size",))
    assert np.corrcoef(guesses["1"], size)[0, 1] > 0.9


def test_regrets_of_rankings_by_hand():
    scores = np.array([0.0, 1.0, 2.0, 5.0])  # mean 2: the distance to the best is 3
    assert regret_of_first(np.array([0.0, 3, 2, 1]), scores, tried=2) == pytest.approx(1)
    assert regret_of_first(np.array([0.0, 3, 2, 1]), scores, tried=3) == 0
    assert regret_of_random(scores, tried=1) == pytest.approx(1, abs=0.06)
    assert regret_of_random(scores, tried=4) == 0


def test_popularity_and_a_network_rank_a_target_that_gains_as_the_others_do(held, data):
    pool = with_texts(held / "pool-0.npz", data)
    codes = {target: encoded(pool, target) for (target,) in pool.targets()}
    truth = known(pool, "0_a", codes["0_a"], pool.table.names).scores
    guesses = _guesses(pool, "0_a", codes)
    assert np.corrcoef(guesses["popularity"], truth)[0, 1] > 0.99  # all gain alike, in units of their spreads
    assert np.corrcoef(guesses["network without contents"], truth)[0, 1] > 0.9
    changed = replace(pool, table=replace(pool.table, scores=pool.table.scores * [0, 1, 1, 1, 1, 1, 1]))
    blind = _guesses(changed, "0_a", codes)
    assert all((blind[name] == guess).all() for name, guess in guesses.items())  # its own scores are not seen


def test_the_similarity_ranker_adds_the_likest_first(pool):
    case = similarity(pool, "0_a")
    proposals = case.sampler(pool.problem("0_a"), [], [], np.random.default_rng(0), 9)
    found = [proposal.request.mixture.names for proposal in proposals]
    assert len(found) == 7
    assert found[0] == ("0_a",)
    assert len(found[1]) == 7
    assert set(found[2]) <= {"0_a", "1_b", "2_c", "3_d"}
    assert set(found[4]) == {"0_a", "1_b", "2_c", "3_d"}
    assert all(set(less) < set(more) for less, more in pairwise(found[2:]))


def test_only_tables_of_every_combination_are_searched(held):
    assert [path.stem for path in pool_paths([held])] == ["pool-0", "pool-1"]
    problems = pool_problems([held], 4)
    names = [(pool.name, *targets) for pool, targets in problems]
    assert (names[0], names[-1], len(names)) == (("pool-0", "0_a"), ("pool-1", "6_g"), 4)
    with pytest.raises(ValueError, match="every combination of 8 datasets or more"):
        pool_paths([held], 8)
    assert len({pool.group for pool, _ in landscape_problems(7, size=4)}) == 7
    assert {pool.name for pool, _ in shipped_problems(3, only=0)} == {"ner11"}
