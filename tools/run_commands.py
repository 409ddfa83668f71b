"""The commands on a recipe: `run`, `preview`, `validate`, `status`, and one for each stage."""

from collections.abc import Callable
from typing import Annotated

import typer

from opencodeinstruct.tools.cli import COMMANDS
from opencodeinstruct.tools.command_options import (
    BudgetTokens,
    BudgetUsd,
    DropDeferred,
    Limit,
    MaxHours,
    MetricsPort,
    Out,
    RecipePath,
    Redo,
    ShowRows,
)
from opencodeinstruct.tools.llm.budget import Budget
from opencodeinstruct.tools.overseeing import Bounds
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.running import Options, preview, run, run_one
from opencodeinstruct.tools.screens import Screens, open_screens, say
from opencodeinstruct.tools.session import Session, open_session
from opencodeinstruct.tools.stages.dedup import banding_said
from opencodeinstruct.tools.terminal import counts_table


def _running(work: Callable[[Session, Options, Screens], int], says: str) -> Callable[..., None]:
    """A command that does `work` with the run of a recipe, and says of itself what it does."""

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
        raise typer.Exit(work(open_session(recipe, out, limit), options, open_screens()))

    command.__doc__ = says
    return command


run_command = _running(
    run,
    f"""{COMMANDS["run"].says}

Stopped or killed at any moment, the same command continues: nothing is paid twice. A spent
budget ends it with exit code 4; docs/engine.md says more of budgets and of what can be watched.

Example: `opencodeinstruct run examples/quickstart.yaml --show-rows`
""",
)


def stage_command(stage: str) -> Callable[..., None]:
    """The command that runs `stage` alone."""

    def alone(session: Session, options: Options, screens: Screens) -> int:
        return run_one(session, stage, options, screens)

    return _running(
        alone,
        f"{COMMANDS[stage].says}\n\nRuns this stage alone, anew; `run` continues from it.\n\n"
        f"Example: `opencodeinstruct {stage} examples/quickstart.yaml`",
    )


def preview_command(
    recipe: RecipePath,
    rows: Annotated[int, typer.Option("--rows", min=1, max=100, help="About how many.")] = 3,
) -> None:
    """Show a few rows going through everything; nothing is kept.

    Example: `opencodeinstruct preview examples/quickstart.yaml --rows 3`
    """
    raise typer.Exit(preview(open_session(recipe), rows, open_screens()))


def validate_command(recipe: RecipePath) -> None:
    """Check RECIPE without running it.

    Example: `opencodeinstruct validate recipe.yaml`
    """
    session = open_session(recipe)
    said = f"its hash is {session.recipe_hash}; dedup has {banding_said(session.recipe.dedup)}"
    say(f"{recipe}: can be run; {said}.")


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
    say(f"{session.folder.path}: {told}")
