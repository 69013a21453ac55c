"""How regret falls with the number of fine-tunings, and which budget to choose."""

import numpy as np

from benchmarks.case import Rules
from benchmarks.studies.pictures import Line, curves
from benchmarks.studies.problems import landscape_problems, pool_problems
from benchmarks.studies.regrets import Regrets, shown
from benchmarks.studies.searches import cases, regrets
from benchmarks.studies.study import Found, Sources, Study, table

METHODS = ("default", "anchored_greedy", "random")
BUDGETS = (6, 9, 12, 18, 24, 36, 48, 72, 96)
LEAST = 8
"""Pools of fewer datasets have hardly more combinations than the largest budget has runs."""
WORTH = 0.02
"""What twice the fine-tunings must save in mean regret to be worth them."""


def measure(sources: Sources) -> Found:
    """Searches pools of 8 datasets or more, where 96 runs are not all there is, and landscapes."""
    problems = pool_problems(sources.pools, sources.limit(36), least=LEAST) + landscape_problems(sources.limit(7))
    return regrets(cases(problems, METHODS), Rules(BUDGETS), sources).to_json()


def recommended(found: Regrets) -> int | None:
    """Gives the least budget that its double improves on by less than `WORTH`, none if none is."""
    level = {budget: found.mean("default", budget)[0] for budget in found.budgets}
    enough = [budget for budget in level if 2 * budget in level and level[budget] - level[2 * budget] < WORTH]
    return min(enough, default=None)


def text(result: Found) -> str:
    """Shows the mean with its interval, the middle 80 % of problems, and the recommendation."""
    found = Regrets.from_json(result)
    head = ("fine-tunings", *METHODS, "`default`, 10 % to 90 % of problems", "optimum found")
    lines = {}
    for budget in found.budgets:
        regret = found.at("default", budget)
        low, high = np.quantile(regret, [0.1, 0.9])
        means = [shown(found.mean(method, budget)) for method in METHODS]
        lines[str(budget)] = (*means, f"{low:.3f} to {high:.3f}", f"{np.mean(regret == 0):.0%}")
    budget = recommended(found)
    if budget is None:
        advice = (
            f"**No budget here is enough**: twice as many fine-tunings still improve on each by {WORTH} or more in "
            f"mean regret ({len(found.problems)} problems). Take as many as you can pay."
        )
        return f"{table(head, lines)}\n\n{advice}"
    advice = (
        f"**Recommended: {budget} fine-tunings.** It is the least budget that twice as many improve on by less than "
        f"{WORTH} in mean regret ({len(found.problems)} problems)."
    )
    return f"{table(head, lines)}\n\n{advice}"


def picture(result: Found) -> str:
    """Draws mean regret with its interval."""
    found = Regrets.from_json(result)
    lines = {method: Line(found.budgets, *_band(found, method)) for method in METHODS}
    label = "Normalised regret by number of fine-tunings"
    return curves(lines, x_unit="fine-tunings", y_unit="mean normalised regret, 95 % interval", label=label)


def _band(found: Regrets, method: str) -> tuple[list[float], list[float], list[float]]:
    mean, low, high = zip(*(found.mean(method, budget) for budget in found.budgets), strict=True)
    return [*mean], [*low], [*high]


STUDY = Study(measure, text, picture)
