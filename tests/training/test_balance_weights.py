"""Each loss weight equals its paper's formula, written out in plain Python, on a trace of six: five updates."""

import math
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from kept import SOON, differing, kept

from cotune.training.balance.choice import PLACES, Balance, made
from cotune.training.balance.contract import Answer, Signals, Tasks

TASKS = Tasks(("a", "b", "c"), (True, False, False), (10, 40, 1000))
LOSSES = [[1.0, 2.0, 4.0], [0.9, 1.9, 3.0], [0.8, 1.9, 2.5], [0.8, 1.7, 2.0], [0.6, 1.6, 1.8], [0.5, 1.7, 1.2]]
AFTER = [[0.95, 1.9, 3.9], [0.8, 1.95, 2.9], [0.75, 1.8, 2.4], [0.7, 1.6, 1.9], [0.5, 1.5, 1.7], [0.5, 1.6, 1.1]]
TORCHJD = ("pcgrad", "aligned_mtl", "upgrad")
STAYING = ("importance", "inverse_size")
"""Those whose state is their weights, which no step changes."""
OWNER = np.array([0, 0, 1, 2, 2, 2])
TOKENS = np.array([1.0, 3.0, 2.0, 1.0, 1.0, 6.0])
EXAMPLES = [[0.4, 1.2, 2.0, 1.0, 9.0, 3.0], [0.3, 1.1, 1.9, 1.0, 5.0, 3.0], [0.5, 0.9, 1.9, 2.0, 2.0, 2.5]]
EXAMPLES += [[0.8, 0.8, 1.7, 1.5, 2.5, 2.0], [0.6, 0.6, 1.6, 1.0, 2.6, 1.8], [0.4, 0.7, 1.7, 0.9, 1.2, 1.1]]
GRADIENTS = [
    [[3.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
    [[2.0, 1.0], [0.5, 1.0], [4.0, 1.0]],
    [[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]],
]
GRADIENTS += [
    [[1.0, 2.0], [2.0, -1.0], [0.5, 1.0]],
    [[1.0, 1.0], [1.0, -1.0], [0.1, 0.1]],
    [[0.5, 2.0], [1.0, 0.0], [0.3, -0.4]],
]
STEPS = len(LOSSES)


def signals(step):
    """What is known before a step; what is known of rows differs from step to step."""
    gone = step - 1
    return Signals(
        TASKS,
        step,
        STEPS,
        0,
        OWNER,
        TOKENS,
        example_losses=np.array(EXAMPLES[gone]),
        losses=np.array(LOSSES[gone]),
        previous=np.array(LOSSES[gone - 1]) if gone else None,
        after=np.array(AFTER[gone - 1]) if gone else None,
        validation=np.array(LOSSES[gone]),
        gradients=torch.tensor(GRADIENTS[gone], dtype=torch.float64),
        class_shares=np.array([0.5, 1.5, np.nan, 0.5, 1.0, 2.0]) * 1.1**gone,
        densities=np.array([np.nan, np.nan, 4.0, 0.25, 0.01, 50.0]) * 1.1**gone,
        confidences=np.array([0.9, 0.8, 0.5, 0.25, 1.0, 0.125]),
        ahead=lambda shifts: torch.tensor(GRADIENTS[gone], dtype=torch.float64) + 0.1 * shifts,
        held_gradient=torch.tensor([1.0, 0.5], dtype=torch.float64),
        saliency=torch.linspace(-1, 1, 2 * int(TOKENS.sum()), dtype=torch.float64).view(-1, 2),
        fixed=np.array([0.5, 1.0, 1.5]),
        taught=torch.tensor(GRADIENTS[gone][:2], dtype=torch.float64),
    )


def traced(name, **options):
    """Gives what the balancer answers at each step, [step, task or example]."""
    balancer = made(Balance(name, options))
    state, answers = balancer.start(TASKS), []
    for step in range(1, STEPS + 1):
        answer, state = balancer.weigh(signals(step), state)
        answers.append(answer.weights if answer.examples is None else answer.examples)
    return np.array(answers)


def soft(values):
    raised = [math.exp(value) for value in values]
    return [value / sum(raised) for value in raised]


def check(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


def test_importance_and_inverse_size():
    check(traced("importance", weights={"b": 2.0}), [[0.25, 0.5, 0.25]] * STEPS)
    total = 1 / 10 + 1 / 40 + 1 / 1000
    check(traced("inverse_size"), [[0.1 / total, 0.025 / total, 0.001 / total]] * STEPS)
    check(traced("inverse_size", power=0.0), [[1 / 3] * 3] * STEPS)


BATCHES = [
    ([0, 0, 1, 2, 2, 2], [1, 3, 2, 1, 1, 6]),
    ([0, 0, 0, 0, 1, 2], [1, 1, 1, 5, 4, 2]),
    ([0, 1, 1, 1], [3, 1, 1, 2]),
    ([2, 2], [2, 7]),
    ([0, 1, 2], [4, 4, 1]),
    ([0, 0, 2, 2, 2], [2, 2, 3, 1, 1]),
]
"""The task of each example and how many answer tokens it has."""


def batch_at(step):
    owner, tokens = BATCHES[step - 1]
    return replace(signals(step), owner=np.array(owner), tokens=np.array(tokens, dtype=float))


def mean_by_hand(owner, tokens, mode):
    """Gives the share of each example in one of MFTCoder's means."""
    size = [float(count) for count in tokens] if mode.endswith("token") else [1.0] * len(owner)
    if not mode.startswith("task"):
        return [each / sum(size) for each in size]
    total = {task: sum(each for each, own in zip(size, owner, strict=True) if own == task) for task in owner}
    return [each / total[own] / len(total) for each, own in zip(size, owner, strict=True)]


@pytest.mark.parametrize(
    ("mode", "first"),
    [
        ("token", [1 / 14, 3 / 14, 2 / 14, 1 / 14, 1 / 14, 6 / 14]),
        ("sample", [1 / 6] * 6),
        ("task_token", [1 / 12, 3 / 12, 1 / 3, 1 / 24, 1 / 24, 6 / 24]),
        ("task_sample", [1 / 6, 1 / 6, 1 / 3, 1 / 9, 1 / 9, 1 / 9]),
    ],
)
def test_mftcoders_means(mode, first):
    balancer = made(Balance("mftcoder", {"mode": mode}))
    found = [balancer.weigh(batch_at(step), {})[0].examples for step in range(1, STEPS + 1)]
    check(found[0], first)
    for each, batch in zip(found, BATCHES, strict=True):
        check(each, mean_by_hand(*batch, mode))


def test_focal_weights_are_the_slope_of_the_focal_loss():
    def focal(loss):
        return (1 - math.exp(-loss)) ** 2 * loss

    def slope(loss, h=1e-5):
        return (focal(loss + h) - focal(loss - h)) / 2 / h

    shares = [1 / 6, 1 / 6, 1 / 3, 1 / 9, 1 / 9, 1 / 9]
    check(traced("focal"), [[s * slope(x) for s, x in zip(shares, line, strict=True)] for line in EXAMPLES])
    shares = [1 / 12, 3 / 12, 1 / 3, 1 / 24, 1 / 24, 6 / 24]
    owned = [[line[task] for task in OWNER] for line in LOSSES]
    check(traced("focal", level="task"), [[s * slope(x) for s, x in zip(shares, line, strict=True)] for line in owned])


def test_uncertainty_takes_gradient_steps_on_log_variances():
    s, expected = [0.0] * 3, []
    for line in LOSSES:
        expected.append([2 / 3 * 0.5 * math.exp(-value) for value in s])
        s = [value - 0.1 * (0.5 - 0.5 * math.exp(-value) * loss) for value, loss in zip(s, line, strict=True)]
    check(traced("uncertainty", lr=0.1), expected)


def test_analytical_uncertainty():
    check(traced("uncertainty_optimal"), [[1 / 3 / loss for loss in line] for line in LOSSES])
    check(traced("uncertainty_softmax", temperature=0.7), [soft([1 / loss / 0.7 for loss in line]) for line in LOSSES])


def test_dynamic_weight_average_compares_two_windows():
    expected = [[1 / 3] * 3] * 2
    expected += [soft([n / o / 2 for n, o in zip(LOSSES[t - 1], LOSSES[t - 2], strict=True)]) for t in (2, 3, 4, 5)]
    check(traced("dwa", window=1), expected)
    halves = [[(x + y) / 2 for x, y in zip(LOSSES[t], LOSSES[t + 1], strict=True)] for t in (0, 2)]
    last = soft([n / o / 2 for n, o in zip(halves[1], halves[0], strict=True)])
    check(traced("dwa", window=2), [[1 / 3] * 3] * 4 + [last] * 2)


def test_coba_follows_the_paper():
    """Written from F-03: slopes by the closed form of least squares, scores and factor one by one."""
    window, tau = 3, 5.0
    ratios = [[x / first for x, first in zip(line, LOSSES[0], strict=True)] for line in LOSSES]
    expected, slopes = [[1 / 3] * 3], []
    for t in range(1, STEPS):
        lines = ratios[max(0, t + 1 - window) : t + 1]
        n = len(lines)
        xs = range(n)
        alpha = []
        for task in range(3):
            ys = [line[task] for line in lines]
            top = n * sum(x * y for x, y in zip(xs, ys, strict=True)) - sum(xs) * sum(ys)
            alpha.append(top / (n * sum(x * x for x in xs) - sum(xs) ** 2))
        slopes.append(alpha)
        relative = soft([3 * value / sum(map(abs, alpha)) for value in alpha])
        past = slopes[-window:]
        absolute = soft([-len(past) * alpha[i] / sum(abs(line[i]) for line in past) for i in range(3)])
        worst = [max(line) for line in slopes]
        total = sum(map(abs, worst))
        factor = min(len(worst) * soft([-tau * len(worst) * value / total for value in worst])[-1], 1.0)
        expected.append([factor * r + (1 - factor) * a for r, a in zip(relative, absolute, strict=True)])
    check(traced("coba", window=3, warmup=0), expected)
    check(traced("coba", window=3, warmup=3), [[1 / 3] * 3] * 3 + expected[3:])


def test_improvable_gap_weighs_logarithms():
    base = [(x + y) / 2 for x, y in zip(LOSSES[0], LOSSES[1], strict=True)]
    expected = [[1 / 3 / loss for loss in line] for line in LOSSES[:2]]
    for line in LOSSES[2:]:
        shares = soft([loss / first for loss, first in zip(line, base, strict=True)])
        expected.append([share / loss for share, loss in zip(shares, line, strict=True)])
    check(traced("igb", warmup=2), expected)


def test_famo_learns_from_what_each_loss_lost():
    w, m, v, expected = [0.0] * 3, [0.0] * 3, [0.0] * 3, []
    for t, line in enumerate(LOSSES):
        if t:
            z = soft(w)
            change = [math.log(b) - math.log(a) for b, a in zip(LOSSES[t - 1], AFTER[t - 1], strict=True)]
            grad = [sum(z[j] * ((i == j) - z[i]) * change[j] for j in range(3)) + 0.01 * w[i] for i in range(3)]
            m = [0.9 * old + 0.1 * g for old, g in zip(m, grad, strict=True)]
            v = [0.999 * old + 0.001 * g * g for old, g in zip(v, grad, strict=True)]
            w = [
                x - 0.025 * (a / (1 - 0.9**t)) / (math.sqrt(b / (1 - 0.999**t)) + 1e-8)
                for x, a, b in zip(w, m, v, strict=True)
            ]
        z = soft(w)
        c = 1 / sum(share / loss for share, loss in zip(z, line, strict=True))
        expected.append([c * share / loss for share, loss in zip(z, line, strict=True)])
    check(traced("famo", decay=0.01), expected)


def gradnorm_by_hand(gradients):
    """Gives the weights before each step of `LOSSES`."""
    w, expected = [1 / 3] * 3, []
    for line, rows in zip(LOSSES, gradients, strict=True):
        expected.append(w)
        norms = [math.hypot(*row) for row in rows]
        norms = [norm * 3 / sum(norms) for norm in norms]
        pace = [loss / first for loss, first in zip(line, LOSSES[0], strict=True)]
        pace = [value * 3 / sum(pace) for value in pace]
        mean = sum(x * norm for x, norm in zip(w, norms, strict=True)) / 3
        signs = [math.copysign(1, x * n - mean * p**1.5) for x, n, p in zip(w, norms, pace, strict=True)]
        w = [x - 0.025 * sign * n for x, sign, n in zip(w, signs, norms, strict=True)]
        w = [x / sum(w) for x in w]
    return expected


def test_gradnorm_pulls_norms_to_their_pace():
    check(traced("gradnorm"), gradnorm_by_hand(GRADIENTS))


def test_task_sam_keeps_two_states_of_what_merges():
    """A shift of rho g / |g| moves gradients by 1, 2 and 4 times that: these are the flat ones."""
    rho, stretch = 0.05, (1.0, 2.0, 4.0)
    flat = [
        [[rho * k * x / math.hypot(*row) for x in row] for k, row in zip(stretch, rows, strict=True)]
        for rows in GRADIENTS
    ]
    own, by_flat = gradnorm_by_hand(GRADIENTS), gradnorm_by_hand(flat)
    balancer = made(Balance("task_sam", {"merge": "gradnorm", "rho": rho}))
    state = balancer.start(TASKS)
    for step in range(1, STEPS + 1):
        known = torch.tensor(GRADIENTS[step - 1], dtype=torch.float64)
        pull = torch.tensor(stretch, dtype=torch.float64)[:, None]
        ahead = partial(lambda known, pull, shifts: known + pull * shifts, known, pull)
        answer, state = balancer.weigh(replace(signals(step), ahead=ahead), state)
        check(answer.weights, own[step - 1])
        fixed = [w * f for w, f in zip(by_flat[step - 1], (0.5, 1.0, 1.5), strict=True)]
        rows = flat[step - 1]
        check(answer.extra.numpy(), [sum(w * row[x] for w, row in zip(fixed, rows, strict=True)) for x in range(2)])
    assert np.abs(np.array(own) - by_flat).max() > 0.01


@pytest.mark.parametrize(
    ("shape", "rule"),
    [("lin_upper", lambda h: min(h + 1, 1)), ("quadratic", lambda h: 1 - h * h), ("extremes", abs)],
)
def test_examples_are_weighed_by_their_scaled_loss(shape, rule):
    expected = [[1 / 6] * 6]
    for line, r in zip(EXAMPLES[1:], (2.0, 1.625, 1.25, 0.875, 0.5), strict=True):
        low, high = min(line), max(line)
        expected.append(soft([rule(2 * (x - low) / (high - low) - 1) / r for x in line]))
    check(traced("sample_reweighting", shape=shape, warmup=0.2), expected)


def test_group_dro_raises_the_worst():
    q, expected = [1 / 3] * 3, []
    for line in LOSSES:
        q = [x * math.exp(0.1 * loss) for x, loss in zip(q, line, strict=True)]
        q = [x / sum(q) for x in q]
        expected.append(q)
    check(traced("group_dro", rate=0.1), expected)


@pytest.mark.parametrize("name", PLACES)
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(name, installed):
    """Cut before each step: another object goes on from a copy. It would not without what the state says."""
    installed(name)
    choice = Balance(name, SOON.get(name, {}))
    fresh = made(choice).start(TASKS)
    balancer, whole, cut = made(choice), fresh, kept(fresh)
    for step in range(1, STEPS + 1):
        before = kept(whole)
        answer, after = balancer.weigh(signals(step), whole)
        again, cut = made(choice).weigh(signals(step), kept(cut))
        assert differing(whole, before) == []  # what a halted trial keeps is not changed by one that goes on
        assert differing(vars(answer), vars(again)) == []
        assert differing(after, cut) == []
        whole = after
    forgetful, _ = made(choice).weigh(signals(STEPS), fresh)
    remembers = bool(fresh) and name not in STAYING
    assert bool(differing(whole, fresh)) == remembers
    assert bool(differing(vars(answer), vars(forgetful))) == remembers


@pytest.mark.parametrize("name", PLACES)
def test_tasks_have_no_order(name, installed):
    """Weights go with their task, whatever its place; those that draw do so by place."""
    installed(name)
    if name in ("pcgrad", "igb2", "private"):
        return
    order = np.array([2, 0, 1])
    balancer = made(Balance(name))
    tasks = Tasks(*(tuple(np.array(field)[order].tolist()) for field in (TASKS.names, TASKS.targets, TASKS.rows)))
    state, turned = balancer.start(TASKS), balancer.start(tasks)
    for step in range(1, STEPS + 1):
        plain = signals(step)
        moved = {
            key: None if value is None else value[order]
            for key in ("losses", "previous", "after", "validation", "gradients", "fixed")
            for value in [vars(plain)[key]]
        }
        moved["ahead"] = lambda shifts, known=moved["gradients"]: known + 0.1 * shifts
        answer, state = balancer.weigh(plain, state)
        other, turned = balancer.weigh(replace(plain, tasks=tasks, owner=np.argsort(order)[OWNER], **moved), turned)
        for one, two in ((answer.extra, other.extra), (answer.penalty, other.penalty)):
            assert one is None or torch.allclose(one, two, atol=1e-9)
        if answer.examples is not None:
            np.testing.assert_allclose(other.examples, answer.examples, atol=1e-9)
        elif answer.gradient is not None:
            assert torch.allclose(other.gradient, answer.gradient, atol=1e-9)
        elif "gradients" in balancer.needs:  # dependent gradients make one vector in several ways
            one, two = plain.gradients.numpy(), moved["gradients"].numpy()
            np.testing.assert_allclose(other.weights @ two, answer.weights @ one, atol=1e-6)
        else:
            np.testing.assert_allclose(other.weights, answer.weights[order], atol=1e-9)


def test_a_choice_is_checked_without_torch():
    """The command line reads settings in a process that never trains."""
    code = "import sys; from cotune.training import Balance; "
    code += (
        f"[Balance(name) for name in {[name for name in PLACES if name not in TORCHJD]}]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_answer_says_one_thing():
    with pytest.raises(ValueError, match="one of weights, examples, gradient; got 2"):
        Answer(weights=np.ones(2), examples=np.ones(3))
    with pytest.raises(ValueError, match="got 0"):
        Answer()
