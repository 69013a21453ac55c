"""Where an error was raised, also in another process."""

import traceback
from pathlib import Path

_AT = "raised at "


def place_of(error: BaseException) -> str:
    """Gives file and line that `error` was raised at: as noted, else by its traceback; "" if neither is there.

    >>> try:
    ...     raise ValueError("no")
    ... except ValueError as error:
    ...     place_of(error).endswith(":2")
    True
    """
    notes: list[str] = vars(error).get("__notes__", [])
    noted = [note.removeprefix(_AT) for note in notes if note.startswith(_AT)]
    frames = traceback.extract_tb(error.__traceback__)
    if noted or not frames:
        return noted[0] if noted else ""
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"


def note_place(error: BaseException, place: str) -> None:
    """Notes on `error` that it was raised at `place`, for whoever gets it without its traceback."""
    error.add_note(f"{_AT}{place}")
