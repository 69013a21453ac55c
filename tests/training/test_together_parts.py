"""The parts of training side by side: the optimiser, clipping, seats and generators, and the width."""

import resource
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from test_fine_tune import ECHO, GROUP, TRAIN
from torch import nn

from cotune import Mixture, Request
from cotune.training import Balance, Budget, FineTune, Lora, Mixing, Scoring, TaskTrain, Train
from cotune.training.together.adamw import AdamW, clip
from cotune.training.together.beside import Beside
from cotune.training.together.crew import measured_width, misfit
from cotune.training.together.seats import Dice, free_seats, seats_of
from cotune.training.together.width import free_bytes, pass_bytes, widest

CPU = torch.device("cpu")
REQUESTS = [Request(Mixture.of(["group"]), seed) for seed in range(5)]


def fine_tune(model, width, **others):
    train = replace(TRAIN, width=width)
    options = {"budget": Budget(steps=2), "lora": Lora(layers="top-2"), "train": train, **others}
    return FineTune(model, (GROUP, ECHO), targets=("group",), **options)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adamw_takes_torchs_steps_with_a_rate_for_each_trial(decay):
    torch.manual_seed(0)
    table, train = torch.randn(3, 700_001), Train(weight_decay=decay, betas=(0.8, 0.99))
    alone = [nn.Parameter(row.clone()) for row in table]
    theirs = [torch.optim.AdamW([row], betas=train.betas, weight_decay=decay) for row in alone]
    ours = AdamW(table, train)
    for step in range(5):
        gradients, rates = torch.randn_like(table), [1e-2 / (step + row + 1) for row in range(3)]
        for row, optimizer, gradient, rate in zip(alone, theirs, gradients, rates, strict=True):
            row.grad, optimizer.param_groups[0]["lr"] = gradient.clone(), rate
            optimizer.step()
        ours.step(table, gradients, rates)
    for row, expected in zip(table, alone, strict=True):
        torch.testing.assert_close(row, expected.data, atol=1e-6, rtol=1e-6)


def test_those_who_stay_keep_their_moments():
    torch.manual_seed(0)
    table, gradients = torch.randn(3, 50), torch.randn(4, 3, 50)
    whole, part = table.clone(), table.clone()
    ours, theirs = AdamW(whole, Train()), AdamW(part, Train())
    for step in range(4):
        ours.step(whole, gradients[step], [0.1] * 3)
        if step == 2:
            theirs.keep([1, 2])
            part = part[1:].clone()
        kept = gradients[step, -len(part) :]
        theirs.step(part, kept, [0.1] * len(part))
    assert torch.equal(part, whole[1:])


def test_clipping_is_torchs_for_each_trial():
    torch.manual_seed(0)
    gradients = torch.randn(3, 40) * torch.tensor([[0.01], [1.0], [30.0]])
    parts = [nn.Parameter(torch.zeros(40)) for _ in gradients]
    for part, gradient in zip(parts, gradients, strict=True):
        part.grad = gradient.clone()
    norms = [nn.utils.clip_grad_norm_([part], 0.5) for part in parts]
    torch.testing.assert_close(clip(gradients, 0.5), torch.stack(norms))
    torch.testing.assert_close(gradients, torch.stack([part.grad for part in parts]))


def beside(trials=3, *, rank=2):
    torch.manual_seed(1)
    made = Beside(nn.Linear(6, 5).requires_grad_(False), scale=0.5, dropout=0.0)
    made.down, made.up = torch.randn(trials, rank, 6), torch.randn(trials, 5, rank)
    return made


def test_a_row_gets_its_own_trials_adapter_wherever_it_sits():
    made, x = beside(), torch.randn(6, 1, 6)
    owners = [2, 0, 2, 2, 0, 2]

    def alone(row):
        return made.base(x[row]) + 0.5 * x[row] @ made.down[owners[row]].mT @ made.up[owners[row]].mT

    made.seats = free_seats(owners, among=3, device=CPU)
    expected = torch.stack([alone(row) for row in range(6)])
    torch.testing.assert_close(made(x), expected)
    order = sorted(range(6), key=lambda row: owners[row])
    made.seats = free_seats([owners[row] for row in order], among=3, device=CPU)
    torch.testing.assert_close(made(x[order]), expected[order])


@pytest.mark.parametrize("members", [(0, 1, 2), (2, 0), (1,)])
def test_gradients_are_those_of_autograd_and_go_to_their_trials_alone(members):
    made = beside()
    x = torch.randn(2 * len(members), 4, 6, requires_grad=True)
    weight = torch.randn(len(x), 4, 5)
    down, up = made.down.clone().requires_grad_(), made.up.clone().requires_grad_()
    owners = [member for member in members for _ in range(2)]
    out = made.base(x) + 0.5 * torch.bmm(torch.bmm(x, down[owners].mT), up[owners].mT)
    (out * weight).sum().backward()
    expected, x.grad = x.grad, None
    made.seats = seats_of(members, among=3, device=CPU)
    made.gradients = (torch.zeros_like(made.down), torch.zeros_like(made.up))
    made.down.requires_grad_()
    (made(x) * weight).sum().backward()
    torch.testing.assert_close(x.grad, expected)
    torch.testing.assert_close(made.gradients[0], down.grad)
    torch.testing.assert_close(made.gradients[1], up.grad)


def test_each_trials_generator_goes_on_where_it_was():
    def states():
        return [torch.Generator().manual_seed(seed).get_state() for seed in (1, 2)]

    dice, drawn = Dice(CPU, states()), {0: [], 1: []}
    outside = torch.get_rng_state()
    for trial in (0, 1, 1, 0, 1):
        with dice.of(trial):
            drawn[trial].append(torch.rand(3))
    assert torch.equal(torch.get_rng_state(), outside)
    for trial, seed in ((0, 1), (1, 2)):
        generator = torch.Generator().manual_seed(seed)
        assert all(torch.equal(part, torch.rand(3, generator=generator)) for part in drawn[trial])


def test_more_memory_never_makes_fewer_fit():
    widths = [widest(free=free << 20, aside=50 << 20, trial=30 << 20, most=12) for free in range(0, 1000, 10)]
    assert widths == sorted(widths)
    assert (widths[0], widths[-1]) == (1, 12)


def test_a_pass_takes_what_it_keeps_for_the_way_back():
    weight = torch.randn(64, 64, requires_grad=True)

    def work(rows):
        x = torch.randn(rows, 64)
        return ((x @ weight).sigmoid() ** 2).sum()

    small, large = pass_bytes(CPU, lambda: work(100)), pass_bytes(CPU, lambda: work(1000))
    assert large == pytest.approx(10 * small, rel=0.01)
    assert small >= 100 * 64 * 4
    assert weight.grad is not None


def test_free_memory_is_that_of_the_machine_or_of_the_limit():
    assert 0 < free_bytes(CPU) < 1 << 46
    code = (
        "import resource, torch\nfrom cotune.training.together.width import free_bytes\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "limit = now + (300 << 20)\nresource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "print(free_bytes(torch.device('cpu')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) <= 300 << 20
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def test_the_measured_width_is_smaller_for_larger_trials(random_base):
    def measured(rows, most=10**9):
        train = replace(TRAIN, width=2, batch_examples=rows)
        engine = fine_tune(random_base, 2, train=train).engine
        return measured_width(engine._kit(), engine.plan(REQUESTS[0]), most=most)

    assert 1 <= measured(24) < measured(1)
    assert measured(1, most=7) in (1, 7)


def test_the_width_is_told_and_the_model_is_loaded_for_it_only_where_it_matters(random_base):
    def told(width, train=TRAIN, **others):
        evaluate = fine_tune(random_base, width, train=replace(train, width=width), **others)
        return evaluate.side_by_side(), evaluate._engine is not None

    assert told(3) == (3, True)
    assert told("auto") == told(1) == (1, False)  # on a CPU
    alone = [{"train": replace(TRAIN, balancer=Balance("dwa"))}, {"scoring": Scoring(curve=1)}]
    alone += [{"train": replace(TRAIN, gradient_checkpointing=True)}, {"lora": Lora(method="full", layers="top-2")}]
    alone += [
        {"train": replace(TRAIN, overrides={"group": TaskTrain(loss="contrastive")})},
        {"train": replace(TRAIN, mixing=Mixing("bandit"))},
    ]
    for others in alone:
        assert told(3, **others) == (1, False), others
    without_rows = [replace(task, rows={**task.rows, "train": ()}) for task in (GROUP, ECHO)]
    train = replace(TRAIN, width=3)
    nothing = FineTune(random_base, without_rows, targets=("group",), budget=Budget(steps=2), train=train)
    assert nothing.side_by_side() == 1


def test_memory_that_runs_out_halves_the_team_and_every_trial_is_there(random_base):
    expected = {trial.request: trial for trial in fine_tune(random_base, 1)(REQUESTS)}
    evaluate, tried = fine_tune(random_base, 5), []

    def limit(_, given):
        tried.append(len(given[0]))
        if torch.is_grad_enabled() and len(given[0]) > 2:
            torch.empty(1 << 50)  # torch's allocator refuses

    hook = evaluate.engine.model.layers[3].register_forward_pre_hook(limit)
    found = {trial.request: trial for trial in evaluate(REQUESTS)}
    assert 5 in tried
    tried.clear()
    again = list(evaluate(REQUESTS))
    hook.remove()
    assert max(tried) <= 2  # it is not tried again
    assert len(again) == 5
    for request, trial in expected.items():
        assert found[request].error is None
        assert found[request].train_loss == pytest.approx(trial.train_loss, rel=1e-5)


def test_other_errors_are_not_taken_for_lack_of_memory(random_base):
    evaluate = fine_tune(random_base, 5)
    assert misfit(evaluate.engine._kit()) is None

    def fail(_, given):
        if len(given[0]) > 2:
            raise RuntimeError("shapes do not fit")

    hook = evaluate.engine.model.layers[3].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        list(evaluate(REQUESTS))
    hook.remove()


def test_a_model_that_does_not_fit_runs_one_by_one_with_a_warning(random_base):
    expected = {trial.request: trial.train_loss for trial in fine_tune(random_base, 1)(REQUESTS[:2])}
    evaluate = fine_tune(random_base, 3)
    for layer in evaluate.engine.model.layers:  # its linear modules get tokens without rows
        layer.mlp.register_forward_pre_hook(lambda _, given: (given[0].flatten(0, 1),))
        layer.mlp.register_forward_hook(lambda _, given, out: out[None])
    with pytest.warns(UserWarning, match="run one after another: side by side this model fails"):
        assert {trial.request: trial.train_loss for trial in evaluate(REQUESTS[:2])} == expected


@pytest.mark.parametrize("width", [0, -1, "wide", 2.5])
def test_a_width_is_auto_or_a_number(width):
    with pytest.raises(ValueError, match=r"train.width is 'auto' or a whole number of trials >= 1; got "):
        Train(width=width)
