"""The feed draws what a plan draws where shares stay, and follows them where they change."""

from dataclasses import replace

import numpy as np
import pytest

from cotune import Mixture, Request
from cotune.training import Budget, SizePolicy, TaskTrain, Train
from cotune.training.draws import order
from cotune.training.example import Example
from cotune.training.goal import Goal
from cotune.training.mix.feed import Ledger, Line, fed
from cotune.training.mix.gradient import amounts
from cotune.training.mixing import plan

LENGTHS = {"a": 30, "b": 11, "c": 7}
ROWS = {"a": 40, "b": 90, "c": 25}
REQUEST = Request(Mixture.of({"a": 2, "b": 1, "c": 1}), seed=3)


def pool():
    rng = np.random.default_rng(0)

    def example(name, number):
        return Example(name, f"{name}{number}", (1,) * (LENGTHS[name] + int(rng.integers(9))), (2, 3))

    return {name: [example(name, number) for number in range(ROWS[name])] for name in LENGTHS}


def lines_of(rows, *, draw=None, cap=np.inf, seed=3):
    draw = draw or {}
    return [
        Line(order(rows[name], seed, name), draw=draw.get(name, 1), cap=max(np.floor(cap * len(rows[name])), 1))
        for name in sorted(rows)
    ]


def batches_of(lines, shares, until, unit="tokens"):
    """Gives the batches by the shares of each step, and the last ledger."""
    ledger, made = Ledger.empty(np.array(shares[0], dtype=np.float64)), []
    for step, amount in enumerate(until):
        wanted = np.array(shares[min(step, len(shares) - 1)], dtype=np.float64)
        batch, ledger = fed(lines, ledger, wanted, np.full(3, 1 / 3), until=amount, unit=unit)
        made.append(tuple(batch))
    return made, ledger


@pytest.mark.parametrize(
    ("budget", "train", "unit"),
    [
        (Budget(tokens=3000), Train(batch_tokens=200), "tokens"),
        (Budget(tokens=3000), Train(batch_examples=7), "tokens"),
        (Budget(examples=150), Train(batch_tokens=300), "examples"),
        (Budget(steps=12), Train(batch_examples=8), "examples"),
        (Budget(steps=12), Train(batch_tokens=150, overrides={"b": TaskTrain(draw=4)}), "tokens"),
    ],
)
@pytest.mark.parametrize("policy", [SizePolicy(), SizePolicy("proportional"), SizePolicy(cap_epochs=1.5)])
def test_shares_that_stay_give_the_batches_of_the_plan(budget, train, unit, policy):
    rows = pool()
    drawn = plan(REQUEST, rows, budget=budget, policy=policy, train=train)
    shares = Goal.of(REQUEST, rows, budget, policy, train).shares
    draw = {name: train.of(name).draw for name in rows}
    lines = lines_of(rows, draw=draw, cap=policy.cap_epochs or np.inf)
    made, _ = batches_of(lines, [[shares[name] for name in sorted(rows)]], amounts(drawn.batches, unit), unit)
    assert tuple(made) == drawn.batches


def test_tokens_follow_the_shares_of_each_step():
    """After any step each task has had the sum of its shares of the tokens, to within a draw of each."""
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(3), size=60)
    until = [100.0 * (step + 1) for step in range(60)]
    rows, lines = pool(), lines_of(pool())
    ledger, owed, total = Ledger.empty(shares[0]), np.zeros(3), 0.0
    for wanted, amount in zip(shares, until, strict=True):
        _, ledger = fed(lines, ledger, wanted, wanted, until=amount, unit="tokens")
        owed += wanted * (ledger.tokens.sum() - total)
        total = ledger.tokens.sum()
        assert abs(total - amount) <= 40
        assert np.abs(ledger.tokens - owed).max() <= 3 * max(e.tokens for name in rows for e in rows[name])


def test_rows_keep_the_order_of_the_plan_whatever_the_shares():
    shares = np.random.default_rng(2).dirichlet(np.ones(3), size=30)
    made, _ = batches_of(lines_of(pool()), shares, [150.0 * (step + 1) for step in range(30)])
    drawn = plan(REQUEST, pool(), budget=Budget(tokens=9000), policy=SizePolicy(), train=Train())
    for name in LENGTHS:
        mine = [example.id for batch in made for example in batch if example.task == name]
        known = [example.id for example in drawn.examples if example.task == name]
        assert mine[: len(known)] == known[: len(mine)]


def test_a_share_of_1_makes_a_batch_of_one_task_and_of_0_none():
    made, _ = batches_of(lines_of(pool()), [[1, 0, 0], [0, 0, 1], [0.5, 0.5, 0]], [200.0, 400.0, 800.0])
    assert [sorted({example.task for example in batch}) for batch in made] == [["a"], ["c"], ["a", "b"]]


def test_caps_hold_and_others_take_over_until_nothing_is_left():
    made, ledger = batches_of(lines_of(pool(), cap=1.0), [[0, 0, 1]], [500.0 * (step + 1) for step in range(12)])
    assert ledger.counts.tolist() == [40, 90, 25]
    assert {example.task for example in made[0]} == {"c", "a", "b"}  # c's rows are 300 tokens
    assert made[-1] == ()


def test_a_ledger_goes_on_from_where_another_was():
    shares = np.random.default_rng(3).dirichlet(np.ones(3), size=10)
    until = [130.0 * (step + 1) for step in range(10)]
    whole, last = batches_of(lines_of(pool()), shares, until)
    _, half = batches_of(lines_of(pool()), shares[:5], until[:5])
    lines, rest, ledger = lines_of(pool()), [], replace(half)
    for wanted, amount in zip(shares[5:], until[5:], strict=True):
        batch, ledger = fed(lines, ledger, wanted, wanted, until=amount, unit="tokens")
        rest.append(tuple(batch))
    assert rest == whole[5:]
    assert ledger.amount == last.amount
