"""Peers keep a sampler's promises, and find what there is to find."""

from importlib.util import find_spec

import numpy as np
import pytest
from benchmarks.case import Case, Rules
from benchmarks.methods import CHEATS, PACKAGES, PLANNED, sampler_of
from benchmarks.peers import asking, mixing_law, popularity, ridge
from benchmarks.pools import Pool, draw_pools
from benchmarks.searching import run

from cotune import Mixture
from cotune.testing import Table, check_sampler, example_problem

SURROGATES = (
    "reconstruction",
    "ridge_shares",
    "ridge_pairs",
    "mixing_law",
    "hamming_gp",
    "linear_subsets",
    "trees",
    "popularity",
)
PACKAGED = ("optuna_tpe", "optuna_gp", "botorch", "smac", "ax")
EMPTY = Pool("", "", Table((), np.empty((0, 0), int), np.empty((0, 0))))


def sampler(name: str, budget: int = 9):
    package = PACKAGES.get(name)
    if package and find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed; pip install -e '.[bench]'")
    return sampler_of(Case(EMPTY, (), name, 0), budget)


@pytest.mark.parametrize("name", [*SURROGATES, *PACKAGED])
def test_a_peer_keeps_the_promises_of_a_sampler(name):
    peer = sampler(name)
    check_sampler(peer, example_problem(5), [0.3, 0.1, 0.5, 0.2, float("nan"), 0.6, 0.7, 0.1, 0.2])


@pytest.mark.parametrize("name", [*SURROGATES, *PACKAGED[:-1]])  # Ax looks for minutes where nothing is left
def test_a_peer_asks_for_all_there_is_in_batches_whatever_the_scores(name):
    peer = sampler(name)
    check_sampler(peer, example_problem(4 if name in SURROGATES else 3), [0.5] * 12, batch=3)


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_finds_the_best_of_an_additive_pool(name):
    parts = (np.arange(1, 64)[:, None] >> np.arange(6)) & 1  # [run, task]
    scores = parts @ [0, 1.0, 0.5, -0.5, -1, 0.25]
    pool = Pool("additive", "additive", Table(tuple("abcdef"), parts, np.repeat(scores[:, None], 6, axis=1)))
    (row,) = run(Case(pool, ("a",), name, 0), Rules((20,)))
    assert row["nregret"] < 0.2


def test_the_mixing_law_fits_what_follows_it():
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 60)  # [mixture, task]
    loss = 0.3 + np.exp(shares @ [-1.0, 0.5, 0.2, -0.3])
    predicted = mixing_law.law(shares[:40], -loss[:40], shares[40:])
    assert np.corrcoef(predicted, -loss[40:])[0, 1] > 0.999


def test_pairs_are_seen_by_the_ridge_with_pairs_alone():
    parts = ((np.arange(1, 128)[:, None] >> np.arange(7)) & 1).astype(float)  # [mixture, task]
    y = parts[:, 1] * parts[:, 2] - parts[:, 3] * parts[:, 4]
    order = np.random.default_rng(0).permutation(len(parts))
    train, test = order[:90], order[90:]
    seen = np.corrcoef(ridge.on_pairs(parts[train], y[train], parts[test]), y[test])[0, 1]
    assert seen > 0.95 > np.corrcoef(ridge.on_root_shares(parts[train], y[train], parts[test]), y[test])[0, 1]


def test_what_was_run_is_replaced_by_a_random_untried_mixture():
    problem, rng = example_problem(3), np.random.default_rng(0)
    stuck = (problem.everything for _ in range(1000))
    found = [p.request.mixture for p in asking.propose(stuck, problem, [], [], rng, 3)]
    assert len(set(found)) == 3
    assert found[0] == problem.everything
    assert asking.from_flags(problem, asking.flags(problem, Mixture.of(["t0", "t2"]))) == Mixture.of(["t0", "t2"])


def test_half_of_a_linear_subsets_budget_is_random_and_the_rest_nested():
    (pool,) = draw_pools(1, ("growing",), 0, {"size": 7})
    (row,) = run(Case(pool, ("t00",), "linear_subsets", 0), Rules((16,)))
    assert row["runs"] == 16


def test_the_cheat_runs_ten_and_finds_the_best_of_an_additive_pool():
    (pool,) = draw_pools(1, ("growing",), 0, {"size": 7})
    (name,) = CHEATS
    (row,) = run(Case(pool, ("t00",), name, 0), Rules((48,)))
    assert row["runs"] == 10
    assert row["nregret"] < 0.5
    assert name not in PLANNED


def test_popularity_is_the_mean_score_of_the_runs_that_held_a_dataset():
    x, y = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0]]), np.array([0.2, 0.6])
    merit = popularity.mean_popularity(x, y, np.array([[1.0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]]))
    assert merit == pytest.approx([0.3, 0.4, 0.6])  # 0.4, 0.2, 0.6, and the mean of all runs for what none held
