"""Options that several commands have, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

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
