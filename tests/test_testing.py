import numpy as np
import pytest

from cotune import Mixture, Request, search
from cotune.search import AdditiveProcess, UpperConfidence
from cotune.testing import (
    REGIMES,
    Knobs,
    Landscape,
    Table,
    check_acquisition,
    check_evaluate,
    check_predictor,
    check_sampler,
    example_problem,
    landscape,
    load_table,
    table_evaluate,
    tabulate,
)


def plain(dilution: float, **changes: object) -> Landscape:
    """Three tasks; b gives target a half of what its own data give, c nothing."""
    transfer = np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 1.0]])
    fields = {
        "names": ("a", "b", "c"),
        "origin": (0, 1, 2),
        "transfer": transfer,
        "pairs": np.zeros((3, 3, 3)),
        "hardness": np.ones(3),
        "dilution": dilution,
        "saturation": 1.0,
        "decay": 1.0,
        "jitter": np.zeros(3),
        "seed": 0,
    }
    return Landscape(**(fields | changes))


def test_a_budget_that_grows_is_worth_sharing_and_a_fixed_one_is_not():
    mixtures = list(plain(0).problem(["a"]).mixtures())
    assert plain(1).best(mixtures, "a") == Mixture.of("a")
    assert "b" in plain(0).best(mixtures, "a")


def test_scores_are_those_of_the_formula():
    parts = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    np.testing.assert_allclose(plain(0).scores(parts)[:, 0], np.exp([-1, -1 / 1.5, -1 / 1.5]))
    np.testing.assert_allclose(plain(1).scores(parts)[:, 0], np.exp([-1, -1 / 0.75, -2]))


def test_a_copy_adds_nothing_new_where_data_saturate():
    copies = plain(0, origin=(0, 0, 2), saturation=0.0)
    parts = np.array([[1, 0, 0], [1, 1, 0]])
    assert np.ptp(copies.scores(parts)[:, 0]) == 0


@pytest.mark.parametrize("regime", REGIMES)
def test_landscapes_are_repeatable_and_between_zero_and_a_bit_over_one(regime):
    one, two = (landscape(regime, np.random.default_rng(3), size=6) for _ in range(2))
    table = tabulate(one)
    assert np.array_equal(table.scores, tabulate(two).scores)
    assert table.scores.min() > -0.5
    assert table.scores.max() < 1.5


def test_only_the_flat_regime_is_mostly_jitter():
    share = {}
    for regime in REGIMES:
        pool = landscape(regime, np.random.default_rng(0), size=7)
        clean = pool.clean(tabulate(pool).parts)[:, 0]
        share[regime] = pool.jitter[0] / (clean.max() - np.median(clean))
    assert share.pop("flat") > 2 > max(share.values())


@pytest.fixture
def table_file(tmp_path):
    mask = np.arange(1, 8)
    nll = np.arange(21.0).reshape(7, 3)
    np.savez(tmp_path / "t.npz", names=np.array(["a", "b", "c"]), mask=mask, nll=nll, em=nll / 21)
    return tmp_path / "t.npz"


def test_a_table_answers_for_the_right_combination(table_file):
    (trial,) = table_evaluate(table_file, "c")([Request(Mixture.of(["a", "c"]))])  # mask 5, row 4
    assert {name: result.score for name, result in trial.results.items()} == {"a": -12, "b": -13, "c": -14}
    (trial,) = table_evaluate(table_file, "c", score="em")([Request(Mixture.of(["c"]))])
    assert trial.results["a"].score == 9 / 21


def test_a_table_lists_what_holds_the_target(table_file):
    table = load_table(table_file)
    assert set(table.values("b")) == set(table.problem("b").mixtures())


def test_a_noise_free_repeat_is_refused_and_a_noisy_one_differs(table_file):
    requests = [Request(Mixture.of(["a"]), seed) for seed in (0, 1)]
    with pytest.raises(ValueError, match="repeat"):
        list(table_evaluate(table_file, "a")(requests))
    first, second = table_evaluate(table_file, "a", noise=0.5)(requests)
    assert first.results["a"] != second.results["a"]


def test_noise_is_in_units_of_median_to_best():
    rng = np.random.default_rng(0)
    table = tabulate(landscape("growing", rng, size=5, jitter=0))
    values = np.array(list(table.values("t00").values()))
    draws = [
        trial.results["t00"].score
        for trial in table.evaluate("t00", noise=1)([Request(Mixture.of(["t00"]), seed) for seed in range(2000)])
    ]
    assert np.std(draws) == pytest.approx(values.max() - np.median(values), rel=0.1)


@pytest.mark.parametrize("broken", ["missing", "twice"])
def test_a_broken_table_is_named(tmp_path, broken):
    arrays = {"names": np.array(["a"]), "mask": np.array([1, 1])} | ({} if broken == "missing" else {"nll": [[1], [2]]})
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=r"bad\.npz.*" + broken):
        load_table(tmp_path / "bad.npz")


def test_tables_and_landscapes_are_evaluations(table_file):
    check_evaluate(table_evaluate(table_file, "a"), load_table(table_file).problem("a"))
    pool = landscape("between", np.random.default_rng(0), size=4)
    check_evaluate(pool.evaluate(noise=0.1), pool.problem())


def repeating(problem, finished, pending, rng, count):
    return search.target_only(problem, [], [], rng, count)


def forgetful(problem, finished, pending, rng, count):
    return search.random(problem, finished, pending, np.random.default_rng(), count)


def greedy_for_more(problem, finished, pending, rng, count):
    return search.random(problem, finished, pending, rng, count + 1)


@pytest.mark.parametrize(
    ("sampler", "promise"),
    [(repeating, "made twice"), (forgetful, "same inputs"), (greedy_for_more, "at most 1 at a time")],
)
def test_the_suite_catches_a_sampler_that_breaks_a_promise(sampler, promise):
    with pytest.raises(AssertionError, match=promise):
        check_sampler(sampler, example_problem(7), [0.1, 0.2, 0.3])


def test_a_repeat_on_purpose_is_allowed():
    def repeat(problem, finished, pending, rng, count):
        (proposal,) = search.target_only(problem, [], [], rng, 1)
        seed = len(finished) + len(pending)
        reason = "repeat: noise" if seed else "anchor: target only"
        return [type(proposal)(Request(proposal.request.mixture, seed), reason)]

    check_sampler(repeat, example_problem(3), [0.1, 0.2, 0.3])


def test_the_suites_catch_wrong_shapes_and_values():
    class Narrow(AdditiveProcess):
        def predict(self, x):
            return super().predict(x)[0]

    class Moody(AdditiveProcess):
        def fit(self, x, y):
            x += 1
            return super().fit(x, y)

    with pytest.raises(AssertionError, match="axes"):
        check_predictor(Narrow())
    with pytest.raises(AssertionError, match="leaves its inputs alone"):
        check_predictor(Moody())
    with pytest.raises(AssertionError, match="never has less merit"):
        check_acquisition(lambda improvements: -UpperConfidence()(improvements))


def test_the_suite_catches_an_evaluation_that_drops_a_request():
    problem = example_problem(3)
    with pytest.raises(AssertionError, match="every request"):
        check_evaluate(lambda requests: [], problem)


def test_a_knob_sets_its_property_and_leaves_the_draw_alone():
    def drawn(**changes: float) -> Landscape:
        return landscape("growing", np.random.default_rng(0), size=6, knobs=Knobs(**changes))

    assert drawn(dilution=0.7).dilution == 0.7
    assert drawn(saturation=0.4).saturation == 0.4
    assert set(drawn(hardness=0.3).hardness) == {0.3}
    assert np.array_equal(drawn(hardness=0.3).transfer, drawn().transfer)
    alike, apart = (drawn(correlation=value).transfer[~np.eye(6, dtype=bool)].mean() for value in (0.9, 0.0))
    assert alike > apart + 0.2
    assert drawn(harm=2.0).transfer.mean() < drawn().transfer.mean()


def test_a_score_that_was_not_measured_is_not_told():
    table = Table(("a", "b"), np.array([[1, 0], [1, 1]]), np.array([[0.5, np.nan], [0.7, 0.6]]))
    first, second = table.evaluate("a", noise=1)([Request(Mixture.of("a")), Request(Mixture.of("ab"))])
    assert first.results.keys() == {"a"}
    assert second.results["b"].score == 0.6  # one score has no spread, and so no noise
