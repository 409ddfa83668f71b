"""Where what a command says goes: results to stdout, progress to stderr."""

import sys
from dataclasses import dataclass

from rich.console import Console


@dataclass(frozen=True, slots=True)
class Screens:
    """Where results (`out`) and progress (`err`) go."""

    out: Console
    err: Console


def open_screens() -> Screens:
    """The process's stdout and stderr; a pipe gets lines of a width that depends on no terminal."""
    return Screens(
        Console(width=None if sys.stdout.isatty() else 100),
        Console(stderr=True, width=None if sys.stderr.isatty() else 100),
    )


def say(line: str, console: Console | None = None) -> None:
    """Print `line` as it is: one line, however long; to stdout, where no console is given."""
    (console or open_screens().out).print(line, highlight=False, markup=False, soft_wrap=True)
