"""Which features help, in the pool that is searched and in a new one."""

from benchmarks.case import Case, Rules
from benchmarks.intervals import interval
from benchmarks.studies.encodings import ENCODINGS, encoded, sampler
from benchmarks.studies.new_pool import Known, correlation, known, predicted, regret_of_first, regret_of_random
from benchmarks.studies.problems import pool_paths, spread
from benchmarks.studies.regrets import Regrets, shown
from benchmarks.studies.searches import regrets
from benchmarks.studies.study import Found, Sources, Study, table
from benchmarks.studies.texts import datasets, with_texts

BUDGETS = (12, 24)
PREDICTED = 40
"""Problems whose pool is predicted from the others; few of them teach nothing."""


def measure(sources: Sources) -> Found:
    """Searches pools with the reconstruction on each encoding, and ranks pools by what the rest taught."""
    paths = pool_paths(sources.pools)
    pools = [with_texts(path, sources.data) for path in paths]
    held = {pool.name: datasets(path) for pool, path in zip(pools, paths, strict=True)}
    chosen = spread([(pool, targets) for pool in pools for targets in pool.targets()], PREDICTED)
    codes = {(pool.name, target): encoded(pool, target) for pool, (target,) in chosen}
    problems = [known(pool, target, codes[pool.name, target], held[pool.name]) for pool, (target,) in chosen]
    large = [(pool, targets) for pool, targets in chosen if len(pool.table.names) >= 7]
    wanted = [
        Case(pool, (target,), name, 0, sampler(codes[pool.name, target], groups))
        for pool, (target,) in spread(large, sources.limit(12))
        for name, groups in ENCODINGS.items()
    ]
    return regrets(wanted, Rules(BUDGETS), sources).to_json() | {"new": _new(problems)}


def _new(problems: list[Known]) -> Found:
    """Gives regret of the best of the first six and rank correlation [problem] by encoding, and what random six get."""
    found: Found = {"random": [regret_of_random(problem.scores) for problem in problems]}
    for name, groups in ENCODINGS.items():
        guesses = predicted(problems, problems, groups)
        found[name] = {
            "regret": [regret_of_first(guesses[problem.name], problem.scores) for problem in problems],
            "correlation": [correlation(guesses[problem.name], problem.scores) for problem in problems],
        }
    return found


def text(result: Found) -> str:
    """Shows both regrets side by side."""
    found, new = Regrets.from_json(result), result["new"]
    head = ("features", *(f"same pool, {budget} runs" for budget in BUDGETS), "new pool, first six", "rank correlation")
    lines = {
        name: (
            *(shown(found.mean(name, budget)) for budget in BUDGETS),
            shown(interval(new[name]["regret"])),
            shown(interval(new[name]["correlation"])),
        )
        for name in ENCODINGS
    }
    lines["six at random"] = ("", "", shown(interval(new["random"])), "0")
    same = min(ENCODINGS, key=lambda name: found.mean(name, BUDGETS[-1])[0])
    other = min(ENCODINGS, key=lambda name: sum(new[name]["regret"]))
    return (
        f"{table(head, lines)}\n\nLeast mean regret in the pool that is searched ({len(found.problems)} problems, 24 "
        f"runs): {same}; in a new pool, without any run there ({len(new['random'])} problems): {other}."
    )


STUDY = Study(measure, text)
