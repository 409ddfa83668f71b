"""Tables of the benchmarks: Markdown that is read in a terminal too."""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH = 150  # of tables that go to a pipe


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> Table:
    """A Markdown table whose first `left` columns are words and the others numbers."""
    made = Table(title=title, title_justify="left", box=box.MARKDOWN, safe_box=False)
    for index, name in enumerate(columns):
        made.add_column(name, justify="left" if index < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*map(escape, row))
    return made


def stdout_console(width: int = WIDTH) -> Console:
    """Where tables are printed: as wide as the terminal, or `width` into a pipe."""
    return Console(width=None if sys.stdout.isatty() else width)
