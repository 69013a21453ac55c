import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotune.composite import delta_percent, mean_ranks, normalised, weighted_mean, worst_task

SCORES = {"a": 0.6, "b": 0.8, "c": None}
SINGLES = {"a": 0.5, "b": 1.0}


def test_weighted_mean_by_hand() -> None:
    assert weighted_mean({"a": 0.5, "b": 1.0}, {"a": 3, "b": 1}) == pytest.approx(0.625)
    assert weighted_mean({"a": 0.5, "b": 1.0}) == pytest.approx(0.75)
    assert weighted_mean({"a": 0.5, "b": 1.0, "c": 0.1}, {"a": 1}) == 0.5


def test_missing_tasks_are_refused_skipped_or_zero() -> None:
    with pytest.raises(ValueError, match=r"without a score: \['c'\]"):
        weighted_mean(SCORES)
    with pytest.raises(ValueError, match="'d'"):
        weighted_mean(SCORES, {"a": 1, "d": 1})
    assert weighted_mean(SCORES, missing="skip") == pytest.approx(0.7)
    assert weighted_mean(SCORES, missing="zero") == pytest.approx(1.4 / 3)


@pytest.mark.parametrize("weights", [{"a": -1.0, "b": 2.0}, {"a": float("nan")}, {"a": 0.0}])
def test_weights_that_mean_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"[Ww]eights"):
        weighted_mean({"a": 0.5, "b": 0.5}, weights)


def test_normalised_and_change_in_per_cent_by_hand() -> None:
    assert normalised({"a": 0.6, "b": 0.8}, SINGLES) == pytest.approx({"a": 1.2, "b": 0.8})
    assert delta_percent({"a": 0.6, "b": 0.8}, SINGLES) == pytest.approx(0.0)
    assert delta_percent({"a": 0.6, "b": 1.0}, SINGLES) == pytest.approx(10.0)
    assert delta_percent({"a": 0.6}, SINGLES, missing="skip") == pytest.approx(20.0)


def test_a_single_task_score_of_zero_gives_no_ratio() -> None:
    assert normalised({"a": 0.6, "b": 0.8}, {"a": 0.0, "b": 0.4}) == pytest.approx({"b": 2.0})
    with pytest.raises(ValueError, match="single-task"):
        delta_percent({"a": 0.6}, {"a": None})


def test_worst_task_by_hand() -> None:
    assert worst_task(SCORES, missing="skip") == ("a", 0.6)
    assert worst_task(SCORES, missing="zero") == ("c", 0.0)
    with pytest.raises(ValueError, match="No task"):
        worst_task({})


def test_mean_ranks_by_hand() -> None:
    table = {"x": {"a": 0.9, "b": 0.2}, "y": {"a": 0.5, "b": 0.2}, "z": {"a": 0.1, "b": 0.7}}
    assert mean_ranks(table) == pytest.approx({"x": (1 + 2.5) / 2, "y": (2 + 2.5) / 2, "z": (3 + 1) / 2})


def test_ranks_leave_out_a_task_that_some_row_lacks() -> None:
    assert mean_ranks({"x": {"a": 0.9, "b": 0.1}, "y": {"a": 0.5, "b": None}}) == {"x": 1.0, "y": 2.0}
    with pytest.raises(ValueError, match="every row"):
        mean_ranks({"x": {"a": 0.9}, "y": {"b": 0.5}})
    with pytest.raises(ValueError, match="every row"):
        mean_ranks({})


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_ranks_keep_their_sum_and_change_with_no_monotone_scale(rows: list[tuple[float, float]]) -> None:
    table = {str(index): {"a": a, "b": b} for index, (a, b) in enumerate(rows)}
    ranks = mean_ranks(table)
    assert sum(ranks.values()) == pytest.approx(len(rows) * (len(rows) + 1) / 2)
    assert mean_ranks({name: {"a": 2 * row["a"], "b": row["b"]} for name, row in table.items()}) == ranks


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1), min_size=1), st.floats(0.1, 10))
def test_weighted_mean_ignores_the_scale_of_weights(scores: dict[str, float], factor: float) -> None:
    weights = {name: 1.0 + index for index, name in enumerate(scores)}
    scaled = {name: factor * weight for name, weight in weights.items()}
    assert weighted_mean(scores, weights) == pytest.approx(weighted_mean(scores, scaled))
    assert min(scores.values()) - 1e-9 <= weighted_mean(scores, weights) <= max(scores.values()) + 1e-9
