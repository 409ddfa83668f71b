"""The command `dedup`: the stage of a recipe's run, or the duplicates of any file of texts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from opencodeinstruct.tools.command_options import DropDeferred, Limit, Redo, ShowRows
from opencodeinstruct.tools.dedup_file import DedupJob, DedupReport, dedup_file
from opencodeinstruct.tools.running import Options, run_one
from opencodeinstruct.tools.screens import Screens, open_screens
from opencodeinstruct.tools.session import open_session
from opencodeinstruct.tools.shown import visible
from opencodeinstruct.tools.terminal import progress_on

_RECIPES = (".yaml", ".yml")
_WHAT = {"read": "texts read", "band": "bands", "measure": "pairs measured"}

Source = Annotated[
    Path,
    typer.Argument(metavar="RECIPE|FILE", help="A recipe (.yaml), or texts: JSONL or Parquet."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of the run, by default runs/NAME; of FILE: of the results."),
]
Field = Annotated[str | None, typer.Option("--field", help="Of FILE: the field that is compared.")]
Threshold = Annotated[
    float,
    typer.Option("--threshold", min=0.01, max=1, help="Of FILE: the least Jaccard similarity."),
]
NgramWords = Annotated[
    int, typer.Option("--ngram-words", min=1, max=64, help="Of FILE: words to a shingle.")
]
Permutations = Annotated[
    int, typer.Option("--permutations", min=1, max=4096, help="Of FILE: minima to a signature.")
]
PlainWords = Annotated[
    bool,
    typer.Option(
        "--plain-words", help="Of FILE: compare words only, no operators or parts of identifiers."
    ),
]
Against = Annotated[
    Path | None,
    typer.Option("--against", help="Of FILE: texts that are kept anyway, a file or folder."),
]
Index = Annotated[
    Path | None,
    typer.Option(
        "--index", help="Of FILE: folder of known texts to compare with; what is kept joins it."
    ),
]


def dedup_command(
    source: Source,
    out: Out = None,
    field: Field = None,
    threshold: Threshold = 0.7,
    ngram_words: NgramWords = 5,
    permutations: Permutations = 128,
    plain_words: PlainWords = False,
    against: Against = None,
    index: Index = None,
    show_rows: ShowRows = False,
    drop_deferred: DropDeferred = False,
    redo: Redo = False,
    limit: Limit = None,
) -> None:
    """Drop exact and near duplicates of RECIPE's questions, or find those of any FILE.

    Of a RECIPE: runs this stage alone, anew; `run` continues from it. Of a FILE: writes
    `groups.parquet` (`row`, `group`, `kept`) and `repeats.parquet` into `--out`. More:
    docs/dedup.md.

    Examples: `opencodeinstruct dedup examples/quickstart.yaml`,
    `opencodeinstruct dedup rows.jsonl --field question --threshold 0.7 --out duplicates`
    """
    screens = open_screens()
    if source.suffix in _RECIPES and field is None:
        options = Options(show_rows, drop_deferred, redo)
        raise typer.Exit(run_one(open_session(source, out, limit), "dedup", options, screens))
    if field is None or out is None:
        missing = "--field" if field is None else "--out"
        raise typer.BadParameter(f"a file needs {missing}", param_hint=missing)
    job = DedupJob(
        source, field, out, threshold, ngram_words, permutations, plain_words, against, index
    )
    _deduplicate(job, screens)


def _deduplicate(job: DedupJob, screens: Screens) -> None:
    with progress_on(screens.err) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int) -> None:
            _advance(progress, tasks, what, done)

        report = dedup_file(job, told)
    _show(report, job.out, screens)


def _advance(progress: Progress, tasks: dict[str, TaskID], what: str, done: int) -> None:
    if what not in tasks:
        tasks[what] = progress.add_task(_WHAT[what], total=None, note="")
    progress.update(tasks[what], advance=done)


def _show(report: DedupReport, out: Path, screens: Screens) -> None:
    table = Table(title="Duplicates", title_justify="left")
    table.add_column("rows")
    table.add_column("", justify="right")
    counts = {
        "all": report.rows,
        "kept": report.kept,
        "dropped: equal to a kept one": report.exact,
        "dropped: like a kept one": report.near,
        "of these, known before": report.known,
        "groups of several rows": report.groups,
    }
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    screens.out.print(table)
    lines = [f"{report.banding}.", *(f"{why}: {said}" for why, said in report.without_text.items())]
    for example in report.examples:
        lines.append(f"group {example.group}, {example.rows:,} rows: {visible(example.text)}")
    lines.append(f"{out / 'groups.parquet'}: complete.")
    for line in lines:
        screens.out.print(line, highlight=False, markup=False, soft_wrap=True)
