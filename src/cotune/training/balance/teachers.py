"""Teachers: models trained on one dataset each, whose outputs another is to come near."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby

import torch
from torch import nn

from cotune.training.balance.contract import Array
from cotune.training.balance.losses import example_means
from cotune.training.balance.passes import Passes
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.lora import State, Trainee
from cotune.training.losses import answer_token_losses, token_weights, total_weight

Weights = Sequence[torch.Tensor]
"""Values of the trained parameters, in their order."""


def weights_of(trainee: Trainee, state: State | None) -> Weights:
    """Gives the weights of a trained state, or those of now; the trainee stays what it is."""
    if state is None:
        return [parameter.detach().clone() for parameter in trainee.parameters]
    now = trainee.state()
    trainee.load(state)
    weights = [parameter.detach().clone() for parameter in trainee.parameters]
    trainee.load(now)
    return weights


@contextmanager
def standing_in(parameters: Sequence[nn.Parameter], weights: Weights) -> Iterator[None]:
    """Gives parameters other values; afterwards they are what they were, to the bit."""
    before = [parameter.detach().clone() for parameter in parameters]
    _set(parameters, weights)
    try:
        yield
    finally:
        _set(parameters, before)


def taught(
    passes: Passes, batch: Sequence[Example], step: int, teachers: Mapping[str, Weights], temperature: float
) -> tuple[torch.Tensor, Array]:
    """Gives the gradients of a batch's loss and of its distillation loss [2, parameter], and the losses [example].

    Both are means over answer tokens with the settings' weights. The distillation loss of a token is temperature^2 x
    KL(teacher, model). It costs a forward pass of the teachers, without dropout, and a backward pass more.

    Raises:
        TrialError: a loss or a gradient is not finite.
    """
    total = total_weight(batch, passes.train)
    sums, means = None, []
    for pack in passes.decoder.split(batch, passes.pack_tokens):
        goal = _logits(passes, pack, teachers)  # first, since a graph does not outlive a change of its weights
        logits = passes.decoder.logits(pack)
        losses = answer_token_losses(logits, pack, passes.train, passes.stakes)
        check_finite("loss", float(losses.detach().sum()), step)
        means.append((pack, losses.detach()))
        weights = token_weights(pack, passes.train, losses.device) / total
        distance = divergences(goal, logits, temperature)
        both = [_gradient((weights * each).sum(), passes.parameters) for each in (losses, distance)]
        sums = torch.stack(both) if sums is None else sums.add_(torch.stack(both))
    if sums is None:
        raise ValueError("A batch has at least one example.")
    check_finite("gradient", float(sums.sum()), step)
    return sums, example_means(means)


def divergences(goal: torch.Tensor, logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Gives temperature^2 x KL(softened goal, softened logits) of each row, [answer token]; both are logits.

    >>> float(divergences(torch.zeros(1, 2), torch.zeros(1, 2), 2.0))
    0.0
    """
    wanted, own = ((each.float() / temperature).log_softmax(dim=1) for each in (goal, logits))
    return temperature**2 * (wanted.exp() * (wanted - own)).sum(dim=1)


def _logits(passes: Passes, pack: Sequence[Example], teachers: Mapping[str, Weights]) -> torch.Tensor:
    """Gives what the teacher of each example expects at its answer tokens, [answer token, vocabulary]."""
    found = []
    with passes.quietly(), torch.no_grad():
        for name, rows in groupby(pack, key=lambda example: example.task):
            with standing_in(passes.parameters, teachers[name]):
                found.append(passes.decoder.logits(list(rows)))
    return torch.cat(found)


def _gradient(loss: torch.Tensor, parameters: Sequence[nn.Parameter]) -> torch.Tensor:
    """Gives the gradient as one row, [parameter]; the graph stays for another."""
    given = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    pairs = zip(parameters, given, strict=True)
    parts = [(torch.zeros_like(parameter) if part is None else part).flatten() for parameter, part in pairs]
    return torch.cat([part.float().to(parts[0].device) for part in parts])  # a split model's are on several


def _set(parameters: Sequence[nn.Parameter], weights: Weights) -> None:
    with torch.no_grad():
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.copy_(weight)
