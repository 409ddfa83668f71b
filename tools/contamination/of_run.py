"""The report on a run's own rows: those dropped for a benchmark, and those that stayed."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from opencodeinstruct.builder.files import write_json, write_text
from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.contamination.examine import Report, examine
from opencodeinstruct.tools.contamination.page import as_html, as_json
from opencodeinstruct.tools.contamination.rows import Rows
from opencodeinstruct.tools.run_folder import read_table
from opencodeinstruct.tools.session import Session

JSON, PAGE = "contamination.json", "contamination.html"
"""The names of the two files in the folder of a run."""

SHOWN = ("prompt", "embedded in other text", "20% of words replaced")
"""The kinds of planted copies of which the card tells how many are found."""


def _files(session: Session) -> Iterator[Path]:
    """Each row once: dropped for its question, dropped for its answer, or kept."""
    first, second = (session.folder.stage(name) for name in ("decontaminate", "recheck"))
    dropped = (stage.rejects(n) for stage in (first, second) for n in range(len(stage.parts())))
    return chain(dropped, second.parts())


def report_of_run(session: Session) -> Report:
    """Examine the rows of a run whose stages are complete, and write both files into its folder."""
    settings = session.recipe.decontaminate

    def passes() -> Iterator[Rows]:
        number = 0
        for path in _files(session):
            table = read_table(path).select(list(settings.columns))
            yield Rows(list(range(number, number + table.num_rows)), table)
            number += table.num_rows

    report = examine(
        passes,
        [load_benchmark(spec) for spec in session.recipe.benchmarks],
        settings,
        on_rows=lambda rows: None,
        on_match=lambda entry: None,
    )
    told = {"source": session.recipe.name, "fields": list(settings.columns)}
    write_json(session.folder.path / JSON, as_json(report, told))
    write_text(session.folder.path / PAGE, as_html(report, told))
    return report


def recall_of(report: Report) -> dict[str, dict[str, float]]:
    """By benchmark and kind the share of planted copies that is found, for the card."""
    return {
        findings.name: {
            kind: one.found / one.copies
            for kind, one in findings.planted.items()
            if kind in SHOWN and one.copies
        }
        for findings in report.findings
    }
