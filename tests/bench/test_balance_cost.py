"""The cost of balancers is printed with what was measured and whether the goal is met."""

import pytest
from benchmarks.balance_cost import Cost, chosen, interval, line, page, trained
from benchmarks.engine.models import folder_of
from benchmarks.engine.tasks import made_up
from scipy.stats import binom

from cotune.training import Balance, Budget, FineTune, Lora, Train
from cotune.training.guides import Guides


@pytest.mark.parametrize("count", range(1, 30))
def test_an_interval_holds_the_median_in_95_percent_or_is_all_there_is(count):
    values = [float(value) for value in range(count)]
    low, high = interval(values[::-1])
    assert low + high == count - 1
    outside = int(low)
    assert outside == 0 or 2 * binom.cdf(outside, count, 0.5) <= 0.05
    assert 2 * binom.cdf(outside + 1, count, 0.5) > 0.05  # a narrower one would not do


@pytest.mark.parametrize(
    ("name", "ratio", "shown"),
    [
        ("dwa", 1.04, "loss weights; goal 1.05: met"),
        ("dwa", 1.06, "loss weights; goal 1.05: missed"),
        ("coba", 1.1, "with validation losses; goal 1.15: met"),
        ("famo", 1.3, "with losses after the step"),
        ("mgda", 1.5, "gradients by task"),
        ("mgda@hidden", 1.0, "gradients at the hidden state"),
        ("multibalance", 1.0, "gradients at the hidden state"),
        ("hyper_gradient", 1.1, "gradients by task at some steps"),
    ],
)
def test_a_line_tells_kind_goal_and_memory(name, ratio, shown):
    found = line(Cost(chosen(name), 0.5, (ratio,) * 3, 3 << 20), 2 << 20)
    assert found.startswith(name)
    assert found.endswith(shown)
    assert f"x{ratio:.3f} [{ratio:.3f}, {ratio:.3f}]     3.0 MiB at the peak (x1.50)" in found


def test_the_page_has_times_and_memory_as_multiples_of_those_of_equal_weights():
    text = page("snips", [Cost(chosen("mgda"), 0.5, (1.5, 1.4, 1.6), 3 << 20)], 2 << 20)
    assert text.splitlines()[-1] == "| mgda | gradients by task | x1.500 [1.400, 1.600] | 3 | x1.50 |  |"


def test_a_name_may_say_where_gradients_are_taken():
    assert chosen("mgda@hidden") == Balance("mgda", at="hidden")
    assert chosen("dwa") == Balance("dwa")


def test_what_is_timed_trains_under_the_balancer(tmp_path, monkeypatch):
    asked, real = [], Guides.balanced

    def balanced(self, *given):
        asked.append(self._shop.setup.train.balancer.name)
        return real(self, *given)

    monkeypatch.setattr(Guides, "balanced", balanced)
    tasks, lora = [made_up("a"), made_up("b")], Lora(layers="top-1")
    model = folder_of("tiny", tmp_path)
    evaluate = FineTune(model, tasks, targets=("a",), budget=Budget(steps=1), lora=lora, train=Train(max_length=64))
    assert trained(evaluate, Balance("focal")) > 0
    assert asked == ["focal"]
