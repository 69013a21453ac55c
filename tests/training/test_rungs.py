"""A curve changes no result, a stop costs its share, and what was stopped goes on as if it had not been."""

import pytest
import tiny
import torch

from cotune import Mixture, Request
from cotune.training import Budget, FineTune, Lora, Scoring, Train
from cotune.training.halted import Halted
from cotune.training.rungs import Course, Halt, rungs
from cotune.trial import Stop

MIXTURE = Mixture.of(["group", "echo"])


def fine_tune(model, **changes):
    settings = {
        "budget": Budget(steps=8),
        "train": Train(lr=5e-3, batch_examples=6, max_length=64),
        "lora": Lora(rank=4, layers="top-2"),
        "scoring": Scoring(dev_rows=6),
    }
    tasks = [tiny.group_task(), tiny.echo_task()]
    return FineTune(model, tasks, targets=["group"], **(settings | changes))


def stop(*limits):
    return Stop((("group", 1.0),), limits)


def outcome(trial):
    return trial.results, trial.train_loss, trial.exposure, trial.error


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_looking_at_a_training_does_not_change_it(base, dropout):
    lora = Lora(rank=4, layers="top-2", dropout=dropout)
    (plain,) = fine_tune(base, lora=lora)([Request(MIXTURE)])
    (looked,) = fine_tune(base, lora=lora, scoring=Scoring(dev_rows=6, curve=3))([Request(MIXTURE)])
    assert outcome(plain) == outcome(looked)
    assert plain.curve == ()
    assert [point.fraction for point in looked.curve] == [0.125, 0.25, 0.5]
    assert all(set(point.losses) == {"group", "echo"} for point in looked.curve)


def test_a_curve_goes_from_the_base_model_to_the_end(base):
    (trial,) = fine_tune(base, scoring=Scoring(dev_rows=6, curve=3))([Request(MIXTURE)])
    losses = [point.losses["group"] for point in trial.curve]
    assert losses[0] > losses[-1] > trial.results["group"].loss


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_stopped_trial_that_goes_on_equals_one_that_was_never_stopped(base, method, dropout):
    lora = Lora(rank=4, layers="top-2", method=method, dropout=dropout)
    whole_run, halting = fine_tune(base, lora=lora), fine_tune(base, lora=lora)
    (whole,) = whole_run([Request(MIXTURE, stop=stop((0.25, float("inf")), (0.5, float("inf"))))])
    (stopped,) = halting([Request(MIXTURE, stop=stop((0.25, 0.0), (0.5, 0.0)))])
    assert stopped.reached == 0.25
    assert (len(stopped.train_loss), stopped.results) == (2, {})
    assert 0 < stopped.tokens < whole.tokens
    (other,) = halting([Request(Mixture.of(["echo"]))])  # another trial in between
    (more,) = halting([Request(MIXTURE, stop=stop((0.25, 0.0), (0.5, 0.0)))])
    assert more.reached == 0.5
    (resumed,) = halting([Request(MIXTURE)])
    assert outcome(resumed) == outcome(whole)
    assert resumed.curve == whole.curve
    assert other.reached == resumed.reached == 1


def test_what_is_kept_saves_its_steps(base):
    steps = []
    told = lambda progress: steps.append(progress.done) if progress.stage == "train" else None  # noqa: E731
    halting = fine_tune(base, progress=told)
    list(halting([Request(MIXTURE, stop=stop((0.5, 0.0)))]))
    before = len(steps)
    list(halting([Request(MIXTURE)]))
    assert before == 4
    assert len(steps) - before == 8 - 4 + 1  # four steps more, and the end


def test_a_limit_stops_what_is_above_it_only(base):
    (whole,) = fine_tune(base)([Request(MIXTURE, stop=stop((0.5, float("inf"))))])
    loss = whole.curve[0].losses["group"]
    for limit, reached in ((loss + 1e-6, 1.0), (loss - 1e-6, 0.5)):
        (trial,) = fine_tune(base)([Request(MIXTURE, stop=stop((0.5, limit)))])
        assert trial.reached == reached


def test_of_fractions_on_one_step_the_largest_counts_and_the_end_is_none():
    assert rungs(Request(MIXTURE, stop=stop((0.3, 1.0), (0.9, 1.0))), 4, 2) == {1: 0.3, 2: 0.5}


def test_the_store_of_halted_trainings_is_bounded():
    def one(size):
        return Halt(Course(()), {"w": torch.zeros(size)}, {}, torch.zeros(1))

    store = Halted(most_bytes=3 * 4 * 10)
    first, second = Request(Mixture.of(["a"])), Request(Mixture.of(["b"]))
    store.put(first, one(6))
    store.put(second, one(5))  # together 132 bytes: the older one leaves
    assert store.take(first) is None
    assert store.take(second) is not None
    assert store.take(second) is None
    store.put(first, one(11))
    assert store.take(first) is None
