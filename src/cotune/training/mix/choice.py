"""The choice of a mixer: its name and options in the settings, and the object that they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from cotune.training.mix.contract import Mixer, Need
from cotune.training.options import Option, build

FIXED = "fixed"
ROOM = "cotune.training.mix"
MIXINGS = {
    "ama_r": f"{ROOM}.ama_r:AmaR",
    "ama_s": f"{ROOM}.ama_s:AmaS",
    "grape": f"{ROOM}.grape:Grape",
    "grape_offline": f"{ROOM}.grape_offline:GrapeOffline",
    "bandit": f"{ROOM}.bandit:Bandit",
    "doremi": f"{ROOM}.doremi:DoReMi",
    "aioli": f"{ROOM}.aioli:Aioli",
    "drop": f"{ROOM}.drop:Drop",
    "msft": f"{ROOM}.msft:MSft",
    "stop_and_go": f"{ROOM}.stop_and_go:StopAndGo",
}
"""Module and class of each mixer; `fixed` is none, and costs nothing."""
REFERENCES = ("specialists", "proxy", "base")


@dataclass(frozen=True)
class Mixing:
    """Which mixer changes the shares while a model trains, with its options; `fixed` keeps those of the size policy.

    Mixers that look at validation losses or gradients do so every `every` steps, on `rows` train rows of each dataset
    that are then not trained on. `reference` says what losses are compared with: `specialists` trains on each dataset
    alone first, `proxy` on the same mixture with fixed shares, `base` is the model as it is; or one for each dataset.
    """

    name: str = FIXED
    options: Mapping[str, Option] = field(default_factory=dict)
    reference: str | Mapping[str, float] | None = None
    every: int = 10
    rows: int = 16

    def __post_init__(self) -> None:
        if self.every < 1 or self.rows < 1:
            raise ValueError(f"every and rows of train.mixing are >= 1; got {self.every} and {self.rows}.")
        mixer = made(self)  # a wrong name or option shows before anything is loaded
        asked = mixer is not None and "reference" in mixer.needs
        if self.reference is not None and not asked:
            raise ValueError(
                f"Mixing {self.name!r} compares losses with no reference; leave train.mixing.reference out."
            )
        if asked and self.reference is None:
            raise ValueError(
                f"Mixing {self.name!r} compares losses with reference losses, and none are given. Set "
                "train.mixing.reference to 'specialists' (trains on each dataset alone first), 'proxy' (trains on the "
                "same mixture first), 'base' (the model as it is), or a mapping from each dataset to its loss."
            )
        if isinstance(self.reference, str) and self.reference not in REFERENCES:
            raise ValueError(
                f"train.mixing.reference is one of {', '.join(REFERENCES)}, or a mapping from dataset to loss; got "
                f"{self.reference!r}."
            )


def made(choice: Mixing) -> Mixer | None:
    """Gives the mixer that was chosen; None stands for fixed shares.

    Raises:
        ValueError: no such mixer, no such option, or a value out of its range.
    """
    return cast(Mixer | None, build("Mixing", choice.name, choice.options, MIXINGS, none=FIXED))


def needs_of(choice: Mixing) -> frozenset[Need]:
    """Gives what is to be computed for the mixer that was chosen."""
    mixer = made(choice)
    return mixer.needs if mixer else frozenset()
