"""Find the duplicates in a file of texts, alone or beside texts that are known already.

`groups.parquet` has a line for each row: its group and whether it is kept. `repeats.parquet` says
of each row that is not kept which one it repeats, and how like it is. `summary.json` comes last.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from opencodeinstruct.builder.files import write_json, writing
from opencodeinstruct.tools.text import alike as engine
from opencodeinstruct.tools.text.alike import Source, find_alike
from opencodeinstruct.tools.text.banding import choose_banding
from opencodeinstruct.tools.text.known_texts import KnownTexts, add_to_index, open_index
from opencodeinstruct.tools.text.row_marks import Likeness
from opencodeinstruct.tools.text.written import Written, written_of
from opencodeinstruct.tools.text_files import Texts, open_texts

_EXAMPLES = 5  # largest groups that are shown
_SHOWN = 160  # bytes of an example


@dataclass(frozen=True, slots=True)
class DedupJob:
    """What is compared, and how; `against` and `index` are texts that are known already."""

    source: Path
    field: str
    out: Path
    threshold: float = 0.7
    ngram_words: int = 5
    permutations: int = 128
    plain_words: bool = False
    against: Path | None = None
    index: Path | None = None

    def likeness(self) -> Likeness:
        """The settings of the comparison."""
        banding = choose_banding(self.threshold, self.permutations)
        return Likeness(self.ngram_words, self.threshold, banding, code=not self.plain_words)


@dataclass(frozen=True, slots=True)
class Example:
    """A large group: how many rows it has, and how its first one begins."""

    group: int
    rows: int
    text: str


@dataclass(frozen=True, slots=True)
class DedupReport:
    """What came out."""

    rows: int
    kept: int
    exact: int
    near: int
    known: int
    groups: int
    without_text: dict[str, str]
    examples: tuple[Example, ...]
    banding: str


def dedup_file(job: DedupJob, told: Callable[[str, int], None]) -> DedupReport:
    """Do `job`. Files in `out` appear whole or not at all, and the same job gives the same."""
    likeness = job.likeness()
    if job.index is not None:
        open_index(job.index, likeness)
    with tempfile.TemporaryDirectory() as folder:
        texts = open_texts(job.source, job.field, Path(folder))
        own = engine.Texts(texts.read)
        known = list(_known(job, texts, Path(folder)))
        found = find_alike([*known, own], likeness, told, known=len(known))
        written = written_of(found, texts.rows, texts.faults.blank)
        report = _report(written, texts, likeness)
        _write(job, written, report)
        if job.index is not None:
            add_to_index(job.index, texts.digest(), own, written.stays, likeness)
    return report


def _known(job: DedupJob, texts: Texts, scratch: Path) -> Iterator[Source]:
    if job.against is not None:
        yield engine.Texts(open_texts(job.against, job.field, scratch).read)
    if job.index is not None:
        yield KnownTexts(job.index, without=texts.digest())


def _report(written: Written, texts: Texts, likeness: Likeness) -> DedupReport:
    rows = written.groups.num_rows
    largest = written.largest[:_EXAMPLES]
    shown = _beginnings(texts, [group for group, _ in largest])
    faults = texts.faults
    return DedupReport(
        rows=rows,
        kept=rows - written.repeats.num_rows,
        exact=written.exact,
        near=written.near,
        known=written.known,
        groups=written.shared,
        without_text={
            reason: f"{count:,}, the first at {faults.first[reason]}"
            for reason, count in faults.counts.items()
        },
        examples=tuple(Example(group, size, shown[group]) for group, size in largest),
        banding=likeness.banding.said(likeness.threshold),
    )


def _beginnings(texts: Texts, rows: Sequence[int]) -> dict[int, str]:
    """How the texts of `rows` begin, on one line each."""
    shown: dict[int, str] = {}
    done = 0
    batches = texts.read()
    while len(shown) < len(rows):
        strings = next(batches)
        for row in rows:
            if done <= row < done + len(strings):
                shown[row] = _beginning(strings[row - done].as_py())
        done += len(strings)
    return shown


def _beginning(text: str | bytes | None) -> str:
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text or b""
    return " ".join(data[:_SHOWN].decode("utf-8", "ignore").split())


def _write(job: DedupJob, written: Written, report: DedupReport) -> None:
    summary = job.out / "summary.json"
    summary.unlink(missing_ok=True)
    for name, table in (("groups", written.groups), ("repeats", written.repeats)):
        with writing(job.out / f"{name}.parquet") as beside:
            pq.write_table(table, beside, compression="zstd")
    settings = {key: str(value) for key, value in asdict(job).items() if value is not None}
    write_json(summary, {"settings": settings, **asdict(report)})
