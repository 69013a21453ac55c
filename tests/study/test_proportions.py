"""Proportions are searched by the same loop: where 1:3 is best it is found, and said."""

from pathlib import Path

import numpy as np
import pytest

from cotune import Mixture, Problem, Request, Task, each
from cotune.study import Study
from cotune.verdict import part_effects

PROBLEM = Problem([Task(name) for name in "abcd"], ["a"], levels=3)
BEST = Mixture.of({"a": 1, "b": 3})


def planted(mixture: Mixture) -> float:
    """Best where b has three quarters of the budget; c and d take from it and give nothing."""
    parts, total = mixture.to_json(), sum(count for _, count in mixture.parts)
    share = {name: parts.get(name, 0) / max(total, 1) for name in PROBLEM.names}
    hit = np.exp(-(((share["b"] - 0.75) / 0.2) ** 2))
    return float(0.4 + 0.2 * hit - 0.1 * share["c"] - 0.2 * share["d"])


def noisy(request: Request) -> dict[str, float]:
    rng = np.random.default_rng([request.seed, *(ord(sign) for sign in str(request.mixture))])
    return {"a": planted(request.mixture) + rng.normal(0, 0.004)}


def test_the_planted_proportion_is_the_best() -> None:
    order = sorted(PROBLEM.mixtures(), key=planted)
    assert order[-1] == BEST
    assert planted(BEST) - planted(Mixture.of("ab")) > 0.02


@pytest.mark.parametrize("seed", range(3))
def test_the_loop_finds_one_to_three_and_says_so(tmp_path: Path, seed: int) -> None:
    study = Study(tmp_path, PROBLEM, seed=seed)
    study.run(each(noisy), trials=24)
    verdict = study.verdict()
    assert verdict.winner == verdict.recommended == BEST
    assert verdict.sentence.startswith("a + 3 b beats target only by ")
    trials = [record.trial for record in study.records() if record.trial]
    assert part_effects(PROBLEM, trials)[0].name == "b"
    assert part_effects(PROBLEM, trials)[-1].name == "a"
