"""A look finds what was planted, and is quiet where rows come from one source."""

from dataclasses import replace

import numpy as np
import pytest

from cotune.drift import Sample, look
from cotune.tally import Tally


def sample(rng, rows, *, accuracy=0.8, words=20.0, shift=0.0, yes=0.3):
    right = rng.uniform(size=rows) < accuracy
    return Sample(
        tuple(int(count) for count in rng.poisson(words, rows)),
        rng.normal(size=(rows, 6)) + shift,
        tuple("yes" if draw < yes else "no" for draw in rng.uniform(size=rows)),
        tuple((Tally("", float(hit), 1.0),) for hit in right),
    )


@pytest.mark.parametrize(
    ("planted", "name"),
    [({"accuracy": 0.5}, "score"), ({"words": 30.0}, "lengths"), ({"shift": 0.8}, "texts"), ({"yes": 0.7}, "labels")],
)
def test_what_is_planted_alarms_alone(planted, name):
    rng = np.random.default_rng(1)
    found = look(sample(rng, 150), sample(rng, 100, **planted))
    assert found.alarms == (name,)
    (alarm,) = (check for check in found.checks if check.is_alarm)
    assert alarm.p <= alarm.level == 0.0125
    if name == "score":
        assert alarm.high < 0
        assert alarm.new - alarm.baseline == pytest.approx(-alarm.statistic)
    if name == "labels":
        assert alarm.moved in ("no", "yes")


def test_false_alarms_are_as_rare_as_said():
    """Both samples are drawn alike: 5 % of looks at most alarm, by any of four checks."""
    rng, alarms = np.random.default_rng(0), []
    for seed in range(150):
        found = look(sample(rng, 25), sample(rng, 15), seed=seed)
        alarms.append(len(found.alarms) > 0)
    assert 0.005 <= np.mean(alarms) <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5


@pytest.mark.parametrize("alpha", [0.01, 0.001, 1e-4])
def test_a_catastrophe_alarms_at_any_alpha(alpha):
    rng = np.random.default_rng(0)
    before, after = sample(rng, 30), sample(rng, 25, accuracy=0.0, words=80.0, shift=9.0, yes=1.0)
    assert look(before, after, alpha=alpha).alarms == ("score", "lengths", "texts", "labels")


def test_a_better_score_is_no_alarm():
    rng = np.random.default_rng(0)
    found = look(sample(rng, 200, accuracy=0.5), sample(rng, 200, accuracy=0.9))
    assert found.checks[0].low > 0
    assert "score" not in found.alarms


def test_the_margin_is_what_may_be_lost():
    rng = np.random.default_rng(0)
    before, after = sample(rng, 400, accuracy=0.9), sample(rng, 400, accuracy=0.75)
    score = look(before, after).checks[0]
    assert score.is_alarm
    assert look(before, after, margin=-score.high - 0.01).alarms == ("score",)
    assert look(before, after, margin=-score.low).alarms == ()


def test_what_is_not_there_is_left_out_and_the_rest_held_to_more():
    rng = np.random.default_rng(0)
    before, after = sample(rng, 60), sample(rng, 60)
    bare = look(before, replace(after, labels=(), tallies=after.tallies[:9]))
    assert [check.name for check in bare.checks] == ["lengths", "texts"]
    assert {check.level for check in bare.checks} == {0.025}
    assert bare.left_out == ("score: 60 rows of the baseline and 9 new rows have answers; it needs 10 of both",)


def test_the_same_seed_gives_the_same_look():
    rng = np.random.default_rng(0)
    before, after = sample(rng, 60), sample(rng, 50)
    assert look(before, after, seed=3) == look(before, after, seed=3)
    assert look(before, after, seed=3) != look(before, after, seed=4)


@pytest.mark.parametrize(("alpha", "margin"), [(0.0, 0.0), (1.0, 0.0), (0.05, -0.1), (0.05, 1.0), (float("nan"), 0.0)])
def test_settings_out_of_range_are_refused(alpha, margin):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"--(alpha|margin) is a"):
        look(sample(rng, 20), sample(rng, 20), alpha=alpha, margin=margin)


@pytest.mark.parametrize(("before", "after", "who"), [(9, 20, "The baseline"), (20, 9, "A look")])
def test_too_few_rows_are_refused(before, after, who):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=f"{who} needs at least 10 rows; found 9"):
        look(sample(rng, before), sample(rng, after))
