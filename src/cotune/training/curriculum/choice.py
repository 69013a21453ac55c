"""The choice of a curriculum: its name and options in the settings, and the object that they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from cotune.training.curriculum.contract import Timetable
from cotune.training.curriculum.written import Stage, Written
from cotune.training.options import Option, build

NONE = "none"
PLACES: Mapping[str, str] = {
    "two_stage": "two_stage:TwoStage",
    "easy_to_hard": "easy_to_hard:EasyToHard",
    "alternate": "alternate:Alternate",
    "hints": "hints:Hints",
    "sequential": "sequential:Sequential",
}
"""Module and class of each curriculum, below this package; `none` is none, and so is it with `stages`."""


@dataclass(frozen=True)
class Curriculum:
    """When each dataset is shown: a curriculum by name with its options, or `stages` in one's own words.

    With `none` and no stages all datasets are mixed from the first batch to the last.
    """

    name: str = NONE
    options: Mapping[str, Option] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        timetable(self)  # a wrong name or option shows before anything is loaded


def timetable(choice: Curriculum) -> Timetable | None:
    """Gives the curriculum that was chosen; None stands for a mix throughout.

    Raises:
        ValueError: no such curriculum, no such option, a value out of its range, or a name beside stages.
    """
    if choice.name != NONE and choice.stages:
        raise ValueError(f"A curriculum has a name or stages; got {choice.name!r} and {len(choice.stages)} stages.")
    if choice.stages:
        return Written(choice.stages)
    if choice.name == NONE:
        if choice.options:
            raise ValueError(f"Without a curriculum's name there are no options; got {sorted(choice.options)}.")
        return None
    places = {name: f"cotune.training.curriculum.{place}" for name, place in PLACES.items()}
    return cast(Timetable, build("Curriculum", choice.name, choice.options, places, none=NONE))
