"""The similarity ranker: datasets are added in the order of their likeness to the target, and nothing is learned."""

from benchmarks.case import Case
from benchmarks.pools import Pool
from cotune.mixture import Mixture
from cotune.search import features
from cotune.search.history import first_untried


def similarity(pool: Pool, target: str) -> Case:
    """Gives the case of a pool with texts: both ends first, then the 1, 2, ... likest datasets beside the target.

    Likeness is the cosine of word counts in training rows. It proposes as many mixtures as there are datasets.
    """
    problem = pool.problem(target)
    pairs = [Mixture.of([target, name]) for name in problem.free]
    names, values = features(problem, pairs)
    likeness = dict(zip(problem.free, values[:, names.index("best:word_similarity")], strict=True))
    order = sorted(problem.free, key=lambda name: -likeness[name])
    sizes = [0, len(order), *range(1, len(order))]
    wanted = [(Mixture.of([target, *order[:size]]), "likest") for size in sizes]
    return Case(
        pool,
        (target,),
        "similarity",
        0,
        lambda problem, finished, pending, rng, count: first_untried(wanted, finished, pending, count),  # noqa: ARG005
    )
