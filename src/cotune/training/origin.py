"""The origin of a model: a local folder, or a hub id that is cached or within reach."""

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

from cotune.tasks.hub import is_hub_id
from cotune.training.embedded import model_folder
from cotune.trial import Progress

CONFIG = "config.json"
PROBE_SECONDS = 5
REMEDY = "Give a local folder, 'embedded', or a hub id org/name that is cached or can be reached."


def find_origin(name: str, *, progress: Callable[[Progress], None] | None = None) -> str:
    """Gives the folder of the model `name`, or its hub id if its files are to be fetched or may have changed.

    The hub is asked once, for 5 seconds at most: its own client would try again for half a minute. `progress` is told
    if the embedded model is fetched and converted.

    Raises:
        ValueError: it is no folder, and neither in the hub's cache nor within reach.
    """
    if name == "embedded":
        return str(model_folder(progress))
    if Path(name).is_dir():
        return name
    if not is_hub_id(name):
        raise ValueError(f"Cannot load the model {name!r}: there is no such folder. {REMEDY}")
    why_not = _why_not(name)
    if not why_not:
        return name
    if _cached(name) is None:
        raise ValueError(
            f"Cannot load the model {name!r}: there is no such folder, nor is it in the cache; {why_not} {REMEDY}"
        )
    return str(files_folder(name))


def files_folder(origin: str) -> Path:
    """Gives the folder with the files of a model, once they were fetched."""
    return Path(origin) if Path(origin).is_dir() else Path(str(_cached(origin))).parent


def is_stored(origin: str) -> bool:
    """Says whether the files of a model, or some of them, are on this machine."""
    return Path(origin).is_dir() or _cached(origin) is not None


def _cached(name: str) -> str | None:
    found = try_to_load_from_cache(name, CONFIG)
    return found if isinstance(found, str) else None


def _why_not(name: str) -> str:
    """Gives why the hub does not have a model for us, nothing if it has."""
    if "/" not in name:
        return "a hub id has an organisation."
    try:
        get_hf_file_metadata(hf_hub_url(name, CONFIG), timeout=PROBE_SECONDS)
    except Exception as error:  # noqa: BLE001 - of the hub's HTTP library, which is not always the same
        return f"the hub does not give it ({first_line(error)[:200]})."
    return ""


def first_line(error: Exception) -> str:
    """Gives the first line of an error's message, or its type if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
