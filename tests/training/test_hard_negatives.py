"""Rows are told from the nearest of other labels, which a bank remembers and renews once they are easy."""

import math
from dataclasses import replace

import pytest
import tiny
import torch
from test_losses import CHEAP, ECHO, GROUP, fine_tune, trial

from cotune import Mixture, Request
from cotune.training import Balance, Budget, FineTune, Lora, Mixing, TaskTrain, Train
from cotune.training.example import Example
from cotune.training.loop import Descent
from cotune.training.loss.hard_negatives import Bank, Beside, Held, Negatives, hard_negatives, is_easy
from cotune.training.loss.lasting import Kept, Lasting
from cotune.training.losses import answer_token_losses
from cotune.training.rungs import Course, Halt

CAT, DOG = (1, 0), (2, 0)
ROWS = [Example("t", "a", (5,), CAT), Example("t", "b", (5,), CAT), Example("t", "c", (5,), DOG)]
STATES = torch.tensor([[2.0, 0.0], [3.0, 4.0], [0.0, 0.5]])  # at length 1: (1, 0), (0.6, 0.8), (0, 1)
LABELS = torch.tensor([0, 0, 1])
NOTHING = Beside(torch.zeros(0, 2), torch.zeros(3, 0, dtype=torch.bool), torch.zeros(3, 0, dtype=torch.bool))
OPTIONS = {"negatives": 2, "every": 3}
TRAIN = Train(loss="hard_negatives", loss_options=OPTIONS)


def test_the_loss_in_numbers():
    """Cosines in the batch: ab 0.6, ac 0, bc 0.8. A dog at (0.8, 0.6) that a holds is 0.8 from it and 0.6 from c."""
    one = torch.ones(1, 3, dtype=torch.bool)
    beside = Beside(torch.tensor([[0.8, 0.6]]), (one & torch.tensor([True, False, False])).T, (LABELS == 1)[:, None])
    expected = [
        math.log((math.exp(0.6) + 1 + math.exp(0.8)) / math.exp(0.6)),  # b against c and what a holds: 1.0189
        math.log((math.exp(0.6) + math.exp(0.8)) / math.exp(0.6)),  # a against c: 0.7981
        math.log((math.exp(0.6) + 1 + math.exp(0.8)) / math.exp(0.6)),  # what a holds against a and b
    ]
    assert expected == pytest.approx([1.01892, 0.79814, 1.01892], abs=1e-5)
    assert hard_negatives(STATES, LABELS, beside, temperature=1.0).tolist() == pytest.approx(expected, rel=1e-6)
    half = hard_negatives(STATES, LABELS, NOTHING, temperature=0.5).tolist()
    assert half == pytest.approx([math.log(1 + math.exp(-1.2)), math.log(1 + math.exp(0.4)), 0.0], rel=1e-6)


def by_hand(states, labels, beside, temperature):
    """Gives the same, pair by pair."""

    def near(one, two):
        return math.exp(float(one @ two) / temperature)

    unit = [state / state.norm() for state in states]
    kept = range(len(beside.states))
    found = []
    for i, anchor in enumerate(unit):
        others = [j for j in range(len(unit)) if j != i]
        against = sum(near(anchor, unit[j]) for j in others if labels[j] != labels[i])
        against += sum(near(anchor, beside.states[k]) for k in kept if beside.holds[i, k])
        like = [near(anchor, unit[j]) for j in others if labels[j] == labels[i]]
        like += [near(anchor, beside.states[k]) for k in kept if beside.alike[i, k]]
        found.append(sum(math.log((each + against) / each) for each in like) / max(len(like), 1))
    return found


def test_the_loss_is_the_same_pair_by_pair_and_its_slope_that_of_finite_differences():
    rng = torch.Generator().manual_seed(0)
    states = torch.randn(6, 4, generator=rng, dtype=torch.float64).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 1, 2])  # the last is alone, but for what is beside
    kept = torch.nn.functional.normalize(torch.randn(5, 4, generator=rng, dtype=torch.float64), dim=1)
    alike = labels[:, None] == torch.tensor([0, 1, 2, 2, 3])[None]
    beside = Beside(kept, ~alike & (torch.rand(6, 5, generator=rng) < 0.5), alike)
    found = hard_negatives(states, labels, beside, temperature=0.3)
    assert found.tolist() == pytest.approx(by_hand(states.detach(), labels, beside, 0.3), rel=1e-9)
    assert torch.autograd.gradcheck(lambda rows: hard_negatives(rows, labels, beside, temperature=0.3), states)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [0, 0, 1]])
def test_rows_without_like_or_unlike_ones_cost_nothing_and_have_a_finite_slope(labels):
    states = STATES.clone().requires_grad_()
    loss = hard_negatives(states, torch.tensor(labels), NOTHING, temperature=0.1)
    assert all(cost == 0 for cost in loss.tolist()) == (labels != [0, 0, 1])
    (slope,) = torch.autograd.grad(loss.sum(), states)
    assert torch.isfinite(slope).all()


def at(*degrees):
    angle = torch.tensor(degrees).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def cos(degrees):
    return math.cos(math.radians(degrees))


def row(name):
    return Example("t", name, (5,), CAT if name.startswith("cat") else DOG)


def show(negatives, *shown):
    """Shows a batch of (name, degrees) and gives the bank, with what the cat holds by name and its mean score."""
    negatives.see([row(name) for name, _ in shown], at(*(degrees for _, degrees in shown)), TRAIN)
    bank = negatives.banks["t"]
    names = list(bank.places)
    return bank, [names[place] for place in bank.held["cat"].places], bank.held["cat"].score


def test_negatives_are_renewed_once_they_are_easy():
    """Two negatives, looked at every three batches, and only when their row is there."""
    negatives = Negatives()
    bank, held, first = show(negatives, ("cat", 0), ("dog1", 30), ("dog2", 60), ("dog3", 90))
    assert held == ["dog1", "dog2"]
    assert first == pytest.approx((cos(30) + cos(60)) / 2)  # 0.683
    assert [len(bank.held[name].places) for name in ("dog1", "dog2", "dog3")] == [1, 1, 1]  # there is but one cat
    assert show(negatives, ("cat", 0), ("dog3", 10))[1] == ["dog1", "dog2"]  # nearer, but no look is due
    show(negatives, ("dog1", 35))
    bank, held, score = show(negatives, ("cat", 0))  # a look: 1.15 x (0.819 + 0.5) / 2 > 0.683, they are still hard
    assert (held, score, bank.held["cat"].step) == (["dog1", "dog2"], first, 4)
    show(negatives, ("dog1", 60), ("dog2", 90))
    assert show(negatives, ("cat", 0))[1] == ["dog1", "dog2"]  # two batches since
    bank, held, score = show(negatives, ("cat", 0))  # 1.15 x (0.5 + 0) / 2 < 0.683
    assert held == ["dog3", "dog1"]
    assert score == pytest.approx((cos(10) + cos(60)) / 2)
    assert bank.held["cat"].step == 7


def test_what_is_near_stays_hard_however_near_it_was():
    """Of mean scores 0.985 when chosen: 0.819 is not easy since it is over 0.8, 0.788 is."""
    negatives = Negatives()
    assert show(negatives, ("cat", 0), ("dog1", 10), ("dog2", -10), ("dog3", 20))[1] == ["dog1", "dog2"]
    show(negatives, ("dog3", 30))
    show(negatives, ("dog1", 35), ("dog2", -35))
    bank, held, _ = show(negatives, ("cat", 0))
    assert (held, bank.held["cat"].step) == (["dog1", "dog2"], 4)
    assert 1.15 * cos(35) < cos(10)  # it is the bound that holds them
    show(negatives, ("dog1", 38), ("dog2", -38))
    show(negatives, ("dog1", 38))
    assert show(negatives, ("cat", 0))[1] == ["dog3", "dog1"]
    assert not is_easy(-0.9, -0.1)


def test_a_row_that_has_too_few_chooses_whenever_it_is_seen():
    negatives = Negatives()
    assert show(negatives, ("cat", 0))[1] == []
    assert show(negatives, ("cat", 0), ("dog1", 40))[1] == ["dog1"]
    assert show(negatives, ("cat", 0), ("dog2", 20))[1] == ["dog2", "dog1"]


def test_what_is_held_and_in_the_batch_counts_there_alone():
    negatives = Negatives()
    show(negatives, ("cat", 0), ("dog1", 10), ("dog2", 20))
    beside = negatives.of([row("cat"), row("dog1")])
    assert torch.equal(beside.states, negatives.banks["t"].states[2:3])
    assert beside.holds.tolist() == [[True], [False]]
    assert beside.alike.tolist() == [[False], [True]]


def test_a_bank_has_the_state_last_seen_of_each_row_of_its_dataset():
    negatives = Negatives()
    other = Train(overrides={"t": TaskTrain(loss="hard_negatives"), "u": TaskTrain(loss="hard_negatives")})
    states = STATES.clone().requires_grad_()
    negatives.see([*ROWS, *(replace(each, task="u") for each in ROWS[:1])], torch.cat([states, -states[:1]]), other)
    negatives.see([ROWS[0], replace(ROWS[0], id="d")], torch.tensor([[0.0, 3.0], [5.0, 0.0]]), other)
    negatives.see([replace(ROWS[0], task="plain")], STATES[:1], other)
    assert set(negatives.banks) == {"t", "u"}
    bank = negatives.banks["t"]
    assert list(bank.places) == ["a", "b", "c", "d"]
    torch.testing.assert_close(bank.states, torch.tensor([[0, 1], [0.6, 0.8], [0, 1], [1, 0]]))
    assert bank.labels.tolist() == [0, 0, 1, 0]
    assert not bank.states.requires_grad
    assert negatives.banks["u"].states.tolist() == [[-1.0, 0.0]]
    assert (bank.step, negatives.banks["u"].step) == (2, 1)


def test_a_row_that_is_twice_in_a_batch_is_one_row_of_the_bank():
    negatives = Negatives()
    bank, held, _ = show(negatives, ("cat", 0), ("dog1", 80), ("dog1", 20))
    assert held == ["dog1"]
    assert bank.states[bank.places["dog1"]].tolist() == pytest.approx(at(20)[0].tolist())


def test_it_is_mixed_with_the_cross_entropy():
    logits = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    plain, lasting = answer_token_losses(logits, ROWS, Train()), Lasting()
    lasting.see(ROWS, STATES, TRAIN)
    each = hard_negatives(STATES, LABELS, NOTHING, temperature=0.1).repeat_interleave(2)
    for share in (0.0, 0.3, 1.0):
        train = replace(TRAIN, loss_options={**OPTIONS, "share": share})
        found = answer_token_losses(logits, ROWS, train, states=STATES, lasting=lasting)
        torch.testing.assert_close(found, (1 - share) * plain + share * each)
    torch.testing.assert_close(answer_token_losses(logits, ROWS, TRAIN, states=STATES), plain)  # no step of a training


def test_a_copy_stays_and_goes_on_as_the_other_would():
    one, two = Lasting(), Lasting()
    one.see(ROWS, STATES, TRAIN)
    copy = one.state()
    two.load(copy)
    for lasting in (one, two):
        lasting.see(ROWS[:2], -STATES[:2], TRAIN)
    torch.testing.assert_close(copy.banks["t"].states, torch.tensor([[1, 0], [0.6, 0.8], [0, 1]]))
    assert copy.banks["t"].step == 1
    assert torch.equal(one.state().banks["t"].states, two.state().banks["t"].states)
    assert one.state().banks["t"].held == two.state().banks["t"].held
    assert one.state().banks["t"].held["a"] == Held((2,), 0.0, 2)


def test_what_a_bank_takes_counts_in_a_halt():
    bank = Bank(torch.zeros(3, 5), torch.zeros(3, dtype=torch.long))
    assert Halt(Course(()), {}, {}, torch.zeros(1), kept=Kept(banks={"t": bank})).nbytes == 3 * 5 * 4 + 3 * 8


def apart(model, loss, **options):
    """Gives by how much the dev rows of a label lie nearer to each other than to the other's, in cosines."""
    train = Train(lr=5e-3, batch_examples=6, max_length=96, loss=loss, loss_options=options)
    task = tiny.group_task()
    settings = {"targets": ["group"], "budget": Budget(steps=80), "lora": Lora(layers="top-2"), "train": train}
    engine = FineTune(model, [task], **settings).engine
    drawn = engine.plan(Request(Mixture.of(["group"])))
    with engine._adapted(seed=0) as trainee:
        parameters, quiet = trainee.parameters, {"pack_tokens": 512, "progress": lambda *_: None}
        Descent(engine._decoder, parameters, drawn.batches, train=train, **quiet).advance(len(drawn.batches))
        (exam,) = engine.exams("dev", None)
        with torch.no_grad():
            unit = torch.nn.functional.normalize(engine._decoder.read_states(exam.examples)[1].float(), dim=1)
    labels = torch.tensor([example.answer[0] for example in exam.examples])
    near, alike = unit @ unit.T, labels[:, None] == labels[None]
    return float(near[alike & ~torch.eye(len(labels), dtype=torch.bool)].mean() - near[~alike].mean())


def test_labels_come_to_lie_apart_and_more_so_with_hard_negatives_than_with_the_batch_alone(base):
    plain, batch = apart(base, "cross_entropy"), apart(base, "hard_negatives", negatives=0)
    assert batch > plain + 0.3
    assert apart(base, "hard_negatives") > batch + 0.2


def test_a_training(random_base):
    def losses(**options):
        own = {"group": TaskTrain(loss="hard_negatives", loss_options=options)}
        return trial(fine_tune(random_base, replace(CHEAP, overrides=own))).train_loss

    plain = trial(fine_tune(random_base, CHEAP)).train_loss
    assert losses(share=0.0) == pytest.approx(plain, rel=1e-6)
    assert losses() != pytest.approx(plain, rel=1e-3)
    assert losses(negatives=0) != losses(negatives=4)


OWN = {"group": TaskTrain(loss="hard_negatives")}


def options(**given):
    return Train(loss="hard_negatives", loss_options=given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: fine_tune("x", Train(overrides={"echo": TaskTrain(loss="hard_negatives")})),
            "'hard_negatives' needs labels; dataset 'echo' is of kind 'generation'",
        ),
        (lambda: options(negatives=2.5), "'negatives' of loss 'hard_negatives' is a whole number; got 2.5"),
        (lambda: options(negatives=-1), r"'negatives' of loss 'hard_negatives' is in \[0, 1e\+06\]; got -1"),
        (lambda: options(every=0), r"'every' of loss 'hard_negatives' is in \[1, 1e\+06\]; got 0"),
        (lambda: options(temperature=0), r"'temperature' of loss 'hard_negatives' is in \[1e-06"),
        (lambda: options(share=2), r"'share' of loss 'hard_negatives' is in \[0, 1\]"),
        (lambda: options(negative=2), "did you mean 'negatives'"),
        (lambda: Train(loss="hard_negatives", processes=2), "processes 2 each see a part"),
        (
            lambda: fine_tune("x", Train(overrides=OWN, balancer=Balance("dwa"))),
            "Loss 'hard_negatives' .* does not go with balancer 'dwa', .* or give 'group' another loss",
        ),
        (lambda: fine_tune("x", Train(overrides=OWN, mixing=Mixing("aioli"))), "does not go with mixing 'aioli'"),
    ],
)
def test_what_does_not_suit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_datasets_with_labels_and_others_beside_them_suit():
    fine_tune("x", Train(overrides=OWN), tasks=(GROUP, ECHO))
