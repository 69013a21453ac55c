"""The training loop of a stack: each trial takes its own steps, on its own data, until it ends or diverges."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from cotune.training.example import Example
from cotune.training.forest import packs, tokens_of
from cotune.training.loop import rate
from cotune.training.losses import answer_token_losses, pace, total_weight, weights_of
from cotune.training.mixing import Plan
from cotune.training.settings import Train
from cotune.training.together.adamw import AdamW, clip
from cotune.training.together.decoder import StackDecoder
from cotune.training.together.seats import Dice
from cotune.training.together.stack import Stack

Packs = Sequence[Sequence[Example]]

FILL = 0.8
"""A row of a pass has at least so many of the tokens of its longest one."""


@dataclass
class Course:
    """One trial's way through the training: what it trains on and how, its losses, and how it ended.

    The courses of a stack differ in the factors on the tasks' losses alone.
    """

    plan: Plan
    train: Train
    losses: list[float] = field(default_factory=list)
    error: str | None = None
    row: torch.Tensor | None = None  # [column], its trained factors

    @property
    def steps(self) -> int:
        """How many steps it takes."""
        return len(self.plan.batches)


def fit(
    decoder: StackDecoder,
    stack: Stack,
    courses: Sequence[Course],
    dice: Dice,
    *,
    train: Train,
    pack_tokens: int,
    tell: Callable[[int, Sequence[int]], None],
) -> None:
    """Trains the stack, whose trials are `courses` in that order, and notes in each how it went.

    A trial whose loss or gradient is not finite, or whose steps are done, leaves at once and the others go on; nothing
    of one is ever in another. `tell` is told the steps that are done and the courses that go on.
    """
    stack.train(dice)
    optimizer = AdamW(stack.table, train)
    live = list(range(len(courses)))
    step = 0
    while live:
        tell(step, live)
        step += 1
        mine = [courses[index] for index in live]
        _step(decoder, stack, mine, optimizer, step, train, pack_tokens)
        for row, course in enumerate(mine):
            if course.error is None and step == course.steps:
                course.row = stack.table[row].clone()
        left = [row for row, course in enumerate(mine) if course.error is None and course.row is None]
        if len(left) < len(live):
            live = [live[row] for row in left]
            _keep(left, stack, optimizer, dice)


def _step(
    decoder: StackDecoder,
    stack: Stack,
    courses: Sequence[Course],
    optimizer: AdamW,
    step: int,
    train: Train,
    pack_tokens: int,
) -> None:
    """Takes one step of all trials; those that diverge get their error, and their step counts for nothing."""
    if stack.gradients is None:
        raise RuntimeError("The stack is not in training.")
    stack.gradients.zero_()
    parts = [_descend(decoder, trials, given, courses, step) for trials, given in _passes(courses, step, pack_tokens)]
    norms = clip(stack.gradients, train.clip)
    _note(courses, [trials for trials, _ in parts], torch.cat([*(part for _, part in parts), norms]).tolist(), step)
    good = [course.error is None for course in courses]
    if not all(good):
        stack.gradients[[not is_good for is_good in good]] = 0.0
    rates = [rate(step, course.steps, train) * pace(course.plan.batches[step - 1], course.train) for course in courses]
    optimizer.step(stack.table, stack.gradients, rates)


def _passes(courses: Sequence[Course], step: int, pack_tokens: int) -> Iterator[tuple[list[int], Packs]]:
    """Yields the trials of a pass with a pack of each: first the first packs of all, then the second ones.

    So each trial meets its packs in the order in which it would alone, and has one row in a pass. Rows of a pass are of
    about the same length, since short ones are filled up to the longest.
    """
    runs = [packs_of(course.plan.batches[step - 1], pack_tokens) for course in courses]
    for number in range(max(len(run) for run in runs)):
        sizes = {trial: tokens_of(run[number]) for trial, run in enumerate(runs) if len(run) > number}
        trials: list[int] = []
        for trial in sorted(sizes, key=lambda trial: -sizes[trial]):
            if trials and sizes[trial] < FILL * sizes[trials[0]]:
                yield sorted(trials), [runs[each][number] for each in sorted(trials)]
                trials = []
            trials.append(trial)
        yield sorted(trials), [runs[each][number] for each in sorted(trials)]


def packs_of(batch: Sequence[Example], pack_tokens: int) -> list[list[Example]]:
    """Gives the packs of a batch, as a trial alone makes them."""
    return packs(sorted(batch, key=lambda example: example.task), pack_tokens)


def _descend(
    decoder: StackDecoder, trials: list[int], given: Packs, courses: Sequence[Course], step: int
) -> tuple[list[int], torch.Tensor]:
    """Adds the gradients of one pass and gives the trials with their parts of the loss, [trial of the pass]."""
    logits = decoder.logits(trials, given)
    examples = [example for pack in given for example in pack]
    weights = [
        weight for trial, pack in zip(trials, given, strict=True) for weight in weights_of(pack, courses[trial].train)
    ]
    losses = torch.tensor(weights, device=logits.device) * answer_token_losses(logits, examples, courses[0].train)
    tokens = [sum(len(example.answer) for example in pack) for pack in given]
    divisors = [total_weight(courses[trial].plan.batches[step - 1], courses[trial].train) for trial in trials]
    sums = torch.stack([part.sum() for part in losses.split(tokens)])
    parts = sums / torch.tensor(divisors, device=sums.device)
    parts.sum().backward()
    return trials, parts.detach()


def _note(courses: Sequence[Course], passes: Sequence[list[int]], values: Sequence[float], step: int) -> None:
    """Adds the step's loss to each course, or the error of one that diverged.

    `values` are the parts of the loss, pass by pass, and then the norm of each gradient: what the device is asked for
    once a step.
    """
    sums, found = [0.0] * len(courses), iter(values)
    for trial in (trial for trials in passes for trial in trials):
        part = next(found)
        sums[trial] += part if math.isfinite(sums[trial]) else 0.0  # alone it would have ended there
    for course, loss, norm in zip(courses, sums, found, strict=True):
        if not math.isfinite(loss):
            course.error = f"diverged: loss is {loss} at step {step}"
        elif not math.isfinite(norm):
            course.error = f"diverged: gradient is {norm} at step {step}"
        course.losses.append(loss)


def _keep(left: list[int], stack: Stack, optimizer: AdamW, dice: Dice) -> None:
    if left:
        stack.keep(left)
        optimizer.keep(left)
        dice.keep(left)
