"""Weights of single rows, of agents and of private gradients, each on six steps against plain Python."""

import copy
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from test_balance_weights import EXAMPLES, LOSSES, OWNER, STEPS, TASKS, TOKENS, check, signals, soft, traced
from torch import nn

from cotune import Mixture, Request
from cotune.task import Row, Task, Template
from cotune.training import Balance, Budget, FineTune, Lora, Mixing, TaskTrain, Train
from cotune.training.balance.accountant import spent
from cotune.training.balance.choice import made
from cotune.training.balance.confidence import Confidence
from cotune.training.balance.density import density_ratios
from cotune.training.balance.facts import facts_of
from cotune.training.balance.soft_actor_critic import FIRST_ALPHA, Agent, begun, improved
from cotune.training.example import Example

TARGET_TOTAL = {0: 4.0, 1: 2.0, 2: 8.0}


def test_rare_classes_count_more():
    expected = []
    for gone in range(STEPS):
        shares = [0.5 * 1.1**gone, 1.5 * 1.1**gone, None, 0.5 * 1.1**gone, 1.1**gone, 2.0 * 1.1**gone]
        expected.append([t / 14 / (1 if s is None else s) for t, s in zip(TOKENS, shares, strict=True)])
    check(traced("class_frequency"), expected)
    check(traced("class_frequency", power=0.0), [TOKENS / 14] * STEPS)


def test_rows_like_the_targets_count_more():
    held = []
    for gone in range(STEPS):
        ratios = [ratio * 1.1**gone for ratio in (4.0, 0.25, 0.01, 50.0)]
        held.append([1.0, 1.0, *(min(max(ratio, 0.2), 5.0) for ratio in ratios)])
    assert held[0][2:] == [4.0, 0.25, 0.2, 5.0]
    check(traced("density_ratio", cap=5.0), [TOKENS / 14 * line for line in held])
    check(traced("density_ratio", cap=5.0, power=0.5), [TOKENS / 14 * np.sqrt(line) for line in held])


def test_mftcoders_convergence_learns_from_check_to_check():
    w, m, v, expected = [0.0] * 3, [0.0] * 3, [0.0] * 3, []
    for t, line in enumerate(LOSSES):
        if t:
            z = soft(w)
            change = [math.log(b) - math.log(a) for b, a in zip(LOSSES[t - 1], line, strict=True)]
            grad = [sum(z[j] * ((i == j) - z[i]) * change[j] for j in range(3)) + 0.01 * w[i] for i in range(3)]
            m = [0.9 * old + 0.1 * g for old, g in zip(m, grad, strict=True)]
            v = [0.999 * old + 0.001 * g * g for old, g in zip(v, grad, strict=True)]
            w = [
                x - 0.1 * (a / (1 - 0.9**t)) / (math.sqrt(b / (1 - 0.999**t)) + 1e-8)
                for x, a, b in zip(w, m, v, strict=True)
            ]
        raw = [share / loss for share, loss in zip(soft(w), line, strict=True)]
        expected.append([each / sum(raw) for each in raw])
    check(traced("mftcoder_convergence", decay=0.01), expected)


def test_mt_isa_learns_how_far_to_trust_confidence():
    """Rows 0 and 1 are a target's, the others auxiliary; the power descends loss c^p / 2 - p log(c) / 2."""
    sure = [0.9, 0.8, 0.5, 0.25, 1.0, 0.125]
    power, s, expected = 1.0, [0.0] * 3, []
    for losses, rows in zip(LOSSES, EXAMPLES, strict=True):
        raw = [c**power for c in sure]
        mean = sum(raw[2:]) / 4
        weights = [math.exp(-value) / 3 for value in s]
        factor = [1.0, 1.0, *[value / mean for value in raw[2:]]]
        expected.append([weights[k] * t / TARGET_TOTAL[k] * f for k, t, f in zip(OWNER, TOKENS, factor, strict=True)])
        slopes = [0.5 * math.log(c) * (x * c**power - 1) for c, x in zip(sure[2:], rows[2:], strict=True)]
        power -= 0.1 * sum(slopes) / 4
        s = [value - 0.025 * (0.5 - 0.5 * math.exp(-value) * x) for value, x in zip(s, losses, strict=True)]
    check(traced("mt_isa"), expected)


def test_the_second_form_of_uncertainty_is_never_below_nothing():
    s, expected = [0.0] * 3, []
    for line in LOSSES:
        expected.append([math.exp(-value) / 3 for value in s])
        s = [
            value - 0.1 * (0.5 / (1 + math.exp(-value)) - 0.5 * math.exp(-value) * x)
            for value, x in zip(s, line, strict=True)
        ]
    check(traced("uncertainty", lr=0.1, regulariser="log1p"), expected)


def network(sizes, flat):
    """The same network in torch's own modules."""
    layers, done = [], 0
    for a, b in itertools.pairwise(sizes):
        layer = nn.Linear(a, b, dtype=torch.float64)
        layer.weight.data = flat[done : done + a * b].view(a, b).T.clone()
        layer.bias.data = flat[done + a * b : done + (a + 1) * b].clone()
        layers += [layer, nn.ReLU()]
        done += (a + 1) * b
    return nn.Sequential(*layers[:-1])


def flat_of(net):
    return torch.cat(
        [part for layer in net if isinstance(layer, nn.Linear) for part in (layer.weight.T.flatten(), layer.bias)]
    ).detach()


class Twin:
    """The agent in torch's own modules, distributions and optimisers."""

    def __init__(self, count, lr, actor, critics):
        self.count, self.critics = count, critics
        self.actor, self.targets = actor, copy.deepcopy(critics)
        self.log_alpha = torch.tensor([math.log(FIRST_ALPHA)], dtype=torch.float64, requires_grad=True)
        parameters = [[p for net in critics for p in net.parameters()], actor.parameters(), [self.log_alpha]]
        self.optimisers = [torch.optim.Adam(each, lr=lr) for each in parameters]

    def acted(self, losses, noise):
        mean, log_deviation = self.actor(losses).chunk(2, dim=1)
        gauss = torch.distributions.Normal(mean, log_deviation.clamp(-20, 2).exp())
        drawn = mean + gauss.stddev * noise
        return self.count * drawn.softmax(1), gauss.log_prob(drawn).sum(1)

    def value(self, nets, losses, action):
        return torch.min(*[net(torch.cat([losses, action], 1))[:, 0] for net in nets])

    def descend(self, place, loss):
        self.optimisers[place].zero_grad()
        loss.backward()
        self.optimisers[place].step()

    def learn(self, met, rng):
        n = self.count
        table = torch.from_numpy(met)
        before, action, reward, after = table[:, :n], table[:, n : 2 * n], table[:, 2 * n], table[:, 2 * n + 1 :]
        noise = [torch.from_numpy(rng.standard_normal((len(met), n))) for _ in range(2)]
        alpha = self.log_alpha.exp().detach()
        with torch.no_grad():
            next_action, next_log = self.acted(after, noise[0])
            goal = reward + 0.99 * (self.value(self.targets, after, next_action) - alpha * next_log)
        x = torch.cat([before, action], 1)
        self.descend(0, sum(nn.functional.mse_loss(net(x)[:, 0], goal) for net in self.critics))
        own, log = self.acted(before, noise[1])
        self.descend(1, (alpha * log - self.value(self.critics, before, own)).mean())
        self.descend(2, -(self.log_alpha * (log.detach() - n)).mean())
        for net, slow in zip(self.critics, self.targets, strict=True):
            for new, old in zip(net.parameters(), slow.parameters(), strict=True):
                old.data = 0.005 * new.data + 0.995 * old.data

    def chosen(self, losses, rng):
        noise = torch.from_numpy(rng.standard_normal(self.count))
        with torch.no_grad():
            return self.acted(torch.tensor([losses], dtype=torch.float64), noise)[0][0]


def test_the_agent_learns_as_torchs_own_modules_and_optimisers_do():
    agent = Agent(2, 5, 1e-2)
    mind = begun(agent, np.random.default_rng(0))
    met = np.random.default_rng(1).standard_normal((6, 7))
    critics = [network(agent.critic, half) for half in torch.from_numpy(mind["agent_critics"]).chunk(2)]
    twin = Twin(2, 1e-2, network(agent.actor, torch.from_numpy(mind["agent_actor"])), critics)
    for step in range(5):
        mind = improved(agent, mind, met, np.random.default_rng(step))
        twin.learn(met, np.random.default_rng(step))
    np.testing.assert_allclose(mind["agent_actor"], flat_of(twin.actor), atol=1e-9)
    np.testing.assert_allclose(mind["agent_critics"], torch.cat([flat_of(net) for net in twin.critics]), atol=1e-9)
    np.testing.assert_allclose(mind["agent_targets"], torch.cat([flat_of(net) for net in twin.targets]), atol=1e-9)
    np.testing.assert_allclose(mind["agent_alpha"], twin.log_alpha.detach(), atol=1e-9)


def newborn(sizes, rng):
    """A network whose weights are uniform in +-1 / sqrt(inputs)."""
    drawn = [rng.uniform(-1, 1, (a + 1) * b) / math.sqrt(a) for a, b in itertools.pairwise(sizes)]
    return network(sizes, torch.from_numpy(np.concatenate(drawn)))


def test_the_agent_is_rewarded_by_the_least_improved_task():
    """Random weights of steps 1 to 4, then five of the agent's, which learns twice a step from what it met so far."""
    balancer = made(Balance("igb2", {"warmup": 2, "explore": 0.4, "batch": 4, "hidden": 6, "lr": 0.05}))
    lines = [*LOSSES, [0.6, 1.4, 1.3], [0.4, 1.3, 1.25], [0.35, 1.2, 1.0]]
    base = [(x + y) / 2 for x, y in zip(lines[0], lines[1], strict=True)]
    state, met, twin, shares = balancer.start(TASKS), [], None, []
    for step, line in enumerate(lines, start=1):
        told = replace(signals(1), step=step, steps=10, losses=np.array(line))
        answer, state = balancer.weigh(told, state)
        rng = np.random.default_rng([0, step, 0x5AC])
        if step > 2:
            before = lines[step - 2]
            reward = min((before[k] - line[k]) / base[k] for k in range(3))
            met.append([*before, *(3 * share for share in shares), reward, *line])
        if step < 5:
            shares = soft(rng.standard_normal(3).tolist())
        else:
            if twin is None:
                actor, *critics = (newborn(sizes, rng) for sizes in ((3, 6, 6, 6), (6, 6, 6, 1), (6, 6, 6, 1)))
                twin = Twin(3, 0.05, actor, critics)
            for _ in range(2):
                twin.learn(np.array(met)[rng.integers(len(met), size=4)], rng)
            shares = (twin.chosen(line, rng) / 3).tolist()
        check(answer.weights, [share / loss for share, loss in zip(shares, line, strict=True)])
    check(state["met"], met)
    assert state["agent_count"].tolist() == [10]


def test_private_sums_are_weighed_and_hidden():
    balancer = made(Balance("private", {"clip": 0.5, "noise": 2.0, "power": 1.0}))
    state, spent_so_far = balancer.start(TASKS), []
    check(state["weights"], [1.0, 0.25, 0.01])
    for step in range(1, STEPS):
        found = signals(step)
        answer, state = balancer.weigh(found, state)
        noise = np.random.default_rng([0, step, 0xD9]).standard_normal(2)
        expected = (np.array([1.0, 0.25, 0.01]) @ found.gradients.numpy() + 1.0 * noise) / 6
        check(answer.gradient.numpy(), expected)
        spent_so_far.append(answer.spent)
    # task 0: 10 examples of 10 rows is one pass, hidden behind a noise of 2; two passes from step 6 on
    assert spent_so_far[4][0, 0] == pytest.approx(spent(2.0 / 2, 1, 1e-5))  # another row moves it by two cuts
    assert spent_so_far[4][1, 0] == pytest.approx(spent(8.0 / 2, 1, 1e-5))
    assert spent_so_far[4][0, 1] == pytest.approx(spent(2.0, 5, 1e-5, rate=2 / 10))
    assert (np.diff([line[:, 1] for line in spent_so_far], axis=0) > 0).all()


@pytest.mark.parametrize(
    ("noise", "batch", "epochs", "published"),
    [(1.3, 256, 15, 1.19), (1.1, 256, 60, 3.01), (0.7, 256, 45, 7.10)],
)
def test_epsilon_of_drawn_rows_is_that_of_tensorflow_privacys_tutorial(noise, batch, epochs, published):
    """MNIST, 60,000 rows, delta 1e-5: the table of its README. Theirs has orders between the whole ones as well."""
    assert spent(noise, epochs * 60_000 / batch, 1e-5, rate=batch / 60_000) == pytest.approx(published, abs=0.03)


def test_epsilon_of_one_use_is_that_of_the_gaussian_mechanism():
    """min over order of order / (2 noise^2) + log(1 / delta) / (order - 1), in closed form."""
    for noise in (1.0, 2.0, 5.0):
        closed = 1 / (2 * noise**2) + math.sqrt(2 * math.log(1e5)) / noise
        assert spent(noise, 1, 1e-5) == pytest.approx(closed, rel=0.01)
    assert spent(4.0, 10_000, 1e-5, rate=0.01) == pytest.approx(1.26, abs=0.01)  # Abadi et al. (2016), section 5.1


def sentences(words, count, rng):
    return [tuple(rng.choice(words, size=12).tolist()) for _ in range(count)]


def test_density_ratios_find_the_rows_that_look_like_the_targets():
    rng = np.random.default_rng(0)
    target_words, other_words = np.arange(0, 60), np.arange(40, 100)
    wanted = sentences(target_words, 150, rng)
    like, unlike = sentences(target_words, 100, rng), sentences(other_words, 100, rng)
    ratios = density_ratios(wanted, [*like, *unlike])
    assert ratios.mean() == pytest.approx(1.0)
    assert np.median(ratios[:100]) > 3 * np.median(ratios[100:])
    same = density_ratios(wanted, sentences(target_words, 150, rng))
    assert np.std(np.log(same)) < np.std(np.log(ratios))


def test_confidence_is_kept_row_by_row_over_passes():
    """H11: count, mean and variance of each row's confidence equal those of its values one by one."""
    rows = [Example("a", "0", (1,), (2,)), Example("b", "0", (1,), (2,))]
    losses = np.array([[0.1, 2.0], [0.5, 1.0], [0.3, 3.0]])
    kept = Confidence()
    for line in losses:
        kept = kept.then(rows, line)
    for place, row in enumerate(rows):
        count, mean, spread = kept.rows[row.task, row.id]
        values = np.exp(-losses[:, place])
        assert (count, mean, spread / count) == pytest.approx((3, values.mean(), values.var()))
    np.testing.assert_allclose(kept.means(rows[::-1]), np.exp(-losses).mean(axis=0)[::-1])


GROUP, ECHO = tiny.group_task(), tiny.echo_task()
CHEAP = Train(lr=5e-3, batch_examples=8, max_length=96)
FEW = replace(ECHO, name="few", rows={**ECHO.rows, "train": ECHO.rows["train"][:3]})
UNEVEN = replace(CHEAP, balancer=Balance("private"), weights={"echo": 2.0})


def fine_tune(base, balancer, tasks=(GROUP, ECHO), **others):
    options = {"targets": ("group",), "budget": Budget(steps=4), "lora": Lora(layers="top-2")}
    train = {"train": replace(CHEAP, balancer=balancer)}
    return FineTune(base, tasks, **{**options, **train, **others})


def run(evaluate, *names, seed=0):
    (found,) = evaluate([Request(Mixture.of(names), seed=seed)])
    assert found.error is None
    return found


def test_a_trial_tells_what_privacy_it_cost(random_base):
    found = run(fine_tune(random_base, Balance("private")), "group", "echo").balancing
    assert set(found.privacy) == {"group", "echo"}
    assert all(drawn > 0 and 0 < used < math.inf for used, drawn in found.privacy.values())
    assert found.terms == {"delta": 1e-5, "clip": 1.0, "noise": 1.0}


def test_no_row_moves_a_private_gradient_further_than_its_cut(random_base):
    """With the noise left out, one row more or less changes the sum by at most clip x weight."""
    engine = fine_tune(random_base, Balance("private", {"clip": 0.3, "noise": 1e-9, "power": 0.0})).engine
    request = Request(Mixture.of(["group", "echo"]))
    drawn = engine.plan(request)
    batch = list(drawn.batches[0])
    with engine._adapted(seed=0) as trainee:
        sums = []
        for rows in (batch, batch[1:]):
            gradient = engine._guides.balanced(request, drawn, trainee, 512)
            gradient(rows, 1)
            sums.append(torch.cat([p.grad.flatten() for p in trainee.parameters]) * len(rows))
            for parameter in trainee.parameters:
                parameter.grad = None
    moved = float((sums[0] - sums[1]).norm())
    assert moved == pytest.approx(0.3, rel=1e-3)  # these gradients are longer than the cut


def test_facts_of_rows():
    rows = [Example("group", str(i), (1, 2, 3), (7, 0) if i % 4 else (8, 0)) for i in range(8)]
    facts = facts_of({"classes"}, [GROUP], {"group": rows}, {})
    assert facts.class_shares["group", "0"] == 0.25 * 2
    assert facts.class_shares["group", "1"] == 0.75 * 2
    sure = Task(
        "sure", rows={"train": [Row("0", {"input": "a", "confidence": "0.25"}, "a"), Row("1", {"input": "a"}, "a")]}
    )
    assert facts_of({"confidences"}, [sure], {}, {}).confidences == {("sure", "0"): 0.25}
    echo = [Example("echo", str(i), (i, i + 1), (1, 0)) for i in range(20)]
    densities = facts_of({"densities"}, [GROUP, ECHO], {"group": rows, "echo": echo}, {"group": rows}).densities
    assert {name for name, _ in densities} == {"echo"}


def surely(name, confidence):
    rows = [
        Row(str(i), {"input": tiny.ANIMALS[i % 8], "confidence": confidence}, tiny.ANIMALS[i % 8]) for i in range(24)
    ]
    return Task(name, rows={"train": rows[:16], "dev": rows[16:]}, template=Template("", "say {input}\nAnswer:"))


def test_rows_carry_their_own_confidence(random_base):
    """A dataset that says of half its rows that they are doubtful gives those less weight."""
    tasks = (GROUP, surely("sure", "1.0"), surely("doubtful", "0.2"))
    evaluate = fine_tune(random_base, Balance("mt_isa", {"tasks": False}), tasks, budget=Budget(steps=3))
    weights = run(evaluate, "group", "sure", "doubtful").balancing.weights
    assert weights["doubtful"][0] < 0.5 * weights["sure"][0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: fine_tune("x", Balance("class_frequency"), (ECHO, tiny.echo_task("e")), targets=("echo",)),
            "by their",
        ),
        (lambda: fine_tune("x", Balance("density_ratio"), targets=("group", "echo")), "Name fewer targets"),
        (lambda: Balance("density_ratio", {"cap": 0.5}), "is >= 1"),
        (lambda: Balance("private", {"delta": 2.0}), "is below 1"),
        (lambda: Balance("uncertainty", {"regulariser": "l2"}), "log or log1p"),
        (lambda: fine_tune("x", Balance("mt_isa"), (GROUP, surely("s", "1.5"))), r"confidence is in \[0, 1\]"),
        (
            lambda: fine_tune(
                "x",
                Balance("private"),
                train=replace(CHEAP, balancer=Balance("private"), overrides={"group": TaskTrain(loss="contrastive")}),
            ),
            "compare rows",
        ),
        (
            lambda: fine_tune("x", Balance("private"), train=UNEVEN),
            r"behind less noise than it says; \['echo'\]",
        ),
        (lambda: fine_tune("x", Balance("coba"), (GROUP, FEW)), r"\['few'\] have fewer than 4"),
        (
            lambda: fine_tune("x", Balance(), train=replace(CHEAP, mixing=Mixing("grape")), tasks=(GROUP, FEW)),
            "Mixing 'grape' looks at",
        ),
    ],
)
def test_a_balancer_that_does_not_suit_the_rows_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
