"""The commands on datasets made already: `append`, `download`, `import`, `stats`, `export`."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from opencodeinstruct.builder.release import REASONS
from opencodeinstruct.builder.subsets import Choice
from opencodeinstruct.tools.download import Format, download, find_wanted
from opencodeinstruct.tools.export import Shape, export
from opencodeinstruct.tools.import_release import (
    ImportReport,
    find_release,
    import_release,
    rows_of,
)
from opencodeinstruct.tools.screens import open_screens, say
from opencodeinstruct.tools.shown import visible
from opencodeinstruct.tools.stages.append import append
from opencodeinstruct.tools.stages.build import BuildSettings
from opencodeinstruct.tools.yields import JUDGES, RATES, Yields, count_yields

LICENSE = "cc-by-4.0"
"""The licence of the published release, which what is made of it must keep."""

Judge = Annotated[
    float | None, typer.Option("--judge", help="Least judge score, 1 to 5; of any, if not given.")
]
PassRate = Annotated[
    float | None, typer.Option("--pass-rate", help="Least share of tests passed, 0 to 1.")
]
Domain = Annotated[
    list[str] | None, typer.Option("--domain", help="generic or algorithmic; may be repeated.")
]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Branch, tag or commit; the newest, if not given.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to put it.")]


def download_command(
    repo: Annotated[str, typer.Argument(metavar="USER/NAME", help="The Hub repository.")],
    out: Out,
    judge: Judge = None,
    pass_rate: PassRate = None,
    domain: Domain = None,
    format: Annotated[
        Format, typer.Option("--format", help="As stored, as JSON lines, or as conversations.")
    ] = Format.PARQUET,
    revision: Revision = None,
) -> None:
    """Download the rows of a dataset that you choose, and no file that holds none of them.

    Says beforehand how many bytes that is. Stopped or killed at any moment, the same command
    continues, at the commit it began with.

    Example: `opencodeinstruct download USER/NAME --judge 5 --pass-rate 0.9 --out rows`
    """
    choice = _choice(judge, pass_rate, domain)
    screens = open_screens()
    wanted = find_wanted(repo, revision, choice, format, out)
    count, commit = len(wanted.snapshot.files), wanted.snapshot.commit
    say(f"{repo}@{commit[:12]}: {count:,} files, {wanted.bytes:,} bytes to fetch", screens.err)
    with _bar(screens.err, "download", wanted.bytes) as show:
        done = download(wanted, out, show)
    before = ", which was complete before; nothing was fetched" if done.before else ""
    say(f"{done.folder}: {done.rows:,} rows in {done.files:,} files{before}.")


def import_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="REPO_OR_DIR", help="nvidia/OpenCodeInstruct, or files of its form."
        ),
    ],
    out: Out,
    revision: Revision = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; by default one a core.")
    ] = None,
) -> None:
    """Make a dataset folder of a release of the published layout: every row, typed, by subset.

    Reads what the columns hold as text, adds scores, counts, pass rate, entry point and solution,
    and says by reason what could not be read; such rows are kept, with nulls. Stopped or killed at
    any moment, the same command continues. The licence stays CC-BY-4.0.

    Example: `opencodeinstruct import nvidia/OpenCodeInstruct --out nvidia`
    """
    screens = open_screens()
    release = find_release(source, revision)
    at = f"@{release.commit[:12]}" if release.commit else ""
    files = "1 file" if len(release.files) == 1 else f"{len(release.files):,} files"
    say(f"{source}{at}: {files}, {release.bytes:,} bytes to read", screens.err)
    name = f"{source.rstrip('/').rpartition('/')[2]}, by subset"
    total = rows_of(release)
    columns = (
        TextColumn("import"),
        *((BarColumn(), TimeRemainingColumn()) if total else ()),
        TextColumn("{task.completed:,} rows" + (f" of {total:,}" if total else "")),
    )
    with Progress(*columns, console=screens.err, transient=True) as progress:
        task = progress.add_task("import", total=total)
        report = import_release(
            release,
            out,
            workers=workers or len(os.sched_getaffinity(0)),
            settings=BuildSettings(license=LICENSE, pretty_name=name),
            progress=lambda rows: progress.update(task, completed=rows),
        )
    if report.findings.rows:
        screens.out.print(_findings_table(report))
    else:
        say("Everything in every row could be read.")
    folder = report.built.folder
    say(f"{folder}: {report.rows:,} rows. What each pair of thresholds leaves of them:")
    say(f"  opencodeinstruct stats {folder}")


def append_command(
    old: Annotated[Path, typer.Argument(metavar="DATASET", help="A dataset folder, to grow.")],
    new: Annotated[Path, typer.Argument(metavar="MORE", help="Another, with the rows to add.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="A new folder; DATASET itself, if not given."),
    ] = None,
) -> None:
    """Append the rows of another dataset folder, so that publishing again sends these alone.

    No shard of DATASET is written again: rows of MORE whose ids it lacks become further shards;
    the others are counted. Subsets, counts, card and manifest are made anew. Killed at any moment,
    DATASET is whole, and the same command does it again.

    Example: `opencodeinstruct append published runs/quickstart/dataset`
    """
    screens = open_screens()
    columns = (TextColumn("append"), TextColumn("{task.completed:,} rows"))
    with Progress(*columns, console=screens.err, transient=True) as progress:
        task = progress.add_task("append", total=None)
        done = append(old, new, out or old, lambda rows: progress.update(task, completed=rows))
    say(
        f"{done.folder}: {done.before + done.added:,} rows, {done.added:,} of them new, in "
        f"{len(done.files):,} new files; {done.known:,} were there already.",
    )


def stats_command(
    source: Annotated[
        str, typer.Argument(metavar="REPO_OR_DIR", help="A dataset on the Hub, or a folder.")
    ],
    revision: Revision = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print how many rows each pair of thresholds leaves: judge score and pass rate.

    Reads only the columns that it needs, also of a dataset on the Hub, and also of the published
    layout.

    Example: `opencodeinstruct stats runs/quickstart/dataset`
    """
    yields = count_yields(source, revision)
    screens = open_screens()
    if as_json:
        say(json.dumps(yields.as_json(), indent=2))
        return
    screens.out.print(_yields_table(yields))
    for name, rows in sorted(yields.domains().items()):
        say(f"{name}: {rows:,} rows")
    unknown = (yields.rows - yields.at_least(1, None), yields.rows - yields.at_least(None, 0.0))
    if any(unknown):
        say(f"without judge score: {unknown[0]:,}; without pass rate: {unknown[1]:,}")


def export_command(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE_OR_DIR", help=".jsonl, .parquet, or a folder.")
    ],
    format: Annotated[
        Shape, typer.Option("--format", help="Conversations, pairs of answers, or tasks for RL.")
    ] = Shape.MESSAGES,
    code_to_code: Annotated[
        bool,
        typer.Option("--code-to-code", help="Ask for the code that a question quotes, not for it."),
    ] = False,
    judge: Judge = None,
    pass_rate: PassRate = None,
    domain: Domain = None,
) -> None:
    """Write rows in the shape that trainers read: TRL, Axolotl, verifiers.

    messages: `messages`. preference: `prompt`, `chosen`, `rejected`, of questions with several
    answers. rl: `prompt`, `answer`, `tests`, `entry_point`, `info`.

    Example: `opencodeinstruct export runs/quickstart/dataset --format rl --out tasks.jsonl`
    """
    if code_to_code and format is not Shape.MESSAGES:
        raise typer.BadParameter("goes with --format messages", param_hint="--code-to-code")
    choice = _choice(judge, pass_rate, domain)
    done = export(dataset, format, out, choice, code_to_code=code_to_code)
    say(f"{done.path}: {done.records:,} records of {done.rows:,} rows.")


def _choice(judge: float | None, pass_rate: float | None, domain: list[str] | None) -> Choice:
    try:
        return Choice(judge, pass_rate, tuple(domain) if domain else None)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def _bar(console: Console, name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar that counts bytes; yields what moves it."""
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=total)
        yield lambda size: progress.update(task, completed=size)


def _findings_table(report: ImportReport) -> Table:
    table = Table(title="What could not be read, or was guessed; the rows are kept")
    for name in ("reason", "rows", "meaning", "for example"):
        table.add_column(name, justify="right" if name == "rows" else "left")
    for reason, rows in sorted(report.findings.rows.items()):
        ids = ", ".join(visible(name) for name in report.findings.ids.get(reason, [])[:1])
        table.add_row(reason, f"{rows:,}", REASONS[reason], ids)
    return table


def _yields_table(yields: Yields) -> Table:
    table = Table(title=f"{visible(yields.source)}: rows with at least …")
    table.add_column("pass rate")
    table.add_column("any judge", justify="right")
    for judge in JUDGES:
        table.add_column(f"judge {judge}", justify="right")
    for rate in (None, *RATES):
        cells = [yields.at_least(judge, rate) for judge in (None, *JUDGES)]
        table.add_row("any" if rate is None else f"{rate:.1f}", *(f"{cell:,}" for cell in cells))
    return table
