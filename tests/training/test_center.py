"""Rows are pulled to centers that datasets share, which move once a step and outlast a halt."""

from dataclasses import replace

import pytest
import tiny
import torch
from test_losses import CHEAP, ECHO, GROUP, fine_tune, trial

from cotune import Mixture, Request
from cotune.training import Balance, Budget, Curriculum, FineTune, Lora, Mixing, TaskTrain, Train
from cotune.training.example import Example
from cotune.training.loop import Descent
from cotune.training.loss.center import Centers, center
from cotune.training.loss.lasting import Kept, Lasting
from cotune.training.losses import answer_token_losses
from cotune.training.rungs import Course, Halt

CAT, DOG = (1, 0), (2, 0)
ROWS = [Example("t", "a", (5,), CAT), Example("u", "b", (5,), CAT), Example("t", "c", (5,), DOG)]
STATES = torch.tensor([[3.0, 4.0], [2.0, 0.0], [0.0, 0.5]])  # at length 1: (0.6, 0.8), (1, 0), (0, 1)
HALF = Train(loss="center")


def test_two_steps_in_numbers():
    """Cats begin at ((0.6, 0.8) + (1, 0)) / 2 = (0.8, 0.4), which the step does not move; both rows are 0.2 from it.

    Then (0, 1) comes alone: it costs (0.64 + 0.36) / 2, and the center moves by 0.5 x (-0.8, 0.6) / 2.
    """
    centers = Centers()
    centers.see(ROWS, STATES, HALF)
    assert centers.of(ROWS).flatten().tolist() == pytest.approx([0.8, 0.4, 0.8, 0.4, 0.0, 1.0])
    assert center(STATES, centers.of(ROWS)).tolist() == pytest.approx([0.1, 0.1, 0.0], abs=1e-6)
    centers.move()
    assert centers.of(ROWS[:1])[0].tolist() == pytest.approx([0.8, 0.4])

    later, far = [Example("v", "d", (5,), CAT)], torch.tensor([[0.0, 7.0]])
    centers.see(later, far, HALF)
    assert center(far, centers.of(later)).tolist() == pytest.approx([0.5])
    centers.move()
    assert centers.of(later)[0].tolist() == pytest.approx([0.8 - 0.2, 0.4 + 0.15])
    centers.move()  # each batch moves them once
    assert centers.of(later)[0].tolist() == pytest.approx([0.6, 0.55])
    assert centers.of(ROWS[2:])[0].tolist() == pytest.approx([0.0, 1.0])  # a class that was not in the batch stays


def test_the_rate_is_that_of_each_rows_dataset():
    """Of (0.6, 0.8) at rate 1 and (1, 0) at rate 0 only the first pulls at (0, 1): by (0.6, -0.2) / 3."""
    own = {"t": TaskTrain(loss="center", loss_options={"rate": 1}), "u": TaskTrain(loss_options={"rate": 0})}
    centers = Centers()
    centers.see([ROWS[0]], torch.tensor([[0.0, 1.0]]), Train(loss="center", overrides=own))
    centers.see(ROWS, STATES, Train(loss="center", overrides=own))
    centers.move()
    assert centers.of(ROWS[:1])[0].tolist() == pytest.approx([0.2, 1 - 0.2 / 3])


def test_rows_with_another_loss_are_in_no_center():
    centers = Centers()
    centers.see(ROWS, STATES, Train(overrides={"t": TaskTrain(loss="center")}))
    assert set(centers.state()) == {CAT, DOG}
    assert centers.of(ROWS[:1])[0].tolist() == pytest.approx([0.6, 0.8])


def test_centers_have_no_slope():
    """Were the rows' mean in the graph, as much as a row is drawn to it the others would be pushed."""
    states, centers = STATES.clone().requires_grad_(), Centers()
    centers.see(ROWS, states, HALF)
    assert not centers.of(ROWS).requires_grad
    (slope,) = torch.autograd.grad(center(states, centers.of(ROWS))[0], states)
    assert slope[1:].abs().max() == 0
    leaf, fixed = STATES.double().requires_grad_(), centers.of(ROWS).double()
    assert torch.autograd.gradcheck(lambda rows: center(rows, fixed), leaf)


def test_it_is_mixed_with_the_cross_entropy():
    logits = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    plain, lasting = answer_token_losses(logits, ROWS, Train()), Lasting()
    lasting.see(ROWS, STATES, HALF)
    each = torch.tensor([0.1, 0.1, 0.0]).repeat_interleave(2)
    for share in (0.0, 0.3, 1.0):
        train = Train(loss="center", loss_options={"share": share})
        found = answer_token_losses(logits, ROWS, train, states=STATES, lasting=lasting)
        torch.testing.assert_close(found, (1 - share) * plain + share * each)
    torch.testing.assert_close(answer_token_losses(logits, ROWS, HALF, states=STATES), plain)  # no step of a training


def test_a_copy_of_the_centers_stays():
    centers = Centers()
    centers.see(ROWS, STATES, HALF)
    copy = centers.state()
    other = Centers()
    other.load(copy)
    other.see(ROWS, -STATES, HALF)
    other.move()
    assert copy[CAT].tolist() == pytest.approx([0.8, 0.4])
    assert other.of(ROWS[:1])[0].tolist() != pytest.approx([0.8, 0.4])


def test_what_centers_take_counts_in_a_halt():
    halt = Halt(Course(()), {"w": torch.zeros(6)}, {}, torch.zeros(1), kept=Kept({CAT: torch.zeros(5)}))
    assert halt.nbytes == 3 * 6 * 4 + 5 * 4


SOURCE, LATER = tiny.group_task("source"), tiny.group_task("later")
IN_TURN = Train(lr=1e-2, batch_examples=8, max_length=96, curriculum=Curriculum("sequential"))


def gap(model, share):
    """Gives the loss of the later dataset's rows to the centers that the first left, and these centers.

    The first is pulled to them in any case, the later one by `share`, and it leaves them where they are.
    """
    own = {"later": TaskTrain(loss_options={"share": share, "rate": 0})}
    train = replace(IN_TURN, loss="center", overrides=own)
    settings = {"targets": ["later"], "budget": Budget(steps=24), "lora": Lora(layers="top-2"), "train": train}
    engine = FineTune(model, [SOURCE, LATER], **settings).engine
    drawn = engine.plan(Request(Mixture.of(["source", "later"])))
    first = next(place for place, batch in enumerate(drawn.batches) if any(row.task == "later" for row in batch))
    with engine._adapted(seed=0) as trainee:
        descent = Descent(
            engine._decoder,
            trainee.parameters,
            drawn.batches,
            train=train,
            pack_tokens=512,
            progress=lambda *_: None,
        )
        descent.advance(first)
        before = descent.lasting.centers.state()
        descent.advance(descent.steps)
        assert {answer: at.tolist() for answer, at in descent.lasting.centers.state().items()} == {
            answer: at.tolist() for answer, at in before.items()
        }
        rows = engine.pool(["later"])["later"]
        with torch.no_grad():
            far = center(engine._decoder.read_states(rows)[1].float(), descent.lasting.centers.of(rows)).mean().item()
    assert {row.task for batch in drawn.batches[:first] for row in batch} == {"source"}
    return far, before


def test_a_later_dataset_with_the_same_labels_comes_to_the_centers_of_the_first(base):
    (pulled, first), (left, same) = gap(base, 0.5), gap(base, 0.0)
    assert len(first) == 2  # by label, not by dataset
    assert all(torch.equal(first[answer], same[answer]) for answer in first)
    assert pulled < 0.8 * left


def test_a_training(random_base):
    def losses(**options):
        own = {"group": TaskTrain(loss="center", loss_options=options)}
        return trial(fine_tune(random_base, replace(CHEAP, overrides=own))).train_loss

    plain = trial(fine_tune(random_base, CHEAP)).train_loss
    assert losses(share=0.0) == pytest.approx(plain, rel=1e-6)
    assert losses() != pytest.approx(plain, rel=1e-3)
    assert losses(rate=0.0) != losses(rate=1.0)


OWN = {"group": TaskTrain(loss="center")}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fine_tune("x", Train(overrides={"echo": TaskTrain(loss="center")})), "'center' needs labels"),
        (lambda: Train(loss="center", loss_options={"rate": 2}), r"'rate' of loss 'center' is in \[0, 1\]; got 2"),
        (lambda: Train(loss="center", loss_options={"share": -1}), r"'share' of loss 'center' is in \[0, 1\]"),
        (lambda: Train(loss="center", loss_options={"rates": 1}), "did you mean 'rate'"),
        (lambda: Train(loss="center", processes=2), "processes 2 each see a part"),
        (
            lambda: fine_tune("x", Train(overrides=OWN, balancer=Balance("dwa"))),
            "does not go with balancer 'dwa', .* Leave that out, or give 'group' another loss",
        ),
        (
            lambda: fine_tune("x", Train(overrides=OWN, balancer=Balance(conflicts=2))),
            "does not go with train.balancer.conflicts",
        ),
        (lambda: fine_tune("x", Train(overrides=OWN, mixing=Mixing("aioli"))), "does not go with mixing 'aioli'"),
    ],
)
def test_what_does_not_suit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_datasets_with_labels_and_others_beside_them_suit():
    fine_tune("x", Train(overrides=OWN), tasks=(GROUP, ECHO))
