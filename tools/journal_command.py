"""The command `journal`: what a run asked and paid, slow calls, and an export for a replay."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from opencodeinstruct.builder.errors import RecipeError
from opencodeinstruct.builder.files import writing, written_error
from opencodeinstruct.tools.llm.ledger import Call, Total, ledger
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.recipe_file import read_yaml
from opencodeinstruct.tools.screens import open_screens
from opencodeinstruct.tools.shown import visible
from opencodeinstruct.tools.usage import ByModel, prices_of, usd_of

Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run: runs/NAME.")]
Slow = Annotated[int, typer.Option("--slow", min=0, help="How many of the slowest calls to show.")]
Export = Annotated[
    Path | None,
    typer.Option("--export", metavar="FILE", help="Write every answer as a line of JSON to FILE."),
]


def journal_command(run: Run, slow: Slow = 5, export: Export = None) -> None:
    """Show what a run asked models and paid for it: totals, cost, the slowest calls.

    With `--export` the answers go into a file from which the same recipe can be run again without
    a model: `model: replay:FILE`. Works while the run goes on.

    Examples: `opencodeinstruct journal runs/quickstart`,
    `opencodeinstruct journal runs/quickstart --export answers.jsonl`
    """
    console = open_screens().out
    prices = _prices(run / "recipe.yaml")
    with ledger(run / "journal.sqlite") as book:
        console.print(_totals_table(book.totals(), prices))
        slowest = book.slowest(slow)
        if slowest:
            console.print(_calls_table(slowest))
        if export is not None:
            _export(book.lines(), export, console)


def _export(lines: Iterator[str], to: Path, console: Console) -> None:
    count = 0
    try:
        with writing(to) as beside, beside.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
    except OSError as error:
        raise written_error(to, error) from error
    console.print(
        f"{to}: {count:,} answers. To run the recipe again without a model: model: replay:{to}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _prices(recipe: Path) -> ByModel:
    """The prices in a run's recipe; none where it has no recipe that can be read."""
    if not recipe.is_file():
        return {}
    given = read_yaml(recipe)
    models = [given.get("model"), *dict(given.get("models") or {}).values()]
    try:
        return prices_of(ModelSettings.model_validate(model) for model in models if model)
    except ValidationError as error:
        raise RecipeError(
            recipe, "model: cannot be read, so nothing is known of prices."
        ) from error


def _totals_table(totals: list[Total], prices: ByModel) -> Table:
    table = Table(title="What was asked and paid", title_justify="left")
    table.add_column("model")
    table.add_column("role")
    names = ("answers", "prompt tokens", "cached", "output tokens", "cut", "mean s", "US$")
    for name in names:
        table.add_column(name, justify="right")
    for total in totals:
        table.add_row(escape(visible(total.model)), total.role, *_numbers(total, prices))
    table.add_section()
    sums = [
        sum(getattr(total, name) for total in totals)
        for name in ("answers", "prompt_tokens", "cached_tokens", "completion_tokens", "cut")
    ]
    usd = sum(usd_of(total, prices) for total in totals)
    table.add_row("in all", "", *(f"{value:,}" for value in sums), "", f"{usd:,.4f}")
    return table


def _numbers(total: Total, prices: ByModel) -> list[str]:
    counts = (total.answers, total.prompt_tokens, total.cached_tokens, total.completion_tokens)
    mean = total.seconds / total.answers if total.answers else 0.0
    usd = usd_of(total, prices)
    return [*(f"{count:,}" for count in counts), f"{total.cut:,}", f"{mean:.2f}", f"{usd:,.4f}"]


def _calls_table(calls: list[Call]) -> Table:
    table = Table(title="The slowest calls", title_justify="left")
    for name in ("seconds", "role", "read", "written"):
        table.add_column(name, justify="left" if name == "role" else "right", no_wrap=True)
    table.add_column("question begins")  # the only one that gives way in a narrow terminal
    for call in calls:
        table.add_row(
            f"{call.seconds:.2f}",
            call.role,
            "" if call.prompt_tokens is None else f"{call.prompt_tokens:,}",
            "" if call.completion_tokens is None else f"{call.completion_tokens:,}",
            Text(visible(call.question), no_wrap=True, overflow="ellipsis"),
        )
    return table
