"""The command `lineage`: the family tree of one question."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.lineage import family_tree, read_family

Id = Annotated[str, typer.Argument(metavar="ID", help="The question's id, or its first digits.")]
Place = Annotated[
    Path | None,
    typer.Argument(
        metavar="RUN_OR_DATASET",
        help="Folder of a run or of a dataset; by default the run in runs/ that changed last.",
    ),
]


def lineage_command(name: Id, place: Place = None) -> None:
    """Print a question's family tree: ancestors back to the seeds, and all that came of it.

    In a run's folder children that died are shown, too, with the reason.

    Example: opencodeinstruct lineage 3f2a runs/quickstart
    """
    family = read_family(place or newest_run())
    Console().print(family_tree(family, family.named(name)))


def newest_run(runs: Path = Path("runs")) -> Path:
    """The run of the folder `runs` that changed last; `Missing` where there is none."""
    found = [path for path in runs.glob("*") if (path / "stages.json").is_file()]
    if not found:
        raise Missing(f"{runs}: no run is there. Name the folder of a run or of a dataset.")
    return max(found, key=lambda path: (path / "stages.json").stat().st_mtime_ns)
