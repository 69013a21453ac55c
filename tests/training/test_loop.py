"""The loop takes the same steps however a batch is cut into packs, and stops when it diverges."""

import pytest
import torch
from test_decoders import made_examples
from tiny import to_the_end

from cotune.training import Lora, Train
from cotune.training.errors import TrialError
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import Descent, rate
from cotune.training.lora import adapted
from cotune.training.memory import within_memory
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.trunk import Trunk

TRAIN = Train(lr=1e-2)


def trained(model, decoder, *, pack_tokens=10**6, train=TRAIN):
    examples = made_examples(count=12)
    batches = [examples[:4], examples[4:8], examples[8:]]
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        descent = Descent(
            decoder, trainee.parameters, batches, train=train, pack_tokens=pack_tokens, progress=lambda *_: None
        )
        return to_the_end(descent), trainee.state()


@pytest.mark.parametrize("make", [lambda m: ForestDecoder(m, Trunk(m, 2)), ForestDecoder, PaddedDecoder])
@pytest.mark.parametrize("pack_tokens", [1, 60, 10**6])
def test_neither_packs_nor_the_decoder_change_the_training(model, make, pack_tokens):
    losses, state = trained(model, make(model), pack_tokens=pack_tokens)
    expected_losses, expected_state = trained(model, PaddedDecoder(model))
    assert losses == pytest.approx(expected_losses, rel=1e-3)
    for name, weight in state.items():
        torch.testing.assert_close(weight, expected_state[name], atol=2e-3, rtol=1e-2)


def test_the_rate_rises_then_falls():
    for schedule in ("linear", "cosine"):
        train = Train(lr=1.0, schedule=schedule, warmup=0.25)
        rates = [rate(step, 20, train) for step in range(1, 21)]
        assert rates[:5] == sorted(rates[:5])
        assert max(rates) == rates[4] == 1.0
        assert rates[4:] == sorted(rates[4:], reverse=True)
        assert rates[-1] > 0
    assert rate(7, 20, Train(lr=1.0, schedule="constant", warmup=0)) == 1.0
    assert rate(1, 1, Train(lr=1.0, warmup=0)) == 1.0


def test_a_loss_that_is_not_finite_ends_the_trial_at_that_step(model):
    with pytest.raises(TrialError, match=r"diverged: (loss|gradient) is (nan|inf) at step 2"):
        trained(model, ForestDecoder(model), train=Train(lr=1e30, clip=None, warmup=0))


def test_memory_that_runs_out_halves_the_packs_at_most_four_times():
    tried = []

    def work(limit, fits):
        tried.append(limit)
        if limit > fits:
            raise torch.OutOfMemoryError("no room")
        return limit

    assert within_memory(lambda limit: work(limit, 130), 512) == 128
    assert tried == [512, 256, 128]
    with pytest.raises(TrialError, match="oom: memory ran out even in packs of 32 tokens"):
        within_memory(lambda limit: work(limit, 10), 512)


def test_other_errors_are_not_taken_for_lack_of_memory():
    def work(_):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        within_memory(work, 512)
