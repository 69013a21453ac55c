"""A trunk is kept where it saves time: by uses, by what can be held, and never against what a user says."""

from dataclasses import replace

import pytest
from test_fine_tune import ECHO, GROUP, TRAIN, fine_tune, run

from cotune.training import Lora
from cotune.training.worth import CPU, Costs, expected_uses, is_worth, measured, pays


def test_more_uses_and_lower_costs_never_speak_against_it():
    for uses in (1, 1.5, 2, 3, 10, 100):
        for held in (0.0, 0.5, 1.0):
            if pays(uses, CPU, held=held):
                assert pays(uses + 1, CPU, held=held)
                assert pays(uses, replace(CPU, fill=CPU.fill / 2), held=held)
                assert pays(uses, CPU, held=(1 + held) / 2)


def test_by_hand():
    assert not pays(1, Costs(1.0, 0.0))  # each token once: nothing is saved
    assert pays(3, Costs(2.0, 0.1))  # 2 + 0.3 < 3
    assert not pays(3, Costs(2.0, 0.4))  # 2 + 1.2 > 3
    assert not pays(3, Costs(2.0, 0.0), held=0.5)  # half of the two later uses are computed again: 2 x 2 > 3
    assert expected_uses(trials=2, trained=10, sizes=[15], scored=5) == (35 / 15, 15)
    assert expected_uses(trials=4, trained=10, sizes=[6, 100], scored=0) == (40 / 16, 16)


def test_texts_that_are_met_once_do_not_pay_and_others_do():
    def is_paid(trials, sizes=(10**6,) * 4, scored=0):
        return pays(expected_uses(trials=trials, trained=50_000, sizes=sizes, scored=scored)[0], CPU)

    assert not is_paid(1)
    assert is_paid(1, scored=20_000)  # by the trial and the model as it is
    assert is_paid(24)
    assert is_paid(1, sizes=(10_000,))  # five epochs
    assert not is_paid(24, sizes=(10**6,) * 100)  # no two trials meet the same texts


def test_it_is_chosen_from_data_and_settings(random_base):
    def has_trunk(**others):
        return fine_tune(random_base, **others).engine._trunk is not None

    assert has_trunk()
    assert not has_trunk(train=replace(TRAIN, trunk="off"))
    assert has_trunk(train=replace(TRAIN, trunk="on"))
    assert not has_trunk(lora=Lora(layers="all"))
    assert not has_trunk(lora=Lora(layers="top-9"))
    without_dev = [replace(GROUP, name=f"g{number}", rows={"train": GROUP.rows["train"]}) for number in range(60)]
    few = replace(GROUP, rows={**GROUP.rows, "dev": GROUP.rows["dev"][:1]})
    assert not has_trunk(tasks=(few, *without_dev))
    assert has_trunk(tasks=(few, *without_dev), train=replace(TRAIN, trunk="on"))


def test_with_and_without_trials_are_equal_to_rounding_and_comparable(random_base):
    names = ("group", "echo")
    kept = fine_tune(random_base, targets=names)
    plain = fine_tune(random_base, targets=names, train=replace(TRAIN, trunk="off"))
    assert kept.settings() == plain.settings()
    one, other = run(kept, *names), run(plain, *names)
    assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
    for task in (GROUP, ECHO):
        assert one.results[task.name].loss == pytest.approx(other.results[task.name].loss, rel=1e-4)
        assert one.results[task.name].examples.outputs == other.results[task.name].examples.outputs


def test_costs_can_be_measured(model):
    costs = measured(model, 3)
    assert costs.fill > 0
    assert costs.read > 0


def test_a_trunk_for_no_frozen_layer_is_refused(random_base):
    with pytest.raises(ValueError, match=r"lora.layers 'all' leaves none\. Use top-N"):
        fine_tune(random_base, train=replace(TRAIN, trunk="on"), lora=Lora(layers="all"))


def test_the_choice_does_not_hang_on_the_machine(random_base):
    engine = fine_tune(random_base).engine
    assert {is_worth(engine.setup, engine.model, engine.encoder) for _ in range(3)} == {True}
