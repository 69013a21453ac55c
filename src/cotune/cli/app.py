"""The program `cotune`: its commands and the one place where errors become exit codes."""

import signal
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import cleandoc
from types import FrameType
from typing import Annotated, NoReturn

import typer

from cotune import __version__
from cotune.cli import errors
from cotune.cli.check import check
from cotune.cli.demo import demo
from cotune.cli.elements import elements
from cotune.cli.env import env
from cotune.cli.exhaust import exhaust
from cotune.cli.export import export
from cotune.cli.features import features
from cotune.cli.init import init
from cotune.cli.monitor import monitor
from cotune.cli.pool import show
from cotune.cli.pseudolabel import pseudolabel
from cotune.cli.report import report
from cotune.cli.reuse import reuse
from cotune.cli.run import run
from cotune.cli.score import score
from cotune.cli.space import space
from cotune.cli.status import status
from cotune.cli.train import train
from cotune.cli.weights import weights

try:
    from typer._click.exceptions import ClickException
except ImportError:  # typer before 0.25 stands on the click package
    from click.exceptions import ClickException  # type: ignore[assignment, no-redef, unused-ignore]

app = typer.Typer(
    name="cotune",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Terminated(BaseException):
    """The program was asked to end (SIGTERM). No KeyboardInterrupt: typer ends that with an exit code of its own."""


def cotune(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; allowed after any command.")] = False,  # noqa: ARG001
) -> None:
    r"""Finds which of your datasets to fine-tune a language model on together, and in what proportions.

    \b
    cotune demo                           a real search here, in minutes
    cotune init --pool data/ --target reviews > study.yaml
    cotune check study.yaml               what would go wrong, what it costs
    cotune run study.yaml --trials 24     stop it and run it again at will
    cotune report study.yaml              what wins, by how much, how sure
    cotune train study.yaml --out best/   the final adapter, its test scores
    """
    if version:
        typer.echo(f"cotune {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _help(command: Callable[..., int | None]) -> str:
    """Gives the docstring; in it, a line of backslash and b begins lines that are kept as they are."""
    return cleandoc(command.__doc__ or "").replace(r"\b", "\b")


COMMANDS: tuple[Callable[..., int | None], ...] = (
    demo,
    init,
    check,
    run,
    report,
    train,
    monitor,
    status,
    export,
    exhaust,
    weights,
    elements,
    pseudolabel,
    reuse,
    space,
    features,
    score,
    env,
)


def _interruptible(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Gives the command with an ending for Ctrl-C, which typer would make silent."""

    @wraps(command)
    def run_to_end(*arguments: object, **options: object) -> int | None:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            errors.say("Stopped.")
            return errors.INTERRUPTED

    return run_to_end


app.callback(invoke_without_command=True, help=_help(cotune))(cotune)
for command in COMMANDS:
    app.command(help=_help(command))(_interruptible(command))
pool = typer.Typer(rich_markup_mode=None, help="Tells about published pools of datasets.")
pool.command(help=_help(show))(_interruptible(show))
pool.callback()(lambda: None)
app.add_typer(pool, name="pool")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits: 0 done, 1 internal error, 2 mistake, 3 drift, 130 interrupted, 143 ended."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(call([argument for argument in given if argument != "--debug"], debug=debug))


def call(arguments: Sequence[str], *, debug: bool = False) -> int:
    """Runs one command and gives its exit code; no error leaves it."""
    try:
        code = app(list(arguments), standalone_mode=False, prog_name="cotune")
        sys.stdout.flush()
    except ClickException as error:
        return _usage(error)
    except Terminated:
        errors.say("Stopped.")
        return errors.TERMINATED
    except (KeyboardInterrupt, typer.Abort):  # while no command runs
        errors.say("Stopped.")
        return errors.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the boundary: whatever is left becomes one line and a code)
        return errors.explain(error, debug=debug)
    return code if isinstance(code, int) else errors.OK


def _usage(error: ClickException) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "cotune"
    errors.say(f"Error: {errors.one_line(error.format_message()).rstrip('.?')}. See `{command} --help`.")
    return errors.MISTAKE


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise Terminated
