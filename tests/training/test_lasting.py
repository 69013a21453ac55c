"""What losses keep from step to step outlasts a halt: a stopped trial goes on as if it had not been."""

from dataclasses import replace

import pytest
import tiny
from test_losses import fine_tune

from cotune import Mixture, Request
from cotune.training import Budget, Lora, Scoring, TaskTrain, Train
from cotune.trial import Stop

GROUP, ECHO = tiny.group_task(rows=12), tiny.echo_task()
HALFWAY = Stop((("group", 1.0),), ((0.5, 0.0),))


def halting(model, loss, options):
    own = {"echo": TaskTrain(loss="cross_entropy")}
    train = Train(lr=5e-3, batch_examples=6, max_length=64, loss=loss, loss_options=options, overrides=own)
    changes = {"budget": Budget(steps=24), "lora": Lora(rank=4, layers="top-2"), "scoring": Scoring(dev_rows=6)}
    return fine_tune(model, train, tasks=(GROUP, ECHO), **changes)


def outcome(found):
    return found.results, found.train_loss, found.exposure, found.error


@pytest.mark.parametrize(("loss", "options"), [("center", {}), ("hard_negatives", {"every": 2})])
def test_a_stopped_trial_that_goes_on_equals_one_that_was_never_stopped(base, loss, options):
    """Rows come again after the stop, so that what is kept of before it counts; trials between have their own."""
    request = Request(Mixture.of(["group", "echo"]))
    (whole,) = halting(base, loss, options)([request])
    assert whole.exposure["group"].epochs > 2
    stopping = halting(base, loss, options)
    (stopped,) = stopping([replace(request, stop=HALFWAY)])
    assert (stopped.reached, len(stopped.train_loss)) == (0.5, 12)
    (other,) = stopping([replace(request, seed=1)])
    (resumed,) = stopping([request])
    assert outcome(resumed) == outcome(whole)
    assert outcome(other) == outcome(next(iter(halting(base, loss, options)([replace(request, seed=1)]))))
