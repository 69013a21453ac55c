"""A soft actor-critic whose whole mind is arrays, so that it can be saved and go on to the bit."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from cotune.training.balance.contract import Array, State, softmax

GAMMA, POLYAK = 0.99, 0.005
FIRST_ALPHA = 0.2


@dataclass(frozen=True)
class Agent:
    """The sizes of an agent for `count` tasks: two hidden layers of `hidden` in the actor and both critics."""

    count: int
    hidden: int
    lr: float

    @property
    def actor(self) -> tuple[int, ...]:
        """Sizes from losses to means and log-deviations."""
        return (self.count, self.hidden, self.hidden, 2 * self.count)

    @property
    def critic(self) -> tuple[int, ...]:
        """Sizes from losses and weights to a value."""
        return (2 * self.count, self.hidden, self.hidden, 1)


def begun(agent: Agent, rng: np.random.Generator) -> State:
    """Gives the mind of an agent that has learned nothing: weights uniform in +-1 / sqrt(inputs), as torch's."""
    actor, first, second = (_drawn(sizes, rng) for sizes in (agent.actor, agent.critic, agent.critic))
    critics = np.concatenate([first, second])
    parts = {"actor": actor, "critics": critics, "alpha": np.log([FIRST_ALPHA])}
    moments = {f"{name}_{kind}": np.zeros(len(part)) for name, part in parts.items() for kind in ("first", "second")}
    mind = {**parts, **moments, "targets": critics.copy(), "count": np.zeros(1)}
    return {f"agent_{name}": array for name, array in mind.items()}


def chosen(agent: Agent, mind: State, losses: Array, rng: np.random.Generator) -> Array:
    """Gives the weights that the actor chooses, [task]; they sum to 1."""
    out = _passed(torch.from_numpy(mind["agent_actor"]), torch.from_numpy(losses)[None], agent.actor)[0].numpy()
    mean, deviation = out[: agent.count], np.exp(out[agent.count :].clip(-20, 2))
    return softmax(mean + deviation * rng.standard_normal(agent.count))


def improved(agent: Agent, mind: State, met: Array, rng: np.random.Generator) -> State:
    """Gives the mind after one update of critics, actor and temperature on transitions [transition, part].

    A transition is losses, weights x tasks, reward and losses after. Source: Haarnoja et al. (2018), "Soft Actor-Critic
    Algorithms and Applications", with entropy -K as its aim. The entropy is that of the Gaussian u whose softmax is the
    action; IGB's released code corrects it as if the action were tanh(u), which it is not.
    """
    count, table = agent.count, torch.from_numpy(met)
    before, action, reward, after = table.split([count, count, 1, count], dim=1)
    noise = [torch.from_numpy(rng.standard_normal((len(met), count))) for _ in range(2)]
    alpha = torch.from_numpy(mind["agent_alpha"]).exp()
    actor, critics = (torch.from_numpy(mind[f"agent_{name}"]).requires_grad_() for name in ("actor", "critics"))
    with torch.no_grad():
        next_action, next_log = _acted(actor, after, noise[0], agent)
        best = _worth(torch.from_numpy(mind["agent_targets"]), after, next_action, agent).amin(dim=0)
        goal = reward[:, 0] + GAMMA * (best - alpha * next_log)
    error = (_worth(critics, before, action, agent) - goal).square().mean(dim=1).sum()
    mind = _adam(mind, "critics", torch.autograd.grad(error, critics)[0], agent.lr)
    new = torch.from_numpy(mind["agent_critics"])
    own, log = _acted(actor, before, noise[1], agent)
    regret = (alpha * log - _worth(new, before, own, agent).amin(dim=0)).mean()
    mind = _adam(mind, "actor", torch.autograd.grad(regret, actor)[0], agent.lr)
    slope = -(log.detach() - count).mean()[None]  # of -log_alpha (log + aim), the aim -count
    mind = _adam(mind, "alpha", slope, agent.lr)
    targets = POLYAK * mind["agent_critics"] + (1 - POLYAK) * mind["agent_targets"]
    return {**mind, "agent_targets": targets, "agent_count": mind["agent_count"] + 1}


def _drawn(sizes: tuple[int, ...], rng: np.random.Generator) -> Array:
    pairs = itertools.pairwise(sizes)
    return np.concatenate([rng.uniform(-1, 1, (a + 1) * b) / np.sqrt(a) for a, b in pairs])


def _passed(flat: torch.Tensor, x: torch.Tensor, sizes: tuple[int, ...]) -> torch.Tensor:
    """Gives what a network with all its weights in `flat` makes of x, [row, output]; ReLU between layers."""
    done = 0
    for a, b in itertools.pairwise(sizes):
        weight = flat[done : done + a * b].view(a, b)
        x = (x if done == 0 else x.relu()) @ weight + flat[done + a * b : done + (a + 1) * b]
        done += (a + 1) * b
    return x


def _acted(
    actor: torch.Tensor, losses: torch.Tensor, noise: torch.Tensor, agent: Agent
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gives actions [row, task] and the log-density of what they are the softmax of, [row]."""
    mean, log_deviation = _passed(actor, losses, agent.actor).split(agent.count, dim=1)
    log_deviation = log_deviation.clamp(-20, 2)
    drawn = mean + log_deviation.exp() * noise
    log = -(noise.square() / 2 + log_deviation + 0.5 * np.log(2 * np.pi)).sum(dim=1)
    return agent.count * drawn.softmax(dim=1), log


def _worth(critics: torch.Tensor, losses: torch.Tensor, action: torch.Tensor, agent: Agent) -> torch.Tensor:
    """Gives what both critics make of actions, [critic, row]."""
    x = torch.cat([losses, action], dim=1)
    return torch.stack([_passed(half, x, agent.critic)[:, 0] for half in critics.chunk(2)])


def _adam(mind: State, name: str, slope: torch.Tensor, lr: float) -> State:
    """Gives the mind after a step of Adam on one of its parts."""
    gradient, count = slope.numpy(), mind["agent_count"][0] + 1
    first = 0.9 * mind[f"agent_{name}_first"] + 0.1 * gradient
    second = 0.999 * mind[f"agent_{name}_second"] + 0.001 * gradient**2
    step = first / (1 - 0.9**count) / (np.sqrt(second / (1 - 0.999**count)) + 1e-8)
    part = mind[f"agent_{name}"] - lr * step
    return {**mind, f"agent_{name}": part, f"agent_{name}_first": first, f"agent_{name}_second": second}
