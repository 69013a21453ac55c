"""Turns of tuning and merging: each dataset is trained by itself, what comes of it is merged, and so on from there.

Zhou et al., 2024, "ATM: Improving Model Merging by Alternating Tuning and Merging", section 4. One turn is the usual
merging of models that were each trained on one task; it has the budget of one joint training here, not of several.
"""

from collections.abc import Callable, Mapping, Sequence

from cotune.training.draws import full_batches, without_rest
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.lora import Trainee
from cotune.training.lora_factors import Factors, factors_of, nearest, state_of
from cotune.training.merge.choice import merger_of
from cotune.training.mixing import Plan, exposure_of
from cotune.training.settings import Lora, Train

Tunings = Sequence[Mapping[str, Plan]]
"""By turn, what each dataset is tuned on."""

Rows = Sequence[Sequence[Example]]
"""Rows of one dataset, those that enter a batch together as one."""


def is_merged(drawn: Plan, train: Train) -> bool:
    """Whether the datasets of a plan are trained each by itself; a single one is trained as ever."""
    return train.merging.is_on and len(drawn.exposure) > 1


def steps_of(drawn: Plan, train: Train) -> int:
    """Gives how many optimizer steps a plan takes, over all tunings where its datasets are merged."""
    if not is_merged(drawn, train):
        return len(drawn.batches)
    return sum(len(plan.batches) for plans in tunings(drawn, train) for plan in plans.values())


def tunings(drawn: Plan, train: Train) -> Tunings:
    """Gives the plan's rows by turn and dataset, each dataset's in its order, in batches of its own.

    Rows that enter a batch together stay together. A dataset with fewer of these (or rows) than turns is not in all; a
    turn without any is none.
    """
    rows = {name: _rows(drawn, name, train) for name in drawn.exposure}
    turns = min(train.merging.turns, max(map(len, rows.values())))
    return [
        {name: _plan(part, train) for name, own in rows.items() if (part := _part(own, turn, turns))}
        for turn in range(turns)
    ]


def in_turns(
    drawn: Plan,
    train: Train,
    lora: Lora,
    trainee: Trainee,
    tune: Callable[[Plan, int], tuple[float, ...]],
) -> tuple[float, ...]:
    """Tunes on a plan and merges, turn by turn, and gives the loss of each step in the order of training.

    `tune` trains the trainee on a dataset's part and gives the losses; it is told how many steps were taken before.
    A dataset's weight is that of what it changed; one that is not in a turn has changed nothing. After each turn the
    adapter is what was merged, or the nearest to that of its rank.

    Raises:
        TrialError: a loss, a gradient or what is merged is not finite.
    """
    merger = merger_of(train.merging)
    if merger is None:
        raise ValueError("There are no turns without a merger.")
    own = drawn.under(train)
    weights = {name: own.importance(name) for name in drawn.exposure}
    losses: list[float] = []
    scale = lora.alpha / lora.rank
    for plans in tunings(drawn, train):
        start = trainee.state()
        began = factors_of(start, scale)
        tuned = dict.fromkeys(weights, began)
        for name, plan in plans.items():
            trainee.load(start)
            losses += tune(plan, len(losses))
            tuned[name] = factors_of(trainee.state(), scale)
        merged = merger.merge(began, tuned, weights)
        _check(merged, len(losses))
        trainee.load(state_of({module: nearest(whole, lora.rank) for module, whole in merged.items()}))
    return tuple(losses)


def _check(merged: Mapping[str, Factors], step: int) -> None:
    for module, own in merged.items():
        for weight in (own.down, own.up):
            check_finite(f"what is merged in {module!r}", float(weight.abs().max()), step)


def _rows(drawn: Plan, name: str, train: Train) -> Rows:
    own, size = [example for example in drawn.examples if example.task == name], train.of(name).draw
    return [own[at : at + size] for at in range(0, len(own), size)]


def _part(rows: Rows, turn: int, turns: int) -> Rows:
    return rows[turn * len(rows) // turns : (turn + 1) * len(rows) // turns]


def _plan(rows: Rows, train: Train) -> Plan:
    batches = without_rest(list(full_batches(rows, train)))
    each = [example for together in rows for example in together]
    return Plan(batches, exposure_of(batches, {each[0].task: each}))
