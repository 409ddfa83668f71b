"""The command line: `opencodeinstruct COMMAND`.

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 an error you can act on, 2 a wrong
command line, 3 some rows deferred, 4 a budget is spent, 130 stopped with Ctrl-C, 143 with SIGTERM.
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

import opencodeinstruct
from opencodeinstruct.builder.errors import Missing, RunFolderError
from opencodeinstruct.builder.files import write_text
from opencodeinstruct.tools.contamination_command import contamination_command
from opencodeinstruct.tools.dataset_commands import DATASET_COMMANDS
from opencodeinstruct.tools.dedup_command import dedup_command
from opencodeinstruct.tools.doctor import examine
from opencodeinstruct.tools.endings import as_process
from opencodeinstruct.tools.exec_command import exec_command
from opencodeinstruct.tools.journal_command import journal_command
from opencodeinstruct.tools.lineage_command import lineage_command
from opencodeinstruct.tools.llm.budget import Budget
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.overseeing import Bounds
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.publish_command import publish_command
from opencodeinstruct.tools.recipe import load_recipe
from opencodeinstruct.tools.report_command import report_command
from opencodeinstruct.tools.running import Options, preview, run, run_one
from opencodeinstruct.tools.screens import open_screens
from opencodeinstruct.tools.session import open_session
from opencodeinstruct.tools.shown import visible
from opencodeinstruct.tools.stages.dedup import banding_said
from opencodeinstruct.tools.terminal import counts_table

app = typer.Typer(
    name="opencodeinstruct",
    help="Make an instruction-tuning dataset for code: questions, solutions, tests, judgements.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder of the run; by default runs/NAME.")]
ShowRows = Annotated[
    bool, typer.Option("--show-rows", help="Print questions, solutions and verdicts as made.")
]
DropDeferred = Annotated[
    bool,
    typer.Option("--drop-deferred", help="Drop rows whose service failed instead of waiting."),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help="Take at most N seeds of each source, whatever limits the recipe sets.",
    ),
]
Redo = Annotated[
    bool, typer.Option("--redo", help="Make anew what another recipe made in this folder.")
]
BudgetTokens = Annotated[
    int | None,
    typer.Option(
        "--budget-tokens",
        min=1,
        help="End cleanly when the run has read and written so many tokens in all.",
    ),
]
BudgetUsd = Annotated[
    float | None,
    typer.Option(
        "--budget-usd", min=0, help="Likewise at so many US dollars, by the recipe's prices."
    ),
]
MaxHours = Annotated[
    float | None, typer.Option("--max-hours", min=0, help="Likewise after so many hours.")
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        min=0,
        max=65535,
        help="Serve counts and rates for Prometheus on this port; 0 chooses one.",
    ),
]


def _say(line: str) -> None:
    """Print `line` as it is: one line, however long."""
    open_screens().out.print(line, highlight=False, markup=False, soft_wrap=True)


@app.command("run")
def run_command(
    recipe: RecipePath,
    out: Out = None,
    show_rows: ShowRows = False,
    drop_deferred: DropDeferred = False,
    redo: Redo = False,
    limit: Limit = None,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    max_hours: MaxHours = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Run RECIPE from seeds to a dataset that `load_dataset` loads.

    Stopped or killed at any moment, the same command continues: nothing is paid twice. A spent
    budget ends it with exit code 4; docs/engine.md says more of budgets and of what can be watched.

    Example: `opencodeinstruct run examples/quickstart.yaml --show-rows`
    """
    bounds = Bounds(Budget(budget_tokens, budget_usd, max_hours), metrics_port)
    options = Options(show_rows, drop_deferred, redo, bounds=bounds)
    raise typer.Exit(run(open_session(recipe, out, limit), options, open_screens()))


@app.command("preview")
def preview_command(
    recipe: RecipePath,
    rows: Annotated[int, typer.Option("--rows", min=1, max=100, help="About how many.")] = 3,
) -> None:
    """Show a few rows going through everything; nothing is kept.

    Example: `opencodeinstruct preview examples/quickstart.yaml --rows 3`
    """
    raise typer.Exit(preview(open_session(recipe), rows, open_screens()))


@app.command("validate")
def validate_command(recipe: RecipePath) -> None:
    """Check RECIPE without running it.

    Example: `opencodeinstruct validate recipe.yaml`
    """
    session = open_session(recipe)
    said = f"its hash is {session.recipe_hash}; dedup has {banding_said(session.recipe.dedup)}"
    _say(f"{recipe}: can be run; {said}.")


@app.command("status")
def status_command(recipe: RecipePath, out: Out = None) -> None:
    """Show how far the run of RECIPE has come.

    Example: `opencodeinstruct status examples/quickstart.yaml`
    """
    session, out_console = open_session(recipe, out), open_screens().out
    complete = [stage for stage in STAGES if session.folder.stage(stage).is_complete()]
    if complete:
        out_console.print(
            counts_table([session.folder.stage(stage).counts() for stage in complete])
        )
    missing = [stage for stage in STAGES if stage not in complete]
    told = f"next: {[*missing, 'build'][0]}"
    if not missing and session.folder.dataset_is_current():
        told = "complete"
    _say(f"{session.folder.path}: {told}")


@app.command("doctor")
def doctor_command(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="Try the model of this recipe.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Or try this model.")] = "embedded",
) -> None:
    """Say what works on this machine: model, sandbox walls, Hub login, disk.

    Examples: `opencodeinstruct doctor`, `opencodeinstruct doctor recipe.yaml`,
    `opencodeinstruct doctor --model http://127.0.0.1:8000/v1#my-model`
    """
    loaded = load_recipe(recipe) if recipe else None
    settings, packages = (
        (loaded.model, loaded.execute.packages) if loaded else (_model_of(model), ())
    )
    console = open_screens().out
    findings = examine(settings, Path("runs"), packages)
    for finding in findings:
        mark = {"ok": "[green]ok[/]   ", "note": "[yellow]note[/] ", "fault": "[red]fault[/]"}
        said = escape(visible(f"{finding.what}: {finding.said}"))
        console.print(f"{mark[finding.state]} {said}", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if any(finding.state == "fault" for finding in findings) else 0)


def _model_of(text: str) -> ModelSettings:
    try:
        return ModelSettings.model_validate(text)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(said, param_hint="--model") from None


@app.command("init")
def init_command(
    folder: Annotated[Path, typer.Argument(help="Where to put the recipe and its seeds.")] = Path(),
) -> None:
    """Write a recipe and seeds to start from into FOLDER.

    Example: `opencodeinstruct init my-dataset && opencodeinstruct run my-dataset/quickstart.yaml`
    """
    names = ("quickstart.yaml", "problems.jsonl")
    present = [name for name in names if (folder / name).exists()]
    if present:
        raise RunFolderError(f"{folder / present[0]}: is there already. Give another folder.")
    for name in names:
        write_text(folder / name, _example(name))
    _say(f"Now: opencodeinstruct run {folder / names[0]}")


def _example(name: str) -> str:
    """The text of a file of examples/, which lies beside the subpackages, installed or not."""
    folders = [Path(place) / "examples" for place in opencodeinstruct.__path__]
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        raise Missing(f"examples/{name} was not installed. Install opencodeinstruct again.")
    return path.read_text(encoding="utf-8")


app.command("publish")(publish_command)
app.command("exec")(exec_command)
app.command("journal")(journal_command)
app.command("lineage")(lineage_command)
app.command("report")(report_command)
for _name, _command in DATASET_COMMANDS.items():
    app.command(_name)(_command)
app.command("contamination")(contamination_command)


STAGE_HELP = {
    "seeds": "Read the seeds of RECIPE: functions of code, problem statements.",
    "instruct": "Make a self-contained question of each seed.",
    "evolve": "Evolve questions by mutation and crossover.",
    "clean": "Drop questions that break a rule.",
    "dedup": "Drop exact and near duplicates.",
    "decontaminate": "Drop questions that share text with a benchmark.",
    "respond": "Have each question solved.",
    "testgen": "Have unit tests written for each question.",
    "recheck": "Decontaminate again, over solutions and tests as well.",
    "execute": "Run each row's tests behind walls.",
    "judge": "Have each solution judged.",
    "build": "Build the dataset folder: shards, card, manifest.",
}
"""What each stage's own command says."""


def _add_stage_command(stage: str, help_text: str) -> None:
    def command(
        recipe: RecipePath,
        out: Out = None,
        show_rows: ShowRows = False,
        drop_deferred: DropDeferred = False,
        redo: Redo = False,
        limit: Limit = None,
        budget_tokens: BudgetTokens = None,
        budget_usd: BudgetUsd = None,
        max_hours: MaxHours = None,
        metrics_port: MetricsPort = None,
    ) -> None:
        bounds = Bounds(Budget(budget_tokens, budget_usd, max_hours), metrics_port)
        options = Options(show_rows, drop_deferred, redo, bounds=bounds)
        session = open_session(recipe, out, limit)
        raise typer.Exit(run_one(session, stage, options, open_screens()))

    command.__doc__ = (
        f"{help_text}\n\nRuns this stage alone, anew; `run` continues from it.\n\n"
        f"Example: `opencodeinstruct {stage} examples/quickstart.yaml`"
    )
    app.command(stage, rich_help_panel="Stages, one by one")(command)


for _stage, _help in STAGE_HELP.items():
    if _stage == "dedup":  # it takes files as well
        app.command("dedup", rich_help_panel="Stages, one by one")(dedup_command)
    else:
        _add_stage_command(_stage, _help)


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
