"""Climbing: a training goes from rung to rung, until it ends or a limit of its request stops it."""

from collections.abc import Callable, Mapping

import torch

from cotune.training.halted import Halted
from cotune.training.loop import Descent
from cotune.training.lora import Trainee
from cotune.training.rungs import Course, Halt
from cotune.trial import Point, Request


def climb(
    request: Request,
    descent: Descent,
    trainee: Trainee,
    rungs: Mapping[int, float],
    look: Callable[[], Mapping[str, float]],
    halted: Halted,
) -> Course:
    """Trains to the end, on from where an equal request was stopped, and looks at it on each of `rungs`.

    What is stopped now is put among the `halted`. A rung that was passed before is not looked at again.
    """
    curve = _resume(request, descent, trainee, halted)
    for step, fraction in rungs.items():
        if step <= len(descent.losses):
            continue
        descent.advance(step)
        curve += (Point(fraction, look()),)
        if request.stop and request.stop.is_hopeless(fraction, curve[-1].losses):
            course = Course(tuple(descent.losses), curve, fraction)
            generator = torch.get_rng_state()
            left = (descent.moments(), generator, descent.memory, descent.lasting.state())
            halted.put(request, Halt(course, trainee.state(), *left))
            return course
    descent.advance(descent.steps)
    return Course(tuple(descent.losses), curve)


def _resume(request: Request, descent: Descent, trainee: Trainee, halted: Halted) -> tuple[Point, ...]:
    """Sets a training to where an equal one was stopped, if one was, and gives the curve until there."""
    found = halted.take(request)
    if found is None:
        return ()
    trainee.load(found.state)
    torch.set_rng_state(found.generator)
    descent.resume(found.course.losses, found.moments, found.memory, found.kept)
    return found.course.curve
