"""Mixtures as they are typed: `a,b` or `a=2,b`."""

from cotune.mixture import Mixture
from cotune.problem import Problem, check_names


def parse_mixture(text: str, problem: Problem) -> Mixture:
    """Gives the mixture of `a,b` (equal parts) or `a=2,b` (two parts of a).

    Raises:
        ValueError: unknown datasets, or parts that are not whole numbers >= 1.
    """
    parts: dict[str, int] = {}
    for item in text.split(","):
        name, sign, count = (part.strip() for part in item.partition("="))
        if name in parts:
            raise ValueError(f"Dataset {name!r} is twice in the mixture {text!r}; write its parts as {name}=2.")
        if sign and not (count.isdecimal() and count.isascii() and 1 <= int(count) <= 99):
            raise ValueError(f"Parts are whole numbers from 1 to 99, as in a=2,b; got {item!r}.")
        parts[name] = int(count) if sign else 1
    check_names(parts, problem.names)
    return Mixture.of(parts)
