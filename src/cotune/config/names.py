"""Names in files and on the command line become things here, and nowhere else."""

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

SAMPLERS: Mapping[str, str] = {
    "default": "cotune.search:default",
    "prior_fitted": "cotune.search:prior_fitted",
    "neural": "cotune.search:neural",
    "process": "cotune.search:process",
    "random": "cotune.search:random",
    "target_only": "cotune.search:target_only",
    "all": "cotune.search:all_datasets",
    "leave_one_out": "cotune.search:leave_one_out",
    "greedy_forward": "cotune.search:greedy_forward",
    "greedy_backward": "cotune.search:greedy_backward",
    "anchored_greedy": "cotune.search:anchored_greedy",
}


def named(name: str, table: Mapping[str, str], *, what: str, folder: Path = Path()) -> object:
    """Gives what `name` stands for in `table`, or the user's own `module:object`, which may lie in `folder`.

    Raises:
        ValueError: unknown; names the nearest known name.
    """
    if ":" in name:
        return imported(name, what=what, folder=folder)
    if name not in table:
        near = get_close_matches(name, table, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(table)}, or your own as module:object."
        raise ValueError(f"Unknown {what} {name!r}; {hint}")
    return imported(table[name], what=what, folder=folder)


def imported(reference: str, *, what: str, folder: Path = Path()) -> object:
    """Gives the object of `module:object`; the module may lie in `folder` or the current folder.

    Raises:
        ValueError: not of that form, no such module, one that fails to import, or no such object in it.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute.isidentifier():
        raise ValueError(f"A {what} of your own is named module:object, as my_module:{what}; got {reference!r}.")
    try:
        with _importable(folder):
            found = vars(import_module(module_name))
    except ModuleNotFoundError as error:
        raise ValueError(
            f"The {what} {reference!r} cannot be imported: {error}. Modules are looked for in {folder.absolute()}, "
            "the current folder and the installed packages."
        ) from error
    except (Exception, SystemExit) as error:  # the user's own code may raise anything
        raise ValueError(
            f"The {what} {reference!r} cannot be imported: {_failure(error)}. Importing {module_name} must not fail."
        ) from error
    if attribute not in found:
        near = get_close_matches(attribute, found, n=1)
        raise ValueError(f"Module {module_name!r} has no {attribute!r}.{f' Did you mean {near[0]!r}?' if near else ''}")
    return found[attribute]


def _failure(error: BaseException) -> str:
    """Gives what an import raised, with file and line."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    raised = traceback.extract_tb(error.__traceback__)[-1]
    return f"{raised.filename}, line {raised.lineno}: {type(error).__name__}: {error}".rstrip(".")


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    added = [str(folder.absolute()), str(Path.cwd())]
    sys.path[:0] = added
    try:
        yield
    finally:
        for path in added:
            sys.path.remove(path)
