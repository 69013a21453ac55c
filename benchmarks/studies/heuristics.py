"""The loop without its network against simpler heuristics, at equal fine-tunings."""

from benchmarks.case import Rules
from benchmarks.studies.pictures import bars
from benchmarks.studies.problems import pool_paths, pool_problems
from benchmarks.studies.regrets import Regrets, shown, signed
from benchmarks.studies.searches import cases, regrets
from benchmarks.studies.similarity import similarity
from benchmarks.studies.study import Found, Sources, Study, table
from benchmarks.studies.texts import with_texts

METHODS = {
    "default": "`default`: trained network and processes",
    "prior_fitted": "trained network alone",
    "process": "the loop without a network: processes alone",
    "neural": "the source's network, reconstructed",
    "anchored_greedy": "greedy from the better end",
    "greedy_forward": "greedy forward",
    "hamming_gp": "plain Gaussian process",
    "trees": "randomised trees",
    "ridge_shares": "ridge on root shares",
    "ridge_pairs": "ridge on pairs",
    "popularity": "popularity mean",
    "similarity": "similarity ranker",
    "target_only": "target only",
    "all": "all datasets",
    "random": "random",
}
BUDGETS = (12, 24)
OURS = ("default", "prior_fitted", "process", "neural")
AGAINST = ("default", "process")


def measure(sources: Sources) -> Found:
    """Searches the same problems with every method."""
    problems = pool_problems(sources.pools, sources.limit(24), least=7)
    texts = {path.stem: with_texts(path, sources.data) for path in pool_paths(sources.pools, 7)}
    plain = cases(problems, [name for name in METHODS if name != "similarity"])
    ranked = [similarity(texts[pool.name], target) for pool, (target,) in problems]
    return regrets([*plain, *ranked], Rules(BUDGETS), sources).to_json()


def text(result: Found) -> str:
    """Shows mean regret, best first, and paired differences from `default` and from the loop without a network."""
    found = Regrets.from_json(result)
    head = ("method", *(f"{budget} runs" for budget in BUDGETS), "minus `default`, 24 runs", "minus processes, 24 runs")
    order = sorted(METHODS, key=lambda method: found.mean(method, BUDGETS[-1])[0])
    lines = {
        METHODS[method]: (
            *(shown(found.mean(method, budget)) for budget in BUDGETS),
            *("" if method == other else signed(found.minus(method, other, BUDGETS[-1])) for other in AGAINST),
        )
        for method in order
    }
    return f"{table(head, lines)}\n\n{_verdict(found)} ({len(found.problems)} problems, paired.)"


def _verdict(found: Regrets) -> str:
    """Says which heuristics the search is ahead of and which it is not, whichever way it came out."""
    said = [_standing(found, budget) for budget in BUDGETS]
    for other in ("process", "neural"):
        minus = signed(found.minus(other, "default", BUDGETS[-1]))
        said.append(f"After {BUDGETS[-1]} runs, mean regret of {METHODS[other]}, minus `default`: {minus}.")
    return " ".join(said)


def _standing(found: Regrets, budget: int) -> str:
    minus = {METHODS[method]: found.minus(method, "default", budget) for method in METHODS if method not in OURS}
    ahead = [name for name, (_, low, _) in minus.items() if low > 0]
    behind = [name for name, (_, _, high) in minus.items() if high < 0]
    unclear = [name for name in minus if name not in (*ahead, *behind)]
    return (
        f"After {budget} runs `default` is ahead of {len(ahead)} of {len(minus)} heuristics; "
        f"not separable: {', '.join(unclear) or 'none'}; behind: {', '.join(behind) or 'none'}."
    )


def picture(result: Found) -> str:
    """Draws the paired differences from `default`."""
    found = Regrets.from_json(result)
    minus = {method: found.minus(method, "default", 24) for method in METHODS if method != "default"}
    lines = dict(sorted(minus.items(), key=lambda item: item[1][0]))
    return bars(lines, unit="mean regret minus that of default, 24 runs", label="Heuristics against default")


STUDY = Study(measure, text, picture)
