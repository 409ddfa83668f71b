"""The commands that come before a recipe: `doctor` and `init`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

import opencodeinstruct
from opencodeinstruct.builder.errors import Missing, RunFolderError
from opencodeinstruct.builder.files import write_text
from opencodeinstruct.tools.doctor import examine
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.recipe import load_recipe
from opencodeinstruct.tools.screens import open_screens, say
from opencodeinstruct.tools.shown import visible


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
    say(f"Now: opencodeinstruct run {folder / names[0]}")


def _example(name: str) -> str:
    """The text of a file of examples/, which lies beside the subpackages, installed or not."""
    folders = [Path(place) / "examples" for place in opencodeinstruct.__path__]
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        raise Missing(f"examples/{name} was not installed. Install opencodeinstruct again.")
    return path.read_text(encoding="utf-8")
