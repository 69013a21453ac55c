"""What the trainer exposes: to balancers (H1, H2, H7 and H11), seen by one that only listens, and of modules (H12).

docs/engine.md has the table of all hooks and their tests.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from test_balance_training import CHEAP, balanced, balanced_gradient, batches
from test_decoders import made_examples
from torch.nn.functional import cross_entropy

from cotune.training import Lora
from cotune.training.balance.contract import Answer
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import Descent
from cotune.training.lora import adapted
from cotune.training.padded_decoder import PaddedDecoder


@dataclass(frozen=True)
class Listener:
    """A balancer that keeps what it is told, and says what it is told to say."""

    answers: tuple[Answer, ...]
    heard: list = field(default_factory=list)
    needs: ClassVar = frozenset({"losses", "confidences"})

    def start(self, tasks):
        return {}

    def weigh(self, signals, state):
        self.heard.append(signals)
        return self.answers[signals.step - 1], state


def listened(model, answers):
    """Gives what a listener heard in three steps, the gradient before each, and each row's loss before its step."""
    losses, pulls = [], []
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        listener = Listener(tuple(answers))
        gradient = replace(balanced_gradient(model, trainee, balanced("mftcoder")), balancer=listener)

        def step_of(batch, step):
            losses.append(alone(model, batch))
            loss = gradient(batch, step)
            pulls.append(torch.cat([parameter.grad.flatten() for parameter in trainee.parameters]))
            return loss

        step_of.needs = gradient.needs
        descent = Descent(
            gradient.decoder,
            trainee.parameters,
            batches(),
            train=CHEAP,
            pack_tokens=10**6,
            progress=lambda *_: None,
            balanced=step_of,
        )
        descent.advance(3)
    return listener.heard, pulls, losses, gradient


def alone(model, batch):
    """The mean loss of each row, measured one by one on the plain path."""
    with torch.no_grad():
        rows = sorted(batch, key=lambda row: row.task)
        return [float(cross_entropy(PaddedDecoder(model).logits([row]), torch.tensor(row.answer))) for row in rows]


def uniform(weights=(1 / 3, 1 / 3, 1 / 3)):
    return Answer(weights=np.array(weights))


@pytest.fixture
def told(model):
    return listened(model, [uniform()] * 3)


def test_h1_losses_of_single_examples_with_their_dataset(told):
    heard, _, losses, _ = told
    for signals, batch, expected in zip(heard, batches(), losses, strict=True):
        rows = sorted(batch, key=lambda row: row.task)
        assert [signals.tasks.names[owner] for owner in signals.owner] == [row.task for row in rows]
        assert signals.tokens.tolist() == [len(row.answer) for row in rows]
        np.testing.assert_allclose(signals.example_losses, expected, atol=1e-4)


def test_h2_losses_of_tasks_at_each_step(told):
    heard, _, _, _ = told
    for signals, before in zip(heard, [None, *heard], strict=False):
        for task in np.unique(signals.owner):
            mine = signals.owner == task
            mean = signals.tokens[mine] @ signals.example_losses[mine] / signals.tokens[mine].sum()
            assert signals.losses[task] == pytest.approx(mean)
        absent = ~signals.present
        assert before is None or np.array_equal(signals.losses[absent], before.losses[absent])


def test_h7_weights_of_tasks_and_of_examples_can_change_at_any_step(model):
    """Weights of a step do to its gradient what they say; weights of examples say the same as those of their tasks."""
    first, second = uniform((0.5, 0.3, 0.2)), uniform((0.0, 1.0, 0.0))
    heard, pulls, _, _ = listened(model, [first, second, uniform()])
    signals = heard[0]
    total = np.bincount(signals.owner, weights=signals.tokens)
    examples = Answer(examples=first.weights[signals.owner] * signals.tokens / total[signals.owner])
    _, again, _, _ = listened(model, [examples, second, uniform()])
    torch.testing.assert_close(pulls[0], again[0], atol=1e-6, rtol=1e-4)
    parts = [listened(model, [uniform(row), second, second])[1][0] for row in np.eye(3)]
    mixed = sum(weight * part for weight, part in zip(first.weights, parts, strict=True))
    torch.testing.assert_close(pulls[0], mixed, atol=1e-6, rtol=1e-4)


def test_h11_confidence_of_single_examples_over_the_passes(told):
    """Rows of the first batch come again in the third: they have two values then, the others one."""
    heard, _, losses, gradient = told
    kept = gradient.memory.confidence.rows
    met = [sorted(batch, key=lambda row: row.task) for batch in batches()]
    for place, row in enumerate(met[0]):
        third = met[2].index(row)
        values = np.exp([-losses[0][place], -losses[2][third]])
        count, mean, spread = kept[row.task, row.id]
        assert (count, mean, spread) == pytest.approx((2, values.mean(), 2 * values.var()), abs=1e-4)
        assert heard[2].confidences[third] == pytest.approx(values.mean(), abs=1e-4)
    assert {kept[row.task, row.id][0] for row in met[1] if row not in met[0]} == {1}


def stirred(trainee):
    """Gives an adapter something to add; its second matrices begin at zero."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trainee.parameters:
            parameter.add_(0.05 * torch.randn_like(parameter))


@pytest.mark.parametrize("decoder", [ForestDecoder, PaddedDecoder])
@torch.no_grad()
def test_h12_a_hook_at_the_first_lora_factor_sees_its_output_and_what_it_gives_back_counts(model, decoder):
    """Seen is the factor times the states that the frozen layers give; ten times as much is ten times the scale."""
    example = made_examples(count=1)[0]
    states = model.module(input_ids=torch.tensor([example.ids]), output_hidden_states=True).hidden_states[2]
    seen = []

    def amplify(_, __, low):
        seen.append(low)
        return 10 * low

    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        stirred(trainee)
        part = model.layers[2].self_attn.q_proj
        expected = model.layers[2].input_layernorm(states)[0] @ part.lora_A["default"].weight.T
        plain = decoder(model).logits([example])
        hook = part.lora_A["default"].register_forward_hook(amplify)
        found = decoder(model).logits([example])
        hook.remove()
        part.scaling["default"] *= 10
        scaled = decoder(model).logits([example])
    rows = seen[0].reshape(-1, expected.shape[1])
    torch.testing.assert_close(rows, expected[: len(rows)], atol=1e-5, rtol=1e-4)
    assert len(rows) >= example.tokens - 1  # nothing is predicted from the last one
    torch.testing.assert_close(found, scaled, atol=1e-5, rtol=1e-4)
    assert float((found - plain).abs().max()) > 1e-3


@pytest.mark.parametrize("decoder", [ForestDecoder, PaddedDecoder])
@torch.no_grad()
def test_h12_a_hook_at_the_output_layer_sees_the_last_hidden_state_at_the_answer_tokens(model, decoder):
    examples, seen = made_examples(count=3), []
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        stirred(trainee)
        expected = [
            model.module(input_ids=torch.tensor([each.ids]), output_hidden_states=True).hidden_states[-1][
                0, list(each.predictors)
            ]
            for each in examples
        ]
        hook = model.module.get_output_embeddings().register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        logits = decoder(model).logits(examples)
        hook.remove()
        below, top, _ = decoder(model).parted(examples)
    for each in (*seen, below, top):
        torch.testing.assert_close(each.flatten(0, -2), torch.cat(expected), atol=1e-5, rtol=1e-4)
    head = model.module.get_output_embeddings().weight
    torch.testing.assert_close(logits, torch.cat(expected) @ head.T, atol=1e-5, rtol=1e-4)
