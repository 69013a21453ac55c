"""Checks that settings share."""

from collections.abc import Mapping


def check_positive(where: str, amounts: Mapping[str, float | None]) -> None:
    """Refuses amounts that are not positive and finite; None stands for none.

    Raises:
        ValueError: names them and what they are of.
    """
    bad = {name: amount for name, amount in amounts.items() if amount is not None and not 0 < amount < float("inf")}
    if bad:
        raise ValueError(f"Amounts of {where} are positive and finite; got {bad}.")


def check_choice(where: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses a value that is none of the choices.

    Raises:
        ValueError: names the choices.
    """
    if value not in choices:
        raise ValueError(f"{where} is one of {list(choices)}; got {value!r}.")
