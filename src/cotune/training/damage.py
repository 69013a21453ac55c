"""Damage: which file of a model cannot be loaded, in one line, whatever the library that reads it raises."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from safetensors import SafetensorError, safe_open

from cotune.training.memory import is_out_of_memory
from cotune.training.origin import REMEDY, files_folder, first_line, is_stored

CONFIGURATION = ("config.json",)
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
WEIGHTS = ("model*.safetensors*", "pytorch_model*")


@contextmanager
def blaming(name: str, origin: str, files: Sequence[str]) -> Iterator[None]:
    """Turns what loading raises into one line that names those of `files` that are damaged, and a remedy.

    Raises:
        ValueError: anything was raised.
    """
    try:
        yield
    except Exception as error:
        where, remedy = _blame(error, origin, files)
        raise ValueError(f"Cannot load the model {name!r}{where}: {_reason(error)}. {remedy}") from error


def _blame(error: Exception, origin: str, files: Sequence[str]) -> tuple[str, str]:
    """Gives the files that are to blame, in words, and what to do."""
    if is_out_of_memory(error):
        return "", "Free memory, raise limits.memory_gib, or give a smaller model."
    if isinstance(error, ImportError) or "pip install" in str(error):
        return "", "Install what it asks for, or give another model."
    found = sorted(path for file in files for path in files_folder(origin).glob(file)) if is_stored(origin) else []
    if not found:
        return "", REMEDY
    damaged = [path for path in found if _is_damaged(path)]
    remedy = "Fetch or save it again." if damaged else "Fetch or save it again, or give another model."
    return f" from {', '.join(path.name for path in damaged or found)}", remedy


def _is_damaged(path: Path) -> bool:
    try:
        if path.suffix == ".json":
            json.loads(path.read_bytes())
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt"):
                pass
    except (OSError, ValueError, SafetensorError):
        return True
    return False


def _reason(error: Exception) -> str:
    if isinstance(error, UnpicklingError):
        return "it is a pickle of something else than weights, and such a one is never run"
    said, kind = first_line(error).rstrip(".:"), type(error).__name__
    return said if isinstance(error, OSError | ValueError) or said == kind else f"{kind}: {said}"
