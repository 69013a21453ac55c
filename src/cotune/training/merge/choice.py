"""The choice of a merger: its name and options in the settings, and the object that they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from cotune.training.options import Option, build

if TYPE_CHECKING:
    from cotune.training.merge.contract import Merger

NONE = "none"
PLACES: Mapping[str, str] = {"average": "average:Average"}
"""Module and class of each merger, below this package; `none` is none."""


@dataclass(frozen=True)
class Merging:
    """Whether each dataset is trained by itself and the results are merged, and by which merger with its options.

    In each of `turns` every dataset is tuned on its next rows, from what the last turn merged. With `none` all datasets
    are trained together.
    """

    name: str = NONE
    options: Mapping[str, Option] = field(default_factory=dict)
    turns: int = 1

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise ValueError(f"train.merging.turns is >= 1; got {self.turns}.")
        if merger_of(self) is None and self.turns != 1:
            raise ValueError(
                f"train.merging.turns is {self.turns} without a merger; name one, as name: average, or leave turns out."
            )

    @property
    def is_on(self) -> bool:
        """Whether anything is merged."""
        return self.name != NONE


def merger_of(choice: Merging) -> "Merger | None":
    """Gives the merger that was chosen; None where all datasets are trained together.

    Raises:
        ValueError: no such merger, no such option, or a value out of its range.
    """
    places = {name: f"cotune.training.merge.{place}" for name, place in PLACES.items()}
    return cast("Merger | None", build("Merger", choice.name, choice.options, places, none=NONE))
