"""What studies conclude, on results that were planted."""

import numpy as np
import pytest
from benchmarks.studies import architectures, batches, fine_tunings, heuristics, other_targets, overhead, robustness
from benchmarks.studies.regrets import Regrets


def planted(of: dict[str, list[float]], budgets: tuple[int, ...], problems: int = 3) -> Regrets:
    """Regrets that are equal on all problems."""
    names = tuple(f"p{number}" for number in range(problems))
    return Regrets(names, budgets, {method: np.tile(curve, (problems, 1)) for method, curve in of.items()})


def test_the_recommended_budget_is_the_least_whose_double_hardly_helps():
    curve = [0.5, 0.3, 0.2, 0.19, 0.15]
    found = planted(dict.fromkeys(fine_tunings.METHODS, curve), (6, 12, 24, 48, 96))
    assert fine_tunings.recommended(found) == 24
    assert "**Recommended: 24 fine-tunings.**" in fine_tunings.text(found.to_json())
    steep = planted({"default": [0.5, 0.4, 0.3]}, (6, 12, 24))
    assert fine_tunings.recommended(steep) is None
    all_steep = planted({method: [0.5, 0.4, 0.3] for method in fine_tunings.METHODS}, (6, 12, 24))
    assert "**No budget here is enough**" in fine_tunings.text(all_steep.to_json())


def late(runs: int) -> list[float]:
    """One at a time loses a hundredth a run; a batch is `runs` behind."""
    return [1 - 0.01 * max(budget - runs, 0) for budget in batches.BUDGETS]


@pytest.mark.parametrize(("behind", "met"), [(2, "is met"), (4, "is not met")])
def test_batches_that_lag_need_as_many_more_runs(behind, met):
    found = planted({"1": late(0), "4": late(behind), "16": late(99)}, batches.BUDGETS)
    assert batches.needed(found, "4", 12) == (12 + behind,) * 3
    assert batches.needed(found, "16", 12)[0] == np.inf
    text = batches.text({"landscapes": found.to_json()})
    assert met in text
    assert "> 36 [> 36, > 36]" in text
    assert f"{100 * behind / 12:+.0f} % at 12" in text


def test_heuristics_print_where_the_search_loses():
    level = dict.fromkeys(heuristics.METHODS, 0.3) | {"default": 0.2, "process": 0.1, "trees": 0.1}
    level |= {"greedy_forward": 0.2}
    text = heuristics.text(planted({name: [value, value] for name, value in level.items()}, (12, 24)).to_json())
    assert text.count("ahead of 9 of 11 heuristics; not separable: greedy forward; behind: randomised trees.") == 2
    assert "processes alone, minus `default`: -0.100 [-0.100, -0.100]" in text
    assert text.index("| randomised trees") < text.index("| `default`") < text.index("| random |")


def test_robustness_marks_where_regret_doubles():
    names = {robustness._name(*setting): [0.1] for setting in robustness.settings()}
    near, far = (robustness._name(*setting) for setting in ((32, 0.1, "200 steps"), (8, 0.1, "50 steps")))
    text = robustness.text(planted(names | {near: [0.2], far: [0.2]}, (12,)).to_json())
    assert text.count("**0.200 (x 2.00)**") == 2
    assert f"It doubles at 2 settings (bold); with one thing changed, at: {near}." in text
    assert "It doubles at 0 settings (bold); with one thing changed, at: none." in robustness.text(
        planted(names, (12,)).to_json()
    )


def test_architectures_show_cost_beside_regret():
    of = {name: [1.0] * 10 + [0.05] * 13 for name in architectures.SAMPLERS} | {"linear": [1.0] * 23}
    result = planted(of, architectures.BUDGETS).to_json() | {"seconds": dict.fromkeys(of, (0.25, 0.5))}
    text = architectures.text(result)
    assert "| linear | 0.250 | 0.500 | 1.000 [1.000, 1.000]" in text
    assert "> 24 (0% of problems)" in text
    assert text.count("12 (100% of problems)") == len(of) - 1


def test_overhead_is_a_share_of_a_fine_tuning_and_of_the_search():
    cost = {"last": 0.5, "all": 24.0, "peak": 1500.0}
    places = {"8 datasets, 24 runs": {"default": cost}, "64 datasets, 200 runs": {"default": cost}}
    text = overhead.text({"proposing": places, "fine_tuning": {"seconds": 99.0, "hardware": "h", "commit": "c"}})
    assert "| `default`, 8 datasets, 24 runs | 0.500 | 0.51 % | 24.00 | 1 % | 1500 |" in text  # 24 / (24 + 24 * 99)
    assert "| `default`, 64 datasets, 200 runs | 0.500 | 0.51 % |  |  | 1500 |" in text
    assert "of 1 s is met, that of 1 GB is not met" in text


@pytest.mark.parametrize(("level", "said"), [(0.1, "better than"), (0.5, "worse than"), (0.3, "not separable from")])
def test_other_targets_are_compared_with_popularity(level, said):
    ranked = {name: {"regret": [0.3, 0.3], "correlation": [0.5, 0.5]} for name in other_targets.RANKERS}
    ranked["network"]["regret"] = [level, level]
    text = other_targets.text({"problems": ["a", "b"], "random": [0.4, 0.4], **ranked})
    assert f"{said} popularity" in text
