"""What goes wrong in a trial ends it with a reason, and is a mistake in one line outside of a study."""

from dataclasses import replace

import pytest
import torch
from test_fine_tune import ECHO, GROUP, TRAIN, fine_tune, run, same

from cotune import Mixture, Request, Task
from cotune.cli.errors import MISTAKE, explain
from cotune.task import Row
from cotune.training import Budget


def test_divergence_ends_the_trial_and_the_next_one_is_well(random_base):
    wild = fine_tune(random_base, train=replace(TRAIN, lr=1e30, clip=None, warmup=0))
    trial = run(wild, "group")
    assert trial.error.startswith("diverged: ")
    assert "at step 2" in trial.error
    assert trial.results == {}
    assert run(wild).error is None


def test_a_dev_loss_that_is_not_finite_fails_the_trial_by_the_tasks_name(random_base):
    one_step = fine_tune(random_base, budget=Budget(steps=1), train=replace(TRAIN, lr=1e30, clip=None, warmup=0))
    trial = run(one_step, "group")
    assert trial.error.startswith("diverged: the loss of 'group' is not finite on ")
    assert trial.results == {}


def test_memory_that_runs_out_is_met_with_smaller_packs_and_noted(random_base):
    evaluate = fine_tune(random_base)
    expected = run(evaluate, "group")

    def limit(_, given):
        if torch.is_grad_enabled() and given[0].shape[1] > 64:
            raise torch.OutOfMemoryError("no room")

    hook = evaluate.engine.model.layers[3].register_forward_pre_hook(limit)
    trial = run(evaluate, "group")
    hook.remove()
    assert trial.error is None
    assert trial.device == "cpu (1 threads, float32), packs of 64 tokens to save memory"
    assert trial.train_loss == pytest.approx(expected.train_loss, rel=1e-4)
    assert same(run(evaluate, "group"), expected)


def test_measuring_meets_lack_of_memory_as_a_trial_does(random_base):
    evaluate = fine_tune(random_base)
    refused = []

    def limit(_, given):
        if torch.is_grad_enabled() and given[0].shape[1] > 64:
            refused.append(given[0].shape[1])
            raise torch.OutOfMemoryError("no room")

    hook = evaluate.engine.model.layers[3].register_forward_pre_hook(limit)
    estimate = evaluate.estimate(Request(Mixture.of(["group"])), measure=True)
    hook.remove()
    assert refused
    assert estimate.seconds > 0


def test_what_ends_a_trial_is_outside_of_a_study_a_mistake_in_one_line(random_base, capsys):
    wild = fine_tune(random_base, train=replace(TRAIN, lr=1e30, clip=None, warmup=0))
    empty = fine_tune(random_base, tasks=(GROUP, replace(ECHO, rows={})))
    request = Request(Mixture.of(["group", "echo"]))
    attempts = (
        lambda: wild.fit(request),
        lambda: wild.estimate(request, measure=True),
        lambda: empty.estimate(request),
    )
    for attempt, message in zip(attempts, ("diverged", "diverged", "No train rows"), strict=True):
        with pytest.raises(ValueError, match=message) as caught:
            attempt()
        assert explain(caught.value, debug=False) == MISTAKE
        assert capsys.readouterr().err.startswith(f"Error: {message}")


def test_memory_that_never_suffices_is_an_error_of_the_trial(random_base):
    evaluate = fine_tune(random_base)
    engine = evaluate.engine

    def refuse(_, given):
        if torch.is_grad_enabled():
            raise torch.OutOfMemoryError("no room")

    hook = engine.model.layers[3].register_forward_pre_hook(refuse)
    assert run(evaluate, "group").error.startswith("oom: ")
    hook.remove()
    assert run(evaluate, "group").error is None


def test_a_dataset_without_train_rows_or_with_over_long_ones_only_fails_its_trials(random_base):
    empty = replace(ECHO, name="empty", rows={"dev": ECHO.rows["dev"]})
    long = Task("long", rows={"train": [Row("a", {"input": "dog"}, "dog " * 20)]})
    evaluate = fine_tune(random_base, tasks=(GROUP, empty, long), train=replace(TRAIN, max_length=16))
    for name in ("empty", "long"):
        assert "No train rows" in run(evaluate, "group", name).error
    assert run(evaluate, "group").error is None
    assert "long" not in run(evaluate, "group").results  # it has no dev rows
