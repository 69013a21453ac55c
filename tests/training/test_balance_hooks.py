"""What a balancer asks for is what it says: gradients at a hidden state, ahead, of held-out rows, without dropout."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
from test_balance_training import CHEAP, GROUP, balanced, balanced_gradient, batches, fine_tune, run
from test_decoders import made_examples

from cotune import Mixture, Request
from cotune.training import Balance, Budget, Lora, Scoring, TaskTrain, Train
from cotune.training.balance.ahead import again, chance, shifted
from cotune.training.balance.contract import Answer
from cotune.training.balance.gradient import BalancedGradient
from cotune.training.errors import TrialError
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted, still
from cotune.training.losses import answer_token_losses
from cotune.training.padded_decoder import PaddedDecoder
from cotune.trial import Stop

BATCH = sorted(batches()[0], key=lambda example: example.task)
WANTED = np.array([0.2, 0.5, 0.3])
COMPARING = replace(CHEAP, balancer=Balance("multibalance"), overrides={"group": TaskTrain(loss="contrastive")})


@dataclass(frozen=True)
class Listening:
    """A balancer that gives fixed weights and keeps what it was told."""

    needs: frozenset[str]
    heard: list = None

    def start(self, tasks):
        return {}

    def weigh(self, signals, state):
        self.heard.append(signals)
        ahead = signals.ahead(torch.zeros_like(signals.gradients)) if "ahead" in self.needs else None
        self.heard.append(ahead)
        return Answer(weights=WANTED), state


def listening(model, trainee, needs, *, decoder=ForestDecoder, train=CHEAP, pack_tokens=10**6):
    plain = balanced_gradient(model, trainee, balanced("dwa"), pack_tokens=pack_tokens)
    return BalancedGradient(
        Listening(frozenset(needs), []),
        plain.tasks,
        decoder(model),
        trainee.parameters,
        train,
        pack_tokens,
        steps=3,
        seed=0,
        held=plain.held,
        still=partial(still, trainee),
    )


def mean_losses(decoder, batch):
    """Gives the mean loss per answer token of each task, with its graph."""
    losses = answer_token_losses(decoder.logits(batch), batch, CHEAP)
    owner = np.array([example.task for example in batch for _ in example.answer])
    return [losses[torch.from_numpy(owner == name)].mean() for name in "abc"]


def gradient_of(loss, parameters):
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters, retain_graph=True)])


def taken(parameters):
    return torch.cat([parameter.grad.flatten() for parameter in parameters])


@pytest.mark.parametrize("decoder", [ForestDecoder, PaddedDecoder])
@pytest.mark.parametrize("pack_tokens", [60, 10**6])
def test_a_gradient_at_the_hidden_state_is_the_slope_of_a_loss_by_a_shift_of_that_state(model, decoder, pack_tokens):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        shift = torch.zeros(32, requires_grad=True)
        hook = model.module.get_output_embeddings().register_forward_pre_hook(lambda _, given: (given[0] + shift,))
        expected = [
            torch.autograd.grad(loss, shift, retain_graph=True)[0] for loss in mean_losses(decoder(model), BATCH)
        ]
        hook.remove()
        gradient = listening(model, trainee, {"gradients", "hidden"}, decoder=decoder, pack_tokens=pack_tokens)
        gradient(BATCH, 1)
    torch.testing.assert_close(gradient.balancer.heard[0].gradients, torch.stack(expected), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("decoder", [ForestDecoder, PaddedDecoder])
@pytest.mark.parametrize("needs", [{"gradients", "hidden"}, {"gradients"}, {"saliency"}])
def test_merging_at_the_hidden_state_gives_the_weighted_sum_of_the_tasks_gradients(model, decoder, needs):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        losses = mean_losses(decoder(model), BATCH)
        expected = gradient_of(sum(w * loss for w, loss in zip(WANTED, losses, strict=True)), trainee.parameters)
        listening(model, trainee, needs, decoder=decoder)(BATCH, 1)
        torch.testing.assert_close(taken(trainee.parameters), expected, atol=1e-6, rtol=1e-4)


def test_the_layers_run_once_up_and_once_down_at_the_hidden_state(model):
    runs = []
    layer = model.layers[-1]
    up = layer.register_forward_hook(lambda *_: runs.append("up"))
    down = layer.register_full_backward_hook(lambda *_: runs.append("down"))
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = listening(model, trainee, {"gradients", "hidden"}, pack_tokens=60)
        gradient(BATCH, 1)
        packs = len(gradient.decoder.split(BATCH, 60))
    up.remove(), down.remove()
    assert packs > 1
    assert sorted(runs) == ["down"] * packs + ["up"] * packs


def test_the_saliency_is_the_slope_of_each_answer_tokens_loss(model):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = listening(model, trainee, {"saliency"}, pack_tokens=60)
        gradient(BATCH, 1)
        saliency = gradient.balancer.heard[0].saliency
        head = model.module.get_output_embeddings().weight
        logits = ForestDecoder(model).logits(BATCH).detach()
    answers = torch.tensor([token for example in BATCH for token in example.answer])
    expected = (logits.softmax(-1) - torch.nn.functional.one_hot(answers, 340)) @ head  # of cross-entropy
    torch.testing.assert_close(saliency.detach(), expected, atol=1e-5, rtol=1e-4)


def test_gradients_ahead_are_those_at_the_shifted_parameters_which_come_back(model):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        before = [parameter.detach().clone() for parameter in trainee.parameters]
        shifts = 0.1 * torch.randn(3, sum(parameter.numel() for parameter in before))
        passes = listening(model, trainee, {"gradients"}).passes
        found, _ = passes.by_task(BATCH, 1, shifts)
        assert all(torch.equal(*pair) for pair in zip(before, trainee.parameters, strict=True))
        for place, row in enumerate(shifts):
            with shifted(trainee.parameters, row):
                expected = gradient_of(mean_losses(ForestDecoder(model), BATCH)[place], trainee.parameters)
            torch.testing.assert_close(found[place], expected, atol=1e-5, rtol=1e-4)


def test_a_look_ahead_meets_the_same_dropout_and_leaves_the_random_numbers_alone(model):
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        trainee.train(True)
        gradient = listening(model, trainee, {"gradients", "ahead"})
        gradient(BATCH, 1)
        signals, ahead = gradient.balancer.heard
        after = torch.rand(1)
    assert torch.equal(signals.gradients, ahead)
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        trainee.train(True)
        listening(model, trainee, {"gradients"})(BATCH, 1)
        assert torch.equal(torch.rand(1), after)


def test_random_numbers_can_be_drawn_again():
    start = chance()
    first = torch.rand(3)
    following = torch.rand(3)
    torch.set_rng_state(start[0])
    torch.rand(3)
    with again(start):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.rand(3), following)


def test_the_gradient_of_held_out_rows_is_that_of_the_targets_alone_and_comes_where_a_look_is_due(model):
    train = replace(CHEAP, balancer=Balance("hyper_gradient", every=2))
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = listening(model, trainee, {"gradients", "held_gradient"}, train=train)
        for step in (1, 2, 3):
            gradient(BATCH, step)
            for parameter in trainee.parameters:
                parameter.grad = None
        told = [signals for signals in gradient.balancer.heard if signals is not None]
        rows = [replace(example, task="a") for example in made_examples(count=2)]
        expected = gradient_of(mean_losses(ForestDecoder(model), [*rows, *BATCH[4:]])[0], trainee.parameters)
    assert [signals.held_gradient is None for signals in told] == [False, True, False]
    assert [signals.gradients is None for signals in told] == [False, True, False]
    torch.testing.assert_close(told[0].held_gradient, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", ["mgda", "cagrad", "nash_mtl", "gradnorm", "hyper_gradient"])
def test_a_gradient_that_is_not_finite_ends_the_trial_before_it_is_merged(model, name):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = balanced_gradient(model, trainee, balanced(name))
        trainee.parameters[0].register_hook(lambda slope: slope + torch.inf)
        with pytest.raises(TrialError, match=r"diverged: gradient is (nan|inf) at step 1"):
            gradient(BATCH, 1)


@pytest.mark.parametrize("name", ["coba", "famo", "hyper_gradient"])
def test_looks_have_no_dropout_and_draw_no_random_numbers(model, name):
    """Otherwise a look would see other losses each time, and no training could be compared with one that looks less."""
    train = replace(CHEAP, balancer=Balance(name, every=1))
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        trainee.train(True)
        gradient = replace_still(balanced_gradient(model, trainee, train), trainee)
        gradient(BATCH, 1)
        for parameter in trainee.parameters:
            parameter.grad = None  # as an optimiser's step leaves them
        drawn = torch.get_rng_state()
        looks = {
            "coba": lambda: gradient.looks.losses(1),
            "famo": gradient.adviser.after,
            "hyper_gradient": lambda: gradient.looks.gradient(1).numpy(),
        }
        first, second = looks[name](), looks[name]()
        trainee.train(False)
        still_first = looks[name]()
        assert torch.equal(torch.get_rng_state(), drawn)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, still_first)


def test_before_and_after_a_step_are_measured_alike(model):
    """A step that changes nothing changes no loss, whatever dropout there is."""
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        trainee.train(True)
        gradient = replace_still(balanced_gradient(model, trainee, balanced("famo")), trainee)
        gradient(BATCH, 1)
        np.testing.assert_array_equal(gradient.adviser.after(), gradient.memory.last[1])


def replace_still(gradient, trainee):
    return replace(gradient, still=partial(still, trainee))


@pytest.mark.parametrize(
    ("name", "dropout", "expected"),
    [
        ("coba", 0.0, None),
        ("equal", 0.1, "in training only"),
        ("dwa", 0.1, "in training only"),
        ("coba", 0.1, "in training only, and off where a balancer looks"),
        ("famo", 0.1, "in training only, and off where a balancer looks"),
    ],
)
def test_settings_change_only_where_a_balancer_looks_under_dropout(random_base, name, dropout, expected):
    setup = fine_tune(random_base, Balance(name), lora=Lora(layers="top-2", dropout=dropout)).setup
    assert setup.to_json().get("dropout") == expected


def test_options_that_came_later_are_in_the_settings_only_where_they_change_scores(random_base):
    def written(**options):
        return fine_tune(random_base, Balance(**options)).setup.to_json()["train"].get("balancer")

    assert written(conflicts=3) is None
    assert written(name="mgda") == written(name="mgda", conflicts=3)
    assert set(written(name="mgda")) == {"name", "options", "every", "rows"}
    assert written(name="mgda", at="hidden")["at"] == "hidden"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Balance("dwa", at="hidden"), "'dwa' is none"),
        (lambda: Balance(at="hidden"), "'equal' is none"),
        (lambda: Balance("task_sam", at="hidden"), "'task_sam' is none, or needs those of the parameters"),
        (lambda: Balance("mgda", at="states"), "one of"),
        (lambda: Balance(conflicts=-1), "0 for never; got -1"),
        (lambda: Train(processes=2, balancer=Balance(conflicts=5)), "processes 2 each see a part"),
        (lambda: fine_tune("x", Balance(conflicts=5), tasks=(GROUP,)), "two or more datasets"),
        (
            lambda: fine_tune("x", Balance("multibalance"), train=COMPARING),
            "losses that compare rows need whole batches",
        ),
        (
            lambda: fine_tune("x", Balance("multibalance"), lora=Lora(method="full", layers="all")),
            "which lora.method 'full' with layers 'all' trains as well",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_a_model_is_loaded(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ["equal", "dwa", "multibalance", "hyper_gradient"])
def test_watching_conflicts_changes_nothing_to_the_bit(random_base, name):
    options = {"lora": Lora(layers="top-2", dropout=0.2), "budget": Budget(steps=5)}
    watched = run(fine_tune(random_base, Balance(name, conflicts=2), **options), "group", "echo")
    plain = run(fine_tune(random_base, Balance(name), **options), "group", "echo")
    assert replace(watched, seconds=0.0, balancing=None) == replace(plain, seconds=0.0, balancing=None)
    found = dict(zip(watched.balancing.steps, watched.balancing.cosines, strict=True))
    assert {step for step, line in found.items() if line} == {1, 3, 5}
    assert all(len(line) == 1 and -1 <= line[0] <= 1 for line in found.values() if line)
    if name == "equal":
        assert sum(watched.balancing.weights[task][0] for task in ("group", "echo")) == pytest.approx(1.0)


def test_watched_cosines_are_those_that_a_merging_balancer_sees(random_base):
    merged = run(fine_tune(random_base, Balance("mgda")), "group", "echo").balancing
    watched = run(fine_tune(random_base, Balance(conflicts=4)), "group", "echo").balancing
    hidden = run(fine_tune(random_base, Balance("mgda", at="hidden")), "group", "echo").balancing
    assert watched.cosines[0] == pytest.approx(merged.cosines[0])
    assert all(len(line) == 1 for line in merged.cosines)
    assert hidden.cosines == ((),) * 4  # those of another gradient, which would be taken for it


def test_a_watched_trial_that_was_stopped_goes_on_as_if_it_had_not_been(random_base):
    train = replace(CHEAP, balancer=Balance(conflicts=2))
    mixture = Mixture.of(["group", "echo"])
    halting = fine_tune(random_base, train.balancer, budget=Budget(steps=6), scoring=Scoring())
    (stopped,) = halting([Request(mixture, stop=Stop((("group", 1.0),), ((0.5, 0.0),)))])
    assert stopped.balancing.steps == (1, 3)
    (resumed,) = halting([Request(mixture)])
    whole = run(fine_tune(random_base, train.balancer, budget=Budget(steps=6), scoring=Scoring()), "group", "echo")
    assert replace(resumed, seconds=0.0, curve=()) == replace(whole, seconds=0.0)
