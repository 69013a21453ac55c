"""How often a search on synthetic pools raises each alarm: false ones where it goes well, true ones where it cannot."""

import argparse
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import cast, get_args

import numpy as np

from cotune.config.names import SAMPLERS, named
from cotune.search import Sampler
from cotune.study import Alarm, Event, Study
from cotune.study.alarms import Trouble
from cotune.testing import REGIMES, Landscape, landscape


def main() -> None:
    """Prints a line for each regime: in how many of its searches each alarm was raised at least once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alarms", description=__doc__)
    parser.add_argument("--pools", type=int, default=6, help="landscapes of each regime")
    parser.add_argument("--noise", type=float, default=0.0, help="in distances from the median to the best score")
    parser.add_argument("--trials", type=int, default=30, help="fine-tunings of a search, without confirmation")
    parser.add_argument("--sampler", default="default", help=f"one of {', '.join(SAMPLERS)}")
    options = parser.parse_args()
    sampler = cast(Sampler, named(options.sampler, SAMPLERS, what="sampler"))
    print("regime", *get_args(Trouble), sep=", ")
    for regime in REGIMES:
        raised: list[set[Trouble]] = []
        for number in range(options.pools):
            rng = np.random.default_rng([1, REGIMES.index(regime), number])
            drawn = landscape(regime, rng, size=8 + number % 3, jitter=(0.05, 0.2, 0.5)[number % 3])
            raised.append(set(_raised(drawn, sampler, options.noise, options.trials)))
        counts = [f"{sum(trouble in found for found in raised)}/{len(raised)}" for trouble in get_args(Trouble)]
        print(regime, *counts, sep=", ", flush=True)


def _raised(drawn: Landscape, sampler: Sampler, noise: float, trials: int) -> Iterator[Trouble]:
    """Yields the troubles that a study of the landscape's first task is told of."""
    problem = drawn.problem()
    scores = drawn.scores(problem.encode(problem.mixtures()).astype(np.int64))[:, 0]  # [mixture]
    sd = noise * float(scores.max() - np.median(scores))
    events: list[Event] = []
    with TemporaryDirectory() as folder:
        study = Study(folder, problem)
        evaluate = drawn.evaluate(noise=sd)
        study.run(evaluate, sampler=sampler, trials=trials, confirm=0, base=False, on_event=events.append)
    yield from (event.trouble for event in events if isinstance(event, Alarm))


if __name__ == "__main__":
    main()
