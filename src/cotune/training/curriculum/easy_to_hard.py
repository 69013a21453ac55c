"""Easy before hard, by the losses of the model as it is.

Bengio, Louradour, Collobert and Weston, 2009, "Curriculum Learning"; scored by a model that was trained on other data,
as the transfer scoring of Hacohen and Weinshall, 2019, "On The Power of Curriculum Learning in Training Deep Networks",
and paced as in `pacing`. There batches are drawn evenly from what is open, so that easy rows are seen more often in
all. Ours keeps to the rows and numbers of a training without curriculum, and changes their order alone.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.curriculum.contract import Facts, Need, Phase, Span, along
from cotune.training.curriculum.pacing import PACES, Pace
from cotune.training.example import Example


@dataclass(frozen=True)
class EasyToHard:
    """Opens datasets, or with `by="examples"` the rows of each, from the smallest loss on.

    The fraction `start` is open from the beginning; `pace` leads to all being open once the fraction `full` of the
    tokens of the easiest dataset, or of each dataset's rows, was shown.
    """

    by: str = "datasets"
    pace: str = "root"
    start: float = 0.2
    full: float = 0.7
    names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _check_word("by", self.by, ("datasets", "examples"))
        _check_word("pace", self.pace, PACES)
        for key, value in {"start": self.start, "full": self.full}.items():
            if not 0 < value < 1:
                raise ValueError(f"Option {key!r} of curriculum 'easy_to_hard' is in (0, 1); got {value}.")

    @property
    def needs(self) -> frozenset[Need]:
        """A sample of each dataset is measured; where rows open, one dataset will do."""
        return frozenset() if self.by == "examples" else frozenset({"several", "losses"})

    @property
    def pacing(self) -> Pace | None:
        """How rows open, if they do."""
        return self._pace if self.by == "examples" else None

    @property
    def _pace(self) -> Pace:
        return Pace(self.pace, self.start, self.full)

    def phases(self, facts: Facts) -> tuple[Phase, ...]:
        """Gives a phase for each dataset that opens; one where rows do."""
        if self.by == "examples":
            return (Phase(1.0, facts.shares),)
        ranked = sorted(facts.shares, key=lambda name: (facts.losses[name], name))
        opens = [self._pace.opens(place / len(ranked)) for place in range(len(ranked))]
        return along({name: [Span(begin, 1)] for name, begin in zip(ranked, opens, strict=True)}, facts.shares)


def paced(examples: list[Example], losses: list[float], pace: Pace, rng: np.random.Generator) -> list[Example]:
    """Gives the examples in a new order: each place is drawn evenly from what is open there and was not shown yet."""
    ranked = [examples[place] for place in np.argsort(losses, kind="stable")]
    shown: list[Example] = []
    waiting: list[Example] = []
    opened = 0
    for place in range(len(ranked)):
        upto = max(int(np.ceil(pace.open_at(place / len(ranked)) * len(ranked))), place + 1)
        waiting += ranked[opened:upto]
        opened = max(opened, upto)
        shown.append(waiting.pop(int(rng.integers(len(waiting)))))
    return shown


def _check_word(key: str, value: str, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"Option {key!r} of curriculum 'easy_to_hard' is one of {list(words)}; got {value!r}.")
