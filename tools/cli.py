"""The command line: what commands there are, and where each of them is.

A command's module is imported when the command is called, so that none waits for the others'.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from opencodeinstruct.tools.endings import as_process

_TOOLS = "opencodeinstruct.tools"
_DATASETS = ("append", "download", "import", "stats", "export")
_STAGES = (
    *("seeds", "instruct", "evolve", "clean", "dedup", "decontaminate", "respond", "testgen"),
    *("recheck", "execute", "judge", "build"),
)

PLACES = {
    **{name: f"run_commands:{name}_command" for name in ("run", "preview", "validate", "status")},
    **{name: f"machine_commands:{name}_command" for name in ("doctor", "init")},
    "publish": "publish_command:publish_command",
    "exec": "exec_command:exec_command",
    "journal": "journal_command:journal_command",
    "lineage": "lineage_command:lineage_command",
    "report": "report_command:report_command",
    **{name: f"dataset_commands:{name}_command" for name in _DATASETS},
    "contamination": "contamination_command:contamination_command",
    **dict.fromkeys(_STAGES, "run_commands:stage_command"),
    "dedup": "dedup_command:dedup_command",  # it takes files as well
}
"""Each command's module in tools/ and its function there, in the order of `--help`."""


class CommandsByNeed(TyperGroup):
    """A group that imports a command when it is asked for it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands; none is imported."""
        return list(PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command `cmd_name`; None where there is no such command."""
        return command(cmd_name) if cmd_name in PLACES else None


def command(name: str) -> Any:
    """The command `name` of `PLACES`, imported."""
    module, function = PLACES[name].split(":")
    found: Callable[..., Any] = getattr(import_module(f"{_TOOLS}.{module}"), function)
    alone = typer.Typer(rich_markup_mode="markdown", add_completion=False)
    panel = "Stages, one by one" if name in _STAGES else None
    its = found(name) if function == "stage_command" else found
    alone.command(name, rich_help_panel=panel)(its)
    return typer.main.get_command(alone)


app = typer.Typer(
    name="opencodeinstruct",
    help="Make an instruction-tuning dataset for code: questions, solutions, tests, judgements.",
    cls=CommandsByNeed,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if show_version:
        try:
            number = version("opencodeinstruct")
        except PackageNotFoundError:
            number = "(a checkout, not installed)"
        typer.echo(f"opencodeinstruct {number}")
        raise typer.Exit


def main() -> None:
    """Run the command line; every error is one line and no traceback."""
    sys.exit(as_process(app))
