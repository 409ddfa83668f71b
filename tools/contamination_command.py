"""The command `contamination`: what the rows of any dataset share with benchmarks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.files import write_json, write_text, writing
from opencodeinstruct.tools.benchmarks.load import known_names, load_benchmark
from opencodeinstruct.tools.contamination.examine import OnMatch, OnRows, Report, examine
from opencodeinstruct.tools.contamination.page import as_html, as_json
from opencodeinstruct.tools.contamination.rows import USUAL, Dataset, open_dataset
from opencodeinstruct.tools.screens import open_screens
from opencodeinstruct.tools.stages.decontaminate import DecontaminateSettings
from opencodeinstruct.tools.text.benchmark import Benchmark

_DEFAULTS = DecontaminateSettings()

Source = Annotated[
    str,
    typer.Argument(
        metavar="REPO_OR_FILE", help="JSONL (also gzipped), Parquet, a folder, or a Hub dataset."
    ),
]
Against = Annotated[
    str,
    typer.Option(
        "--against",
        metavar="NAME[,NAME=FILE…]",
        help=f"Benchmarks: {', '.join(known_names())}, or a file of your own.",
    ),
]
FieldNames = Annotated[
    list[str] | None,
    typer.Option(
        "--field", metavar="NAME", help=f"A field to compare; by default {', '.join(USUAL)}."
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the report goes.")]
NgramWords = Annotated[int, typer.Option("--ngram-words", help="Words of a long run.")]
Ngrams = Annotated[float, typer.Option("--ngrams", help="Least share of a text's long runs.")]
Containment = Annotated[
    float, typer.Option("--containment", help="Least share of a prompt's words in their order.")
]
Code = Annotated[
    float, typer.Option("--code", help="Least share of a solution's code without names.")
]


def contamination_command(
    source: Source,
    against: Against = "humaneval",
    field: FieldNames = None,
    out: Out = Path("contamination"),
    ngram_words: NgramWords = _DEFAULTS.ngram_words,
    ngrams: Ngrams = _DEFAULTS.ngrams,
    containment: Containment = _DEFAULTS.containment,
    code: Code = _DEFAULTS.code,
) -> None:
    """Say what the rows of REPO_OR_FILE share with benchmarks, and how much was likely missed.

    Writes `rows.jsonl` (a line for each match: row, benchmark, item, detector, score, span),
    `contamination.json` and `report.html` into DIR. More: docs/contamination.md.

    Examples: `opencodeinstruct contamination rows.jsonl --against humaneval,mbpp --out report`,
    `opencodeinstruct contamination me/data --field question --field answer`,
    `opencodeinstruct contamination rows.parquet --against mine=problems.jsonl`
    """
    values = {
        "ngram_words": ngram_words,
        "ngrams": ngrams,
        "containment": containment,
        "code": code,
    }
    screens = open_screens()
    dataset = open_dataset(source, field or ())
    settings = _settings({**values, "columns": dataset.fields})
    report = _examined(dataset, _benchmarks(against), settings, out, screens.err)
    _tell(report, dataset, out, screens.out, screens.err)


def _settings(values: dict[str, object]) -> DecontaminateSettings:
    try:
        return DecontaminateSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise typer.BadParameter(first["msg"], param_hint=option) from None


def _benchmarks(against: str) -> list[Benchmark]:
    """Those of the list `against`; `NAME=FILE` is a file of one's own, or of a known form."""
    found: dict[str, Benchmark] = {}
    for spec in (part.strip() for part in against.split(",")):
        name, _, path = spec.partition("=")
        if spec:
            benchmark = load_benchmark({"name": name, "path": path} if path else name)
            if benchmark.name in found:
                raise ProjectError(f"--against: {benchmark.name!r} stands there twice.")
            found[benchmark.name] = benchmark
    if not found:
        raise ProjectError("--against: names no benchmark. Name one, humaneval say.")
    return list(found.values())


def _examined(
    dataset: Dataset,
    benchmarks: list[Benchmark],
    settings: DecontaminateSettings,
    out: Path,
    err: Console,
) -> Report:
    """Examine and write the three files, each of which appears whole."""
    with writing(out / "rows.jsonl") as beside, beside.open("w", encoding="utf-8") as lines:

        def on_match(entry: dict[str, Any]) -> None:
            lines.write(json.dumps(entry, ensure_ascii=False) + "\n")

        with _bar(err) as on_rows:
            report = _run(dataset, benchmarks, settings, on_rows, on_match)
    told = {
        "source": dataset.name,
        "fields": list(dataset.fields),
        "unreadable": dataset.unreadable,
        "first_unreadable": dataset.first_unreadable,
    }
    write_json(out / "contamination.json", as_json(report, told))
    write_text(out / "report.html", as_html(report, told))
    return report


def _run(
    dataset: Dataset,
    benchmarks: list[Benchmark],
    settings: DecontaminateSettings,
    on_rows: OnRows,
    on_match: OnMatch,
) -> Report:
    report = examine(dataset.rows, benchmarks, settings, on_rows=on_rows, on_match=on_match)
    if not report.rows:
        first = "; ".join(dataset.first_unreadable) or "it is empty"
        raise ProjectError(f"{dataset.name}: no row can be read ({first}). Give another file.")
    return report


@contextmanager
def _bar(err: Console) -> Iterator[OnRows]:
    """A bar of the rows seen; both passes count."""
    columns = (TextColumn("rows, two passes"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=err, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda rows: progress.advance(task, rows)


def _tell(report: Report, dataset: Dataset, out: Path, console: Console, err: Console) -> None:
    table = Table(title=None)
    for head in ("benchmark", "items", "touched", "rows", *report.findings[0].by_detector):
        table.add_column(head, justify="left" if head == "benchmark" else "right")
    for one in report.findings:
        counts = (one.items, len(one.touched), one.rows, *one.by_detector.values())
        table.add_row(one.name, *(f"{count:,}" for count in counts))
    console.print(table)
    console.print(
        f"{report.flagged:,} of {report.rows:,} rows hold a part of a benchmark: {out}/report.html",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if dataset.unreadable:
        first = "; ".join(dataset.first_unreadable)
        err.print(
            f"{dataset.unreadable:,} lines could not be read: {first}",
            style="yellow",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
