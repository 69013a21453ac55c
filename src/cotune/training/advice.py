"""Advice: settings that are allowed and yet likely to mislead, found before anything is spent."""

from math import sqrt
from typing import Literal

from cotune.mixture import Mixture
from cotune.training.balance.choice import Balance, needs_of
from cotune.training.balance.contract import HELD
from cotune.training.engine import Engine
from cotune.training.errors import TrialError
from cotune.training.goal import BATCH_TOKENS
from cotune.training.loop import warmup_steps
from cotune.training.merge.turns import is_merged, steps_of, tunings
from cotune.training.mix.choice import Mixing
from cotune.training.mix.choice import needs_of as needs_of_mixer
from cotune.training.mix.contract import HELD as HELD_BY_MIXERS
from cotune.training.mixing import Plan
from cotune.training.setup import Setup
from cotune.trial import Request

FEW_STEPS = 10
FEW_LOOKS = 5
LORA_RATES = (5e-3, 1e-1)
FULL_RATES = (5e-4, 1e-2)
TRUNCATED_SHARE = 0.05
LARGE_SHARE = 0.9


def advice(engine: Engine) -> tuple[str, ...]:
    """Gives what may go wrong when the whole pool, or the targets alone, are trained on; one sentence each."""
    setup = engine.setup
    notes = _lengths(engine)
    everything = Request(Mixture.of(task.name for task in setup.tasks))
    try:
        drawn = engine.plan(everything)
    except TrialError as error:
        return (*notes, str(error))
    plan_notes = (
        *_rate(_mean_steps(drawn, setup), setup),
        *(_turns(drawn, setup) if is_merged(drawn, setup.train) else _steps(drawn, setup)),
        *_looks(drawn, setup),
        *_phases(drawn),
        *_shares(drawn, setup),
    )
    return (*notes, *plan_notes)


def rates(steps: int, method: Literal["lora", "full"]) -> tuple[float, float]:
    """Gives the lowest and the highest learning rate that suit so many steps, within a factor of two or so.

    A rule of thumb: rates fall with the square root of the steps, the highest only from 100 steps on. The constants
    for LoRA are judgement, not a sweep: 1e-4 to 5e-4 is customary over thousands of steps (Dettmers et al., 2023,
    "QLoRA": 2e-4 over 1,875), and single runs of a 135M model learned at 2e-3 over 94 steps. Full fine-tuning takes a
    tenth, and short runs of LoRA want more (Schulman et al., 2025, "LoRA Without Regret").

    >>> rates(100, "lora"), rates(2500, "lora")
    ((0.0005, 0.01), (0.0001, 0.002))
    """
    low, high = LORA_RATES if method == "lora" else FULL_RATES
    return low / sqrt(steps), high / sqrt(max(steps, 100))


def _mean_steps(drawn: Plan, setup: Setup) -> int:
    """Gives the steps of a training; of several that are merged, those of a dataset on average."""
    datasets = len(drawn.exposure) if is_merged(drawn, setup.train) else 1
    return round(steps_of(drawn, setup.train) / datasets)


def _rate(steps: int, setup: Setup) -> list[str]:
    lr, method = setup.train.lr, setup.lora.method
    low, high = rates(steps, method)
    if low <= lr <= high:
        return []
    words, way = "low" if lr < low else "high", "LoRA" if method == "lora" else "full fine-tuning"
    return [f"Learning rate {lr:g} is {words} for {way} over {steps} steps; try {low:.1g} to {high:.1g}."]


def _steps(drawn: Plan, setup: Setup) -> list[str]:
    steps = len(drawn.batches)
    notes = []
    if steps < FEW_STEPS:
        notes.append(f"The budget makes only {steps} optimizer steps; raise it or lower train.batch_tokens.")
    if warmup_steps(steps, setup.train) >= steps:
        notes.append(f"The warm-up takes all of the {steps} steps; lower train.warmup.")
    return notes


def _turns(drawn: Plan, setup: Setup) -> list[str]:
    """Tells of tunings between two merges that are very short, or no longer than their warm-up."""
    found, turns = tunings(drawn, setup.train), setup.train.merging.turns
    steps, name = min((len(plan.batches), name) for plans in found for name, plan in plans.items())
    notes, fewer = [], f"lower train.merging.turns ({turns}), " if turns > 1 else ""
    if steps < FEW_STEPS:
        notes.append(
            f"Merging tunes {name!r} for {steps} optimizer step{'s' * (steps != 1)} in a turn; {fewer}raise the budget "
            "or lower train.batch_tokens."
        )
    if warmup_steps(steps, setup.train) >= steps:
        notes.append(f"The warm-up takes all of the {steps} steps in which merging tunes {name!r}; lower train.warmup.")
    return notes


def _looks(drawn: Plan, setup: Setup) -> list[str]:
    """Tells where rows that are held out are looked at too rarely to change much."""
    balance, mixing, steps = setup.train.balancer, setup.train.mixing, len(drawn.batches)
    asked: list[tuple[str, Balance | Mixing, bool]] = [
        ("balancer", balance, bool(needs_of(balance) & HELD)),
        ("mixing", mixing, bool(needs_of_mixer(mixing) & HELD_BY_MIXERS)),
    ]
    return [
        f"{key.capitalize()} {chosen.name!r} looks at held-out rows {looks} times in {steps} steps and can change "
        f"little; lower train.{key}.every ({chosen.every}) or raise the budget."
        for key, chosen, looking in asked
        if looking and (looks := -(-steps // chosen.every)) < FEW_LOOKS
    ]


def _phases(drawn: Plan) -> list[str]:
    sizes = [sum(lesson.tokens.values()) for lesson in drawn.lessons]
    brief = sum(size * len(drawn.batches) < sum(sizes) for size in sizes)
    if len(sizes) < 2 or not brief:
        return []
    return [f"{brief} of {len(sizes)} phases of the curriculum are shorter than a batch and mix; raise the budget."]


def _lengths(engine: Engine) -> list[str]:
    notes = []
    for task in engine.setup.tasks:
        rows = len(task.rows.get("train", ()))
        examples = engine.pool([task.name])[task.name]
        length = engine.setup.train.length_of(task.name)
        if (dropped := rows - len(examples)) > 0:  # a text may become several examples
            notes.append(f"{dropped} train rows of {task.name!r} are left out: their answers pass {length} tokens.")
        cut = sum(example.truncated for example in examples)
        if cut > TRUNCATED_SHARE * max(rows, 1):
            notes.append(f"{cut} of {rows} train rows of {task.name!r} are cut to {length} tokens; raise max_length.")
    return notes


def _shares(drawn: Plan, setup: Setup) -> list[str]:
    notes = []
    total = sum(exposure.tokens for exposure in drawn.exposure.values())
    for name, exposure in drawn.exposure.items():
        if exposure.examples < 1:
            notes.append(f"The share of {name!r} is less than one example when all datasets are in; raise the budget.")
        if len(drawn.exposure) > 1 and exposure.tokens > LARGE_SHARE * total:
            percent = 100 * exposure.tokens / total
            notes.append(f"{name!r} takes {percent:.0f} % of the tokens when all are in; consider size_policy: equal.")
    if setup.budget.kind == "tokens" and total < 0.99 * setup.budget.amount:
        notes.append(f"Only {total:,} of {setup.budget.amount:,.0f} tokens can be trained; raise cap_epochs.")
    size = setup.train.batch_examples or setup.train.batch_tokens or BATCH_TOKENS
    if setup.train.batch_examples is None and setup.train.max_length > size:
        notes.append(f"One row may fill a whole batch ({setup.train.max_length} of {size} tokens); raise batch_tokens.")
    return notes
