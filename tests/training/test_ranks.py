"""Several processes train one trial as one does, and what goes wrong in one of them ends the trial alone."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from test_decoders import made_examples
from test_fine_tune import ECHO, GROUP, TRAIN, fine_tune, run, same

from cotune import Mixture, Request
from cotune.training import Budget, Lora, Scoring
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import share_of
from cotune.training.rank import Rank

TWO = replace(TRAIN, processes=2, threads=1)
NAMES = ("group", "echo")


@pytest.fixture(scope="module")
def pair(random_base):
    evaluate = fine_tune(random_base, targets=NAMES, train=TWO, budget=Budget(steps=3), scoring=Scoring(dev_rows=4))
    yield fine_tune(random_base, targets=NAMES, budget=Budget(steps=3), scoring=Scoring(dev_rows=4)), evaluate
    evaluate.engine.ranks.close()


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("pack_tokens", [40, 512])
def test_shares_are_the_whole_batch_once(model, size, pack_tokens):
    batch = made_examples(count=12)
    decoder = ForestDecoder(model)
    shares = [share_of(decoder, batch, pack_tokens, Rank(number, size)) for number in range(size)]
    assert sorted(example.id for share in shares for pack in share for example in pack) == sorted(
        example.id for example in batch
    )
    assert all(shares[:3])  # a process may be left without, as rows share their beginnings and are not cut


@pytest.mark.slow
def test_two_processes_train_and_score_what_one_does(pair):
    alone, both = pair
    for names in (NAMES, ("group",), ()):
        one, other = run(alone, *names, seed=3), run(both, *names, seed=3)
        assert other.error is None
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
        assert one.exposure == other.exposure
        for name in NAMES:
            assert one.results[name].loss == pytest.approx(other.results[name].loss, rel=1e-4)
            assert one.results[name].score == other.results[name].score
    assert alone.settings() == both.settings()
    assert len(both.engine.ranks._helpers) == 1


@pytest.mark.slow
def test_each_process_weighs_losses_by_the_mixture_where_that_is_asked_for(random_base):
    weighing = {"targets": NAMES, "budget": Budget(steps=3), "scoring": Scoring(dev_rows=4)}
    alone, both = (fine_tune(random_base, train=replace(each, parts_of="losses"), **weighing) for each in (TRAIN, TWO))
    request = Request(Mixture.of({"group": 7, "echo": 1}), seed=3)
    ((one,), (other,)) = (list(evaluate([request])) for evaluate in (alone, both))
    both.engine.ranks.close()
    assert other.train_loss == pytest.approx(one.train_loss, rel=1e-5)
    even = run(alone, *NAMES, seed=3)
    assert even.train_loss[-1] != pytest.approx(one.train_loss[-1], rel=1e-3)


@pytest.mark.slow
def test_a_trial_repeats_itself_to_the_bit(pair):
    assert same(run(pair[1], *NAMES), run(pair[1], *NAMES))


@pytest.mark.slow
def test_an_adapter_is_trained_and_scored_together(pair):
    alone, both = pair
    adapter, expected = (evaluate.fit(Request(Mixture.of(NAMES))) for evaluate in (both, alone))
    for name, weight in expected.state.items():
        torch.testing.assert_close(adapter.state[name], weight, atol=1e-4, rtol=1e-3)
    results, wanted = both.score(adapter), alone.score(expected)
    assert list(results) == list(wanted)
    assert all(results[name].loss == pytest.approx(wanted[name].loss, rel=1e-4) for name in NAMES)


@pytest.mark.slow
def test_a_process_that_is_killed_ends_its_trial_and_others_take_its_place(pair):
    both = pair[1]
    expected = run(both, *NAMES)
    os.kill(both.engine.ranks._helpers[0].process.pid, signal.SIGKILL)
    assert "a process of the trial ended by itself (exit code -9)" in run(both, *NAMES).error
    assert same(run(both, *NAMES), expected)


@pytest.mark.slow
def test_divergence_ends_the_trial_and_the_next_is_well(random_base):
    wild = fine_tune(random_base, train=replace(TWO, lr=1e30, clip=None, warmup=0), scoring=Scoring(dev_rows=2))
    assert run(wild, "group").error.startswith("diverged: ")
    assert run(wild).error is None
    assert wild.engine.ranks._helpers == []


@pytest.mark.slow
def test_a_study_with_more_processes_than_packs_works(random_base):
    three = fine_tune(random_base, train=replace(TWO, processes=3, batch_examples=2), budget=Budget(steps=2))
    one = fine_tune(random_base, train=replace(TRAIN, batch_examples=2), budget=Budget(steps=2))
    assert run(three, "group").train_loss == pytest.approx(run(one, "group").train_loss, rel=1e-5)
    three.engine.ranks.close()


def test_dropout_would_differ_and_is_refused(random_base):
    with pytest.raises(ValueError, match=r"lora\.dropout must be 0"):
        fine_tune(random_base, tasks=(GROUP, ECHO), train=TWO, lora=Lora(dropout=0.1))
