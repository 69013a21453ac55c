"""Whether merging suits a study's settings, before anything is loaded."""

from collections.abc import Sequence

from cotune.training.curriculum.choice import Curriculum
from cotune.training.mix.choice import FIXED
from cotune.training.settings import Lora, Scoring, Train


def check_merging(train: Train, lora: Lora, scoring: Scoring, names: Sequence[str]) -> None:
    """Refuses a merger that cannot work with the datasets `names` of a pool, or beside the other settings.

    Raises:
        ValueError: there is one dataset, or a setting asks for something else.
    """
    if not train.merging.is_on:
        return
    what = f"Merger {train.merging.name!r}"
    if len(names) < 2:
        raise ValueError(
            f"{what} merges what two or more datasets were trained to; the pool has {list(names)}. Add a dataset, or "
            "leave train.merging out."
        )
    if lora.method == "full":
        raise ValueError(f"{what} merges adapters; lora.method 'full' trains none. Use method: lora.")
    others = {
        "train.balancer": train.balancer.is_on,
        "train.mixing": train.mixing.name != FIXED,
        "train.curriculum": train.curriculum != Curriculum(),
        "train.processes above 1": train.processes > 1,
        "scoring.curve above 0 (for cotune exhaust: --curve 0)": scoring.curve > 0,
    }
    other = next((name for name, is_on in others.items() if is_on), None)
    if other:
        raise ValueError(
            f"{what} trains each dataset by itself, which does not go with {other}. Leave one of the two out."
        )
