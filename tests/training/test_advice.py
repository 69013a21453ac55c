"""Advice on the learning rate goes by the number of steps and the method; few looks at held-out rows are said."""

from pathlib import Path

import pytest
import tiny

from cotune.config import load_config
from cotune.training import Balance, Budget, FineTune, Lora, Mixing, Train
from cotune.training.advice import rates

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "src/cotune/demo.yaml", *sorted((ROOT / "examples/biomed").glob("*.yaml"))]


def said(model: str, steps: int, *, lr: float, method: str = "lora") -> list[str]:
    tasks = [tiny.group_task(), tiny.echo_task()]
    train, lora = Train(lr=lr, batch_examples=4, max_length=64), Lora(method=method, layers="all")
    warnings = FineTune(model, tasks, targets=["group"], budget=Budget(steps=steps), train=train, lora=lora).warnings()
    return [line for line in warnings if line.startswith("Learning rate")]


def test_the_same_rate_is_low_high_or_right_by_the_budget_alone(random_base):
    few, some, many = (said(random_base, steps, lr=6e-4) for steps in (40, 100, 30_000))
    assert few == ["Learning rate 0.0006 is low for LoRA over 40 steps; try 0.0008 to 0.01."]
    assert some == []
    assert many == ["Learning rate 0.0006 is high for LoRA over 30000 steps; try 3e-05 to 0.0006."]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"mixing": Mixing("aioli", every=10)}, "Mixing 'aioli' looks at held-out rows 4 times in 40 steps"),
        ({"balancer": Balance("coba", every=20)}, "Balancer 'coba' looks at held-out rows 2 times in 40 steps"),
        ({"mixing": Mixing("aioli", every=8)}, None),
        ({"balancer": Balance("dwa", every=40)}, None),
        ({"mixing": Mixing("ama_r", reference="base", every=40)}, None),
    ],
)
def test_few_looks_at_held_out_rows_are_said(random_base, options, expected):
    train = Train(lr=2e-3, batch_examples=4, max_length=64, **options)
    tasks = [tiny.group_task(), tiny.echo_task()]
    warnings = FineTune(random_base, tasks, targets=["group"], budget=Budget(steps=40), train=train).warnings()
    looks = [line for line in warnings if "looks at" in line]
    assert len(looks) == (expected is not None)
    assert all(line.startswith(expected) for line in looks)


def test_full_fine_tuning_takes_a_tenth(random_base):
    assert said(random_base, 100, lr=2e-3) == said(random_base, 100, lr=2e-4, method="full") == []
    (line,) = said(random_base, 100, lr=2e-3, method="full")
    assert "high for full fine-tuning over 100 steps" in line


def test_more_steps_never_ask_for_a_higher_rate():
    for method in ("lora", "full"):
        pairs = [rates(steps, method) for steps in (1, 10, 60, 94, 1000, 100_000)]
        assert all(low < high for low, high in pairs)
        assert pairs == sorted(pairs, reverse=True)


@pytest.mark.parametrize(
    ("steps", "lr"), [(94, 2e-3), (60, 3e-3), (60, 7e-3), (1875, 2e-4), (5000, 1e-4), (5000, 5e-4)]
)
def test_rates_that_are_known_to_do_suit(steps, lr):
    low, high = rates(steps, "lora")
    assert low < lr < high


@pytest.mark.parametrize("study", SHIPPED, ids=lambda path: path.name)
def test_shipped_studies_do_not_warn(study):
    config = load_config(study)
    low, high = rates(round(config.budget.tokens / config.train.batch_tokens), config.lora.method)
    assert low < config.train.lr < high
