"""Saved adapters: a folder that a training left behind, read and put on its model again."""

import json
import warnings
from pathlib import Path

from peft import PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file

from cotune.training.fingerprint import weight_files
from cotune.training.lora import State
from cotune.training.model import LanguageModel, quiet
from cotune.training.origin import first_line
from cotune.training.settings import Lora

ADAPTER, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MISSING = "missing adapter keys"
"""What peft warns of where weights have no place or a place has no weights."""


def is_adapter(folder: Path) -> bool:
    """Tells whether a folder holds an adapter, and not a whole model."""
    return (folder / ADAPTER).is_file()


def base_of(folder: Path) -> str:
    """Gives the name of the model that an adapter was trained on; "" where it does not say.

    Raises:
        ValueError: its configuration is damaged.
    """
    try:
        found = json.loads((folder / ADAPTER).read_bytes()).get("base_model_name_or_path")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{folder / ADAPTER}: not the configuration of an adapter ({first_line(error)}).") from None
    return found if isinstance(found, str) else ""


def put_on(model: LanguageModel, folder: Path) -> None:
    """Puts the adapter of a folder on a model, for good.

    Raises:
        ValueError: it is damaged, or of another model.
    """
    said = base_of(folder)
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=f".*{MISSING}")
            PeftModel.from_pretrained(model.module, str(folder)).eval()
    except (ValueError, TypeError, KeyError, RuntimeError, OSError, SafetensorError, UserWarning) as error:
        reason = first_line(error)[:200].rstrip(".:")
        raise ValueError(
            f"Cannot put the adapter {str(folder)!r} on the model {model.name!r}: {reason}. It was trained on "
            f"{said!r}; give that model, or save the adapter again."
        ) from error


def load_state(folder: Path, lora: Lora) -> State:
    """Gives the trained weights that `Adapter.save` wrote.

    Raises:
        FileNotFoundError: they are not there.
        ValueError: they are damaged.
    """
    files = weight_files(folder) if lora.method == "full" else [folder / WEIGHTS]
    state: State = {}
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"{str(file)!r} is not there; give the folder that `cotune train --out` wrote.")
        try:
            state |= load_file(file)
        except SafetensorError as error:
            raise ValueError(f"{str(file)!r} is damaged ({first_line(error)}). Copy it again.") from None
    return state
