"""The command line: what commands there are, and where each of them is.

A command's module is imported when the command is called, so that none waits for the others'.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from opencodeinstruct.tools.endings import as_process

_TOOLS = "opencodeinstruct.tools"
_STAGES = "Stages, one by one"


class Named(NamedTuple):
    """A command that is not imported: its module in tools/, its function there, what it says.

    `says` is how its help begins, and `panel` the part of `--help` that it stands in.
    """

    module: str
    function: str
    says: str
    panel: str | None = None


COMMANDS = {
    "run": Named(
        "run_commands",
        "run_command",
        "Run RECIPE from seeds to a dataset that `load_dataset` loads.",
    ),
    "preview": Named(
        "run_commands",
        "preview_command",
        "Show a few rows going through everything; nothing is kept.",
    ),
    "validate": Named("run_commands", "validate_command", "Check RECIPE without running it."),
    "status": Named("run_commands", "status_command", "Show how far the run of RECIPE has come."),
    "doctor": Named(
        "machine_commands",
        "doctor_command",
        "Say what works on this machine: model, sandbox walls, Hub login, disk.",
    ),
    "init": Named(
        "machine_commands", "init_command", "Write a recipe and seeds to start from into FOLDER."
    ),
    "publish": Named(
        "publish_command",
        "publish_command",
        "Publish a dataset folder on the Hub: all of it at once, or nothing.",
    ),
    "exec": Named(
        "exec_command",
        "exec_command",
        "Run the programs of IN.jsonl behind walls: a line of verdicts for each, in order.",
    ),
    "journal": Named(
        "journal_command",
        "journal_command",
        "Show what a run asked models and paid for it: totals, cost, the slowest calls.",
    ),
    "lineage": Named(
        "lineage_command",
        "lineage_command",
        "Print a question's family tree: ancestors back to the seeds, and all that came of it.",
    ),
    "report": Named(
        "report_command",
        "report_command",
        "Write RUN/report.html: the funnel, why rows were lost, and how the population evolved.",
    ),
    "append": Named(
        "dataset_commands",
        "append_command",
        "Append the rows of another dataset folder, so that publishing again sends these alone.",
    ),
    "download": Named(
        "dataset_commands",
        "download_command",
        "Download the rows of a dataset that you choose, and no file that holds none of them.",
    ),
    "import": Named(
        "dataset_commands",
        "import_command",
        "Make a dataset folder of a release of the published layout: every row, typed, by subset.",
    ),
    "stats": Named(
        "dataset_commands",
        "stats_command",
        "Print how many rows each pair of thresholds leaves: judge score and pass rate.",
    ),
    "export": Named(
        "dataset_commands",
        "export_command",
        "Write rows in the shape that trainers read: TRL, Axolotl, verifiers.",
    ),
    "contamination": Named(
        "contamination_command",
        "contamination_command",
        "Say what the rows of REPO_OR_FILE share with benchmarks, and how much was likely missed.",
    ),
    "seeds": Named(
        "run_commands",
        "stage_command",
        "Read the seeds of RECIPE: functions of code, problem statements.",
        _STAGES,
    ),
    "instruct": Named(
        "run_commands", "stage_command", "Make a self-contained question of each seed.", _STAGES
    ),
    "evolve": Named(
        "run_commands", "stage_command", "Evolve questions by mutation and crossover.", _STAGES
    ),
    "clean": Named("run_commands", "stage_command", "Drop questions that break a rule.", _STAGES),
    "dedup": Named(
        "dedup_command",
        "dedup_command",
        "Drop exact and near duplicates of RECIPE's questions, or find those of any FILE.",
        _STAGES,
    ),
    "decontaminate": Named(
        "run_commands", "stage_command", "Drop questions that share text with a benchmark.", _STAGES
    ),
    "respond": Named("run_commands", "stage_command", "Have each question solved.", _STAGES),
    "testgen": Named(
        "run_commands", "stage_command", "Have unit tests written for each question.", _STAGES
    ),
    "recheck": Named(
        "run_commands",
        "stage_command",
        "Decontaminate again, over solutions and tests as well.",
        _STAGES,
    ),
    "execute": Named(
        "run_commands", "stage_command", "Run each row's tests behind walls.", _STAGES
    ),
    "judge": Named("run_commands", "stage_command", "Have each solution judged.", _STAGES),
    "build": Named(
        "run_commands",
        "stage_command",
        "Build the dataset folder: shards, card, manifest.",
        _STAGES,
    ),
}
"""Every command by its name, in the order of `--help`."""


class CommandsByNeed(TyperGroup):
    """A group that imports a command when it is called, and none to list them."""

    _listing = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write what there is, by what `COMMANDS` says of it."""
        self._listing = True
        super().format_help(ctx, formatter)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command `cmd_name`; None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        if self._listing:
            its = COMMANDS[cmd_name]
            return TyperCommand(cmd_name, help=its.says, rich_help_panel=its.panel)
        return command(cmd_name)


def command(name: str) -> Any:
    """The command `name` of `COMMANDS`, imported."""
    its = COMMANDS[name]
    found: Callable[..., Any] = getattr(import_module(f"{_TOOLS}.{its.module}"), its.function)
    alone = typer.Typer(rich_markup_mode="markdown", add_completion=False)
    made = found(name) if its.function == "stage_command" else found
    alone.command(name, rich_help_panel=its.panel)(made)
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
