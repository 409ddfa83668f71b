"""The command `report`: what happened in a run, as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.report import write_report
from opencodeinstruct.tools.run_folder import RunFolder

Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


def report_command(run: Run) -> None:
    """Write RUN/report.html: the funnel, why rows were lost, and how the population evolved.

    Yield and diversity stand there by generation and by operation; `run` writes it, too, at its
    end.

    Example: opencodeinstruct report runs/quickstart
    """
    if not (run / "stages.json").is_file():
        raise Missing(f"{run}: no run is there. Name the folder of a run, such as runs/quickstart.")
    typer.echo(write_report(RunFolder(run, STAGES)))
