"""A process of its own that searches a landscape and tells what it cost: `METHOD DATASETS RUNS` as arguments."""

import json
import resource
import sys
import time

import numpy as np

from cotune.config.names import SAMPLERS, named
from cotune.search import Sampler
from cotune.search.candidates import sample_sizes, to_mixture
from cotune.testing import landscape
from cotune.trial import Request, Trial


def main() -> None:
    """Prints processor seconds of all proposals, of the last one, and the process's peak memory in MB, as JSON."""
    method, datasets, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    found = named(method, SAMPLERS, what="method")
    assert callable(found)
    seconds = searched(found, datasets, runs) if runs <= 24 else [once(found, datasets, runs)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"all": sum(seconds), "last": seconds[-1], "peak": peak}))


def searched(sampler: Sampler, datasets: int, runs: int) -> list[float]:
    """Gives the processor's seconds of each proposal of a search, one at a time."""
    drawn = landscape("between", np.random.default_rng(0), size=datasets)
    problem, evaluate, trials, seconds = drawn.problem(), drawn.evaluate(), list[Trial](), list[float]()
    while len(trials) < runs:
        start = time.process_time()
        proposals = sampler(problem, trials, (), np.random.default_rng(len(trials)), 1)
        seconds.append(time.process_time() - start)
        trials += evaluate([proposal.request for proposal in proposals])
    return seconds


def once(sampler: Sampler, datasets: int, runs: int) -> float:
    """Gives the processor's seconds of one proposal after both anchors and random runs."""
    drawn = landscape("between", np.random.default_rng(0), size=datasets)
    problem, rng = drawn.problem(), np.random.default_rng(1)
    mixtures = [problem.target_only, problem.everything]
    mixtures += [to_mixture(problem, row) for row in sample_sizes(problem, rng, 2 * runs)]
    trials = list(drawn.evaluate()([Request(mixture) for mixture in dict.fromkeys(mixtures)][:runs]))
    start = time.process_time()
    sampler(problem, trials, (), rng, 1)
    return time.process_time() - start


if __name__ == "__main__":
    main()
