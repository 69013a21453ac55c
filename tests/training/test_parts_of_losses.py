"""With parts of losses a mixture says how losses are weighed; what is trained on stays the same."""

from dataclasses import replace
from itertools import pairwise

import pytest
from test_fine_tune import ECHO, GROUP, TRAIN, fine_tune, same

from cotune import Mixture, Request
from cotune.training import Balance, Budget, Lora, Mixing, SizePolicy, TaskTrain, Train

WEIGHING = replace(TRAIN, parts_of="losses")
FACTORS = ((1, 4), (1, 2), (1, 1), (2, 1), (4, 1), (8, 1))
"""Parts of `group` and of `echo`: the factor of the first from 1/4 to 8 times that of the second."""

TOLERANCE = 0.005
"""Nats: twice what rounding on another processor was allowed elsewhere, a hundredth of what the sweep moves."""


def weighted(group, echo, seed=0):
    return Request(Mixture.of({"group": group, "echo": echo}), seed)


def run(evaluate, request):
    (trial,) = evaluate([request])
    assert trial.error is None
    return trial


def test_parts_are_the_weights_of_a_training_in_equal_parts(random_base):
    found = run(fine_tune(random_base, train=WEIGHING), weighted(3, 2))
    plain = fine_tune(random_base, train=replace(TRAIN, weights={"group": 3, "echo": 2}))
    assert same(replace(found, request=weighted(1, 1)), run(plain, weighted(1, 1)))
    even = run(fine_tune(random_base, train=WEIGHING), weighted(1, 1))
    assert same(even, run(fine_tune(random_base), weighted(1, 1)))
    assert found.train_loss[1:] != even.train_loss[1:]


@pytest.mark.parametrize("budget", [Budget(steps=4), Budget(tokens=600), Budget(epochs=0.5)])
def test_they_do_not_change_what_is_trained_on(random_base, budget):
    engine = fine_tune(random_base, train=WEIGHING, budget=budget, size_policy=SizePolicy("proportional")).engine
    plans = [engine.plan(weighted(*parts)) for parts in ((1, 1), (1, 8), (5, 3))]
    assert len({plan.batches for plan in plans}) == 1
    assert [dict(plan.weights) for plan in plans] == [
        {"echo": 1, "group": 1},
        {"echo": 8, "group": 1},
        {"echo": 3, "group": 5},
    ]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_weightings_side_by_side_are_what_each_is_alone(base, dropout):
    lora = Lora(layers="top-2", dropout=dropout)
    requests = [weighted(1, 1), weighted(1, 8), weighted(6, 1, 1), weighted(3, 2)]
    alone, together = (
        {trial.request: trial for trial in fine_tune(base, train=replace(WEIGHING, width=width), lora=lora)(requests)}
        for width in (1, 4)
    )
    assert all("4 side by side" in trial.device for trial in together.values())
    for request, one in alone.items():
        assert together[request].train_loss == pytest.approx(one.train_loss, rel=1e-5)
        for name, result in one.results.items():
            assert together[request].results[name].loss == pytest.approx(result.loss, rel=1e-4)
    assert len({trial.train_loss[-1] for trial in alone.values()}) == 4


@pytest.mark.parametrize("seed", [0, 1])
def test_the_loss_of_a_priority_falls_as_its_factor_rises(base, seed):
    evaluate = fine_tune(base, train=WEIGHING, budget=Budget(steps=30))
    losses = [run(evaluate, weighted(*parts, seed)).results["group"].loss for parts in FACTORS]
    rises = [later - earlier for earlier, later in pairwise(losses)]
    assert max(rises) < TOLERANCE, losses
    assert losses[0] - losses[-1] > 40 * TOLERANCE


def test_trials_of_both_kinds_are_never_comparable_and_older_ones_stay_so(random_base):
    plain, weighing = (fine_tune(random_base, train=train).setup.to_json() for train in (TRAIN, WEIGHING))
    assert "parts_of" not in plain["train"]
    assert weighing["train"].pop("parts_of") == "losses"
    assert weighing == plain


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"weights": {"group": 2.0}}, "train.weights"),
        ({"overrides": {"group": TaskTrain(weight=2.0)}}, "weights in train.overrides"),
        ({"balancer": Balance("coba")}, "balancer 'coba'"),
        ({"mixing": Mixing("grape")}, "mixing 'grape'"),
        ({"parts_of": "rows"}, "train.parts_of"),
    ],
)
def test_what_else_weighs_losses_is_refused(other, words):
    with pytest.raises(ValueError, match=words):
        Train(**{"parts_of": "losses", **other})


def test_a_rate_of_a_dataset_still_counts(random_base):
    slow = replace(WEIGHING, overrides={"group": TaskTrain(lr=0.5)})
    found = run(fine_tune(random_base, train=slow, tasks=(GROUP, ECHO)), weighted(2, 1))
    assert found.train_loss != run(fine_tune(random_base, train=WEIGHING), weighted(2, 1)).train_loss
