"""Rungs: the steps of a training after which it is looked at, and may be stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from cotune.training.balance.memory import Memory
from cotune.training.decoder import Decoder
from cotune.training.example import Example
from cotune.training.likelihood import choices
from cotune.training.lora import State
from cotune.training.loss.lasting import Kept
from cotune.training.mix.gradient import Memory as MixMemory
from cotune.training.scoring import Exam
from cotune.trial import Point, Request


@dataclass(frozen=True)
class Course:
    """How a training went: the loss of each step, the points of its curve, and the fraction it was stopped after."""

    losses: tuple[float, ...]
    curve: tuple[Point, ...] = ()
    reached: float = 1.0


@dataclass(frozen=True)
class Halt:
    """A training that was stopped, with all that it needs to go on as if it had not been."""

    course: Course
    state: State = field(repr=False)
    moments: dict[str, object] = field(repr=False)
    generator: torch.Tensor = field(repr=False)
    memory: Memory | MixMemory | None = field(default=None, repr=False)
    kept: Kept = field(default_factory=Kept, repr=False)

    @property
    def nbytes(self) -> int:
        """What it takes of memory, about: the weights and two moments of each, and so each copy to go back to.

        What a balancer or a mixer remembers and what losses keep count as well.
        """
        copies = len(self.memory.copies) if isinstance(self.memory, MixMemory) else 0
        known = sum(int(array.nbytes) for array in self.memory.state.values()) if self.memory else 0
        known += self.kept.nbytes
        return known + 3 * (1 + copies) * sum(int(weight.nbytes) for weight in self.state.values())


def rungs(request: Request, steps: int, points: int) -> dict[int, float]:
    """Gives the fraction of the budget by the step, of `steps`, that a training is looked at after.

    `points` halve the budget again and again; a request that may be stopped adds its own. Of fractions that fall on
    one step the largest counts, and the last step is no rung.

    >>> from cotune import Mixture
    >>> rungs(Request(Mixture.of(["a"])), 16, 3)
    {2: 0.125, 4: 0.25, 8: 0.5}
    """
    asked = [fraction for fraction, _ in request.stop.limits] if request.stop else []
    wanted = sorted({2.0**-number for number in range(1, points + 1)} | set(asked))
    found = {max(round(fraction * steps), 1): fraction for fraction in wanted}
    return {step: fraction for step, fraction in found.items() if step < steps}


def read_losses(exams: Sequence[Exam], decoder: Decoder, *, limit: int) -> dict[str, float]:
    """Gives the mean dev loss of each exam's task on its gold answers; random numbers of training stay as they are."""
    losses = {}
    with torch.random.fork_rng():
        for exam in exams:
            readings = decoder.read(gold_of(exam), limit=limit)
            total = sum(float(reading.losses.sum()) for reading in readings)
            losses[exam.task.name] = total / sum(len(reading.losses) for reading in readings)
    return losses


def gold_of(exam: Exam) -> list[Example]:
    """Gives the rows with their gold answers, cut as they are where scoring compares labels, to share its trunk."""
    if exam.way != "likelihood":
        return list(exam.examples)
    return [choices(example, ())[0] for example in exam.examples]


def looked_at(exams: Sequence[Exam], request: Request, points: int) -> list[Exam]:
    """Gives the exams whose losses a rung needs: all for a curve, else those that may stop the request."""
    names = {name for name, _ in request.stop.weights} if request.stop else set()
    return [exam for exam in exams if points or exam.task.name in names]
