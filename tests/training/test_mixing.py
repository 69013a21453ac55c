"""Plans keep the budget, give every task its share, and depend on the seed alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotune import Mixture, Request
from cotune.training import Budget, SizePolicy, TaskTrain, Train
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.mixing import plan


def examples(name, rows, low=20, high=60):
    rng = np.random.default_rng(len(name) + rows)
    return [Example(name, f"{name}{i}", tuple(range(int(rng.integers(low, high)))), (1, 2, 0)) for i in range(rows)]


POOL = {"long": examples("long", 200, 80, 120), "short": examples("short", 900, 10, 30), "tiny": examples("tiny", 30)}

EQUAL, TRAIN = SizePolicy(), Train()


def draw(parts, budget, *, policy=EQUAL, train=TRAIN, seed=0, fidelity=1.0, pool=POOL):
    request = Request(Mixture.of(parts), seed, fidelity)
    return plan(request, pool, budget=budget, policy=policy, train=train)


def token_shares(drawn):
    total = sum(exposure.tokens for exposure in drawn.exposure.values())
    return {name: exposure.tokens / total for name, exposure in drawn.exposure.items()}


@settings(max_examples=60, deadline=None)
@given(
    parts=st.dictionaries(st.sampled_from(sorted(POOL)), st.integers(1, 4), min_size=1),
    tokens=st.integers(10_000, 60_000),
    seed=st.integers(0, 5),
    batch=st.sampled_from([256, 1024, 3000]),
)
def test_tokens_are_kept_within_one_percent_and_shares_within_two(parts, tokens, seed, batch):
    drawn = draw(parts, Budget(tokens=tokens), seed=seed, train=Train(batch_tokens=batch))
    total = sum(exposure.tokens for exposure in drawn.exposure.values())
    assert abs(total - tokens) <= 0.01 * tokens
    counts = Mixture.of(parts).to_json()
    for name, share in token_shares(drawn).items():
        assert share == pytest.approx(counts[name] / sum(counts.values()), abs=0.02)


@settings(max_examples=30, deadline=None)
@given(parts=st.dictionaries(st.sampled_from(sorted(POOL)), st.integers(1, 3), min_size=1), steps=st.integers(5, 40))
def test_a_budget_of_steps_buys_the_same_tokens_for_every_mixture(parts, steps):
    drawn = draw(parts, Budget(steps=steps), train=Train(batch_tokens=512))
    assert len(drawn.batches) == steps
    assert sum(exposure.tokens for exposure in drawn.exposure.values()) == pytest.approx(512 * steps, abs=125)


def test_a_budget_of_examples_counts_examples():
    drawn = draw(["long", "short"], Budget(examples=333), train=Train(batch_examples=10))
    assert len(drawn.examples) == 333
    assert {len(batch) for batch in drawn.batches[:-1]} == {10}


def test_proportional_and_temperature_shares_follow_the_sizes():
    sizes = {name: sum(example.tokens for example in rows) for name, rows in POOL.items()}
    for policy, power in ((SizePolicy("proportional"), 1.0), (SizePolicy("temperature", temperature=2.0), 0.5)):
        drawn = draw(list(POOL), Budget(tokens=60_000), policy=policy)
        raised = {name: size**power for name, size in sizes.items()}
        for name, share in token_shares(drawn).items():
            assert share == pytest.approx(raised[name] / sum(raised.values()), abs=0.01)


def test_epochs_make_parts_repeats():
    drawn = draw({"long": 1, "tiny": 3}, Budget(epochs=2))
    assert drawn.exposure["long"].examples == 2 * 200
    assert drawn.exposure["tiny"].examples == 6 * 30
    assert drawn.exposure["tiny"].epochs == 6.0


def test_a_cap_on_epochs_hands_the_rest_to_the_others():
    drawn = draw(["long", "tiny"], Budget(tokens=20_000), policy=SizePolicy(cap_epochs=2))
    assert drawn.exposure["tiny"].epochs == pytest.approx(2, abs=0.1)
    assert sum(exposure.tokens for exposure in drawn.exposure.values()) == pytest.approx(20_000, rel=0.01)
    spots = [index for index, batch in enumerate(drawn.batches) if any(example.task == "tiny" for example in batch)]
    assert max(spots) > 0.8 * len(drawn.batches)  # spread over the training, not used up at its start


def test_a_cap_that_binds_everywhere_ends_early():
    drawn = draw(["tiny"], Budget(tokens=20_000), policy=SizePolicy(cap_epochs=2))
    assert drawn.exposure["tiny"].examples == 60


def test_tasks_are_mixed_within_batches():
    drawn = draw(["long", "short"], Budget(tokens=20_000), train=Train(batch_tokens=1024))
    for batch in drawn.batches:
        mine = sum(example.tokens for example in batch if example.task == "long")
        assert mine / sum(example.tokens for example in batch) == pytest.approx(0.5, abs=0.15)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.dictionaries(st.sampled_from(sorted(POOL)), st.integers(1, 3), min_size=2),
    seed=st.integers(0, 5),
    size=st.sampled_from([3000, 6000]),
)
def test_every_batch_holds_each_task_by_its_share(parts, seed, size):
    """A task is never ahead of its share by more than a row, nor behind by more than the others are ahead."""
    longest = max(example.tokens for rows in POOL.values() for example in rows)
    drawn = draw(parts, Budget(tokens=40_000), seed=seed, train=Train(batch_tokens=size))
    counts = Mixture.of(parts).to_json()
    for batch in drawn.batches:
        for name, count in counts.items():
            mine = sum(example.tokens for example in batch if example.task == name)
            due = count / sum(counts.values()) * sum(example.tokens for example in batch)
            assert abs(mine - due) <= len(counts) * longest


def test_a_task_can_have_its_own_batch_size():
    train = Train(batch_tokens=1024, overrides={"short": TaskTrain(draw=6)})
    drawn = draw(["long", "short"], Budget(tokens=20_000), train=train)
    assert all(sum(example.task == "short" for example in batch) % 6 == 0 for batch in drawn.batches)
    assert token_shares(drawn)["short"] == pytest.approx(0.5, abs=0.02)


def test_a_shared_task_shows_its_rows_in_the_same_order_in_every_mixture():
    def order(parts):
        return [example.id for example in draw(parts, Budget(tokens=20_000)).examples if example.task == "long"]

    alone, together = order(["long"]), order(["long", "short"])
    assert alone[: len(together)] == together


def test_every_pass_shows_every_row_once_in_a_new_order():
    drawn = draw(["tiny"], Budget(epochs=3))
    passes = [[example.id for example in drawn.examples[start : start + 30]] for start in (0, 30, 60)]
    assert len({tuple(ids) for ids in passes}) == 3
    assert len({tuple(sorted(ids)) for ids in passes}) == 1


def test_the_seed_alone_decides():
    assert draw(["long", "tiny"], Budget(tokens=9000), seed=3) == draw(["long", "tiny"], Budget(tokens=9000), seed=3)
    assert draw(["long", "tiny"], Budget(tokens=9000), seed=3) != draw(["long", "tiny"], Budget(tokens=9000), seed=4)


def test_fidelity_is_a_fraction_of_the_budget():
    assert len(draw(["long"], Budget(steps=40), fidelity=0.25).batches) == 10


def test_a_small_rest_joins_the_last_batch():
    drawn = draw(["short"], Budget(tokens=10_400), train=Train(batch_tokens=1000))
    sizes = [sum(example.tokens for example in batch) for batch in drawn.batches]
    assert len(sizes) == 10
    assert sizes[-1] > 1300


def test_a_task_without_rows_ends_the_trial():
    with pytest.raises(TrialError, match=r"No train rows .*'none'"):
        draw(["long", "none"], Budget(steps=3), pool={**POOL, "none": []})
