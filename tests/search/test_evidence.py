import numpy as np

from cotune.mixture import Mixture
from cotune.search import Ensemble, Measured
from cotune.search.evidence import objective, outcomes
from cotune.testing import check_predictor, example_problem
from cotune.trial import Request, TaskResult, Trial


def trial(**results):
    return Trial(Request(Mixture.of(["t0", "t1"])), {name: TaskResult(*scores) for name, scores in results.items()})


def test_targets_come_first_then_every_score_then_every_loss_turned():
    problem = example_problem(3)
    found = outcomes(problem, [trial(t0=(0.5, 1.5), t1=(0.2,)), trial(t0=(0.6, 1.25), t2=(None, 3.0))])
    nan = np.nan
    np.testing.assert_array_equal(found, [[0.5, nan, 0.2, nan, -1.5, nan, nan], [0.6, nan, nan, nan, -1.25, nan, -3.0]])


def test_the_objective_weighs_the_targets_alone():
    problem = example_problem(3, targets=2)
    predicted = np.arange(8.0).reshape(1, 1, 8)
    assert objective(problem, predicted).tolist() == [[0.5]]


def test_what_not_every_trial_measured_is_not_learned():
    x, y = np.eye(4), np.column_stack([np.arange(4.0), [np.nan, 1, 2, 3], np.arange(4.0) ** 2])
    predicted = Measured(Ensemble(steps=20)).fit(x, y).predict(x)
    alone = Ensemble(steps=20).fit(x, y[:, [0, 2]]).predict(x)
    assert np.isnan(predicted[:, :, 1]).all()
    np.testing.assert_array_equal(predicted[:, :, [0, 2]], alone)


def test_it_keeps_a_predictor_s_promises():
    check_predictor(Measured(Ensemble(members=4, steps=20)))
