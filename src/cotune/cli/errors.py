"""What a user sees when something goes wrong: one line and an exit code."""

import os
import sys
import traceback

OK, BUG, MISTAKE, ALARM, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def explain(error: BaseException, *, debug: bool) -> int:
    """Prints one line about `error` on standard error and gives the exit code.

    A mistake of the user or of the machine (bad input, files, missing package) is 2, anything unforeseen is 1. The
    traceback is shown only with `debug`.
    """
    if debug:
        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has left: nothing to tell it
        return OK
    if isinstance(error, ValueError | OSError | ImportError):
        say(f"Error: {one_line(describe(error))}")
        return MISTAKE
    hint = "" if debug else " Run again with --debug and report it with the output of `cotune env`."
    say(f"Internal error: {type(error).__name__}: {one_line(str(error))[:300]}.{hint}")
    return BUG


def describe(error: Exception) -> str:
    """Gives the message of an error; operating-system errors are worded with the file that they are about."""
    if isinstance(error, OSError) and error.strerror:
        about = f" {str(error.filename)!r}" if error.filename is not None else ""
        return f"{error.strerror}{':' if about else '.'}{about}"
    if isinstance(error, ModuleNotFoundError) and error.name in ("torch", "transformers", "peft", "datasets"):
        return f'The package {error.name!r} is not installed; training needs `pip install -e ".[train]"`, from a clone.'
    return str(error) or type(error).__name__


def one_line(text: str) -> str:
    """Gives `text` on one line, without control characters that could steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))


def say(line: str) -> None:
    """Prints a line for the user on standard error."""
    print(line, file=sys.stderr, flush=True)
