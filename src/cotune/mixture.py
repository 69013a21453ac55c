"""Mixtures: how many whole parts of each task go into one fine-tuning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import gcd


@dataclass(frozen=True, order=True)
class Mixture:
    """Whole parts of each task, in lowest terms, sorted by task name.

    A *combination* is a mixture with equal parts. The empty mixture stands for the base model, on which
    nothing is trained.

    >>> Mixture.of({"b": 4, "a": 2, "c": 0})
    Mixture(parts=(('a', 1), ('b', 2)))
    >>> str(Mixture.of(["a", "b"]))
    'a + b'
    """

    parts: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.parts]
        if names != sorted(set(names)):
            raise ValueError(f"A mixture names each task once, sorted; got {names}. Use Mixture.of({{...}}).")
        counts = [count for _, count in self.parts]
        if any(type(count) is not int or count < 1 for count in counts):
            raise ValueError(f"Parts are whole numbers >= 1; got {dict(self.parts)}.")
        if counts and gcd(*counts) != 1:
            raise ValueError(f"Parts are in lowest terms; got {dict(self.parts)}. Use Mixture.of({{...}}).")

    @classmethod
    def of(cls, parts: Mapping[str, int] | Iterable[str]) -> "Mixture":
        """Gives the mixture of `parts`: task names, or a mapping from name to whole parts (0 leaves a task out).

        Raises:
            ValueError: parts are negative or not whole.
        """
        if not isinstance(parts, Mapping):
            parts = dict.fromkeys(parts, 1)
        bad = {name: count for name, count in parts.items() if type(count) is not int or count < 0}
        if bad:
            raise ValueError(f"Parts are whole numbers >= 0; got {bad}.")
        kept = sorted((name, count) for name, count in parts.items() if count)
        divisor = gcd(*(count for _, count in kept)) or 1
        return cls(tuple((name, count // divisor) for name, count in kept))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tasks that are in."""
        return tuple(name for name, _ in self.parts)

    def to_json(self) -> dict[str, int]:
        """Gives a JSON object from task name to parts; `Mixture.of` reads it back."""
        return dict(self.parts)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __len__(self) -> int:
        return len(self.parts)

    def __str__(self) -> str:
        if not self.parts:
            return "base model"
        return " + ".join(name if count == 1 else f"{count} {name}" for name, count in self.parts)


BASE = Mixture()
