"""The command line: parse, call, print."""

from cotune.cli.app import main

__all__ = ["main"]
