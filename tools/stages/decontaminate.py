"""Keep a benchmark's problems, solutions and tests out of the dataset.

Three detectors compare each column with the prompt, the description, the solution and the tests of
every item: long runs of words, the item's words in their order, and the solution's code whatever
its names. What a run of words counts depends on how usual it is in the rows and in the benchmark.
If a row falls, so do the rows that `dedup` found to be the same. What this cannot see: a problem
told in other words throughout (`paraphrase` looks for those), or in another language.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.builder.schema import CONTAMINATION, OVERLAP
from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.stages.paraphrase import SemanticSettings
from opencodeinstruct.tools.text.benchmark_index import BenchmarkIndex
from opencodeinstruct.tools.text.matches import (
    DETECTORS,
    Background,
    Match,
    Scales,
    Thresholds,
    add_to_background,
    empty_background,
    find_matches,
    scales_of,
)

REASONS = {
    "contaminated": "The row holds a part of a benchmark that is kept out.",
    "contaminated_group": "A row that says the same holds a part of a benchmark.",
}

COLUMN_OF = {"ngrams": "shared_ngrams", "containment": "contained_text", "code": "same_code"}
"""The column in which each detector's findings stand."""

GROUPS = ("exact_group", "near_group", "code_group")
"""The columns in which `dedup` says which rows are the same."""

_BATCH = 4000  # rows whose words are held at a time
_EVIDENCE = 300  # characters of the text that agrees

Tables = Callable[[], Iterator[pa.Table]]
Group = tuple[str, Any]


class DecontaminateSettings(BaseModel):
    """What counts as a part of a benchmark."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Words of a run. Of planted copies 10 find more than 13, at few false alarms; 8 at many.
    ngram_words: int = Field(default=10, ge=3, le=64)
    # Share of a text's runs, by weight. Runs of 10 alone flag 1,000 of 150,000 innocent documents.
    ngrams: float = Field(default=0.25, gt=0, le=1)
    # Share of a prompt's words, by weight, found in their order: one word in five may be replaced.
    containment: float = Field(default=0.58, gt=0, le=1)
    # The same of solutions and tests, whose idioms are in many programs.
    code_containment: float = Field(default=0.8, gt=0, le=1)
    # Share of a solution's runs of 8 tokens, names erased: at 0.6 textbook functions are flagged.
    code: float = Field(default=0.7, gt=0, le=1)
    # Telling words that must agree, unless the row is the text and little else.
    evidence: float = Field(default=7.5, ge=0)
    # All that a model would be trained on; `solution` is the code that `output` holds.
    columns: tuple[str, ...] = ("input", "output", "solution", "unit_tests")
    # compare questions by meaning as well: costs an extra and the judge's time; see below
    semantic: SemanticSettings | None = None

    @property
    def thresholds(self) -> Thresholds:
        """What the detectors need to know."""
        return Thresholds(
            self.ngram_words,
            self.ngrams,
            self.containment,
            self.code_containment,
            self.code,
            self.evidence,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A match, and the column in which it was found."""

    column: str
    match: Match

    @property
    def rank(self) -> tuple[bool, float, int]:
        """What counts comes first, then the higher score."""
        return self.match.counts, self.match.score, -self.match.part


def column_texts(table: pa.Table, column: str) -> pa.Array:
    """The column's texts as bytes; tests, a JSON list, with their line ends and quotes."""
    texts = table.column(column)
    if pa.types.is_list(texts.type) or pa.types.is_large_list(texts.type):
        texts = pc.binary_join(texts.cast(pa.list_(pa.string())), "\n")
    if not pa.types.is_large_binary(texts.type) and not pa.types.is_binary(texts.type):
        texts = texts.cast(pa.large_string()).cast(pa.large_binary())
    if column == "unit_tests":
        texts = pc.replace_substring(texts, b"\\n", b"\n")
        texts = pc.replace_substring(texts, b'\\"', b'"')
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _batches(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    for start in range(0, table.num_rows, _BATCH):
        yield start, table.slice(start, _BATCH)


def _present(table: pa.Table, columns: Sequence[str]) -> list[str]:
    return [column for column in columns if column in table.column_names]


def survey(
    tables: Iterable[pa.Table], index: BenchmarkIndex, settings: DecontaminateSettings
) -> Scales:
    """What the runs of `index` weigh by how usual they are in `tables`, all of their columns."""
    background = empty_background(index)
    for table in tables:
        add_table(background, table, index, settings.columns)
    return scales_of(index, background)


def add_table(
    background: Background, table: pa.Table, index: BenchmarkIndex, columns: Sequence[str]
) -> None:
    """Count the rows of each of `columns`."""
    for _, batch in _batches(table):
        for column in _present(batch, columns):
            add_to_background(background, column_texts(batch, column), index)


def find(
    table: pa.Table, scales: Scales, settings: DecontaminateSettings
) -> dict[int, list[Found]]:
    """By row what its columns share, the strongest first; rows that share nothing are absent."""
    found: dict[int, list[Found]] = {}
    if not scales.index.parts:
        return found
    for start, batch in _batches(table):
        for column in _present(batch, settings.columns):
            for match in find_matches(column_texts(batch, column), scales, settings.thresholds):
                row = start + match.row
                found.setdefault(row, []).append(Found(column, match._replace(row=row)))
    for its in found.values():
        its.sort(key=lambda one: one.rank, reverse=True)
    return found


def span_of(table: pa.Table, found: Found) -> str:
    """The text that agrees, as the row has it."""
    row = table.slice(found.match.row, 1)
    text: bytes = column_texts(row, found.column)[0].as_py() or b""
    return text[found.match.begin : found.match.end].decode("utf-8", "replace")


def entry_of(index: BenchmarkIndex, found: Found, span: str) -> dict[str, Any]:
    """What was found, by names."""
    part = index.parts[found.match.part]
    return {
        "benchmark": index.names[part.benchmark],
        "item": index.items[part.benchmark][part.item],
        "part": part.kind,
        "column": found.column,
        "detector": found.match.detector,
        "score": found.match.score,
        "span": span,
    }


def closest(found: Sequence[Found], index: BenchmarkIndex, detector: str | None) -> list[Found]:
    """The strongest of each benchmark, by one detector or any, in the order of benchmarks."""
    best: dict[int, Found] = {}
    for one in found:
        if detector in (None, one.match.detector):
            best.setdefault(index.parts[one.match.part].benchmark, one)
    return [best[number] for number in sorted(best)]


def evidence_of(entry: Mapping[str, Any]) -> str:
    """Benchmark, item, its part, detector, score and what agrees, on one line."""
    span = " ".join(str(entry["span"]).split())
    cut = span if len(span) <= _EVIDENCE else span[:_EVIDENCE] + "…"
    told = f"{entry['part']}, {entry['detector']} {entry['score']:.2f}"
    return f"{entry['benchmark']} {entry['item']} ({told}): {cut}"


def groups_of(table: pa.Table, rows: Iterable[int]) -> Iterator[tuple[int, Group]]:
    """The groups of each of `rows`, as `dedup` found them."""
    columns = {name: table.column(name) for name in GROUPS if name in table.column_names}
    for row in rows:
        for name, column in columns.items():
            value = column[row].as_py()
            if value is not None:
                yield row, (name, value)


def fallen_groups(
    tables: Iterable[pa.Table], scales: Scales, settings: DecontaminateSettings
) -> dict[Group, str]:
    """The groups of which a row holds a part of a benchmark, each with the evidence."""
    fallen: dict[Group, str] = {}
    for table in tables:
        if not any(name in table.column_names for name in GROUPS):
            continue
        found = find(table, scales, settings)
        rows = [row for row, its in sorted(found.items()) if its[0].match.counts]
        for row, group in groups_of(table, rows):
            worst = found[row][0]
            entry = entry_of(scales.index, worst, span_of(table, worst))
            fallen.setdefault(group, evidence_of(entry))
    return fallen


@dataclass(slots=True)
class _Judged:
    """What is said of each row so far."""

    reasons: list[str | None] = field(default_factory=list)
    evidence: list[str | None] = field(default_factory=list)
    closest: list[list[dict[str, Any]]] = field(default_factory=list)
    by_detector: dict[str, list[list[dict[str, Any]]]] = field(
        default_factory=lambda: {detector: [] for detector in DETECTORS}
    )


def _entries(
    table: pa.Table, found: Sequence[Found], index: BenchmarkIndex, detector: str | None
) -> list[dict[str, Any]]:
    return [entry_of(index, one, span_of(table, one)) for one in closest(found, index, detector)]


def _judge(judged: _Judged, table: pa.Table, row: int, its: list[Found], scales: Scales) -> None:
    entries = _entries(table, its, scales.index, None)
    named = {entry["benchmark"]: entry for entry in entries}
    nothing = dict.fromkeys(("item", "part", "column", "detector", "span"))
    judged.closest.append(
        [
            named.get(name, {"benchmark": name, "score": 0.0, **nothing})
            for name in scales.index.names
        ]
    )
    for detector in DETECTORS:
        judged.by_detector[detector].append(_entries(table, its, scales.index, detector))
    counts = bool(its) and its[0].match.counts
    judged.reasons.append("contaminated" if counts else None)
    judged.evidence.append(
        evidence_of(entry_of(scales.index, its[0], span_of(table, its[0]))) if counts else None
    )


def decontaminate(
    table: pa.Table,
    scales: Scales,
    settings: DecontaminateSettings,
    fallen: Mapping[Group, str] | None = None,
) -> Verdicts:
    """Drop each row that holds a part of a benchmark, and those of a group in `fallen`.

    The column `contamination` says for every row, of each benchmark, what comes closest by any
    detector; `COLUMN_OF` names the columns in which each detector says it for itself.
    """
    found, judged = find(table, scales, settings), _Judged()
    for row in range(table.num_rows):
        _judge(judged, table, row, found.get(row, []), scales)
    if fallen:
        for row, group in groups_of(table, range(table.num_rows)):
            if group in fallen and judged.reasons[row] is None:
                judged.reasons[row] = "contaminated_group"
                judged.evidence[row] = f"a row of its {group[0]} {group[1]}: {fallen[group]}"
    return Verdicts(
        reasons=pa.array(judged.reasons, pa.string()).dictionary_encode(),
        evidence=pa.array(judged.evidence, pa.string()),
        columns={
            "contamination": pa.array(judged.closest, CONTAMINATION),
            **{
                COLUMN_OF[detector]: pa.array(_without_detector(entries), OVERLAP)
                for detector, entries in judged.by_detector.items()
            },
        },
    )


def _without_detector(rows: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    return [
        [{k: v for k, v in entry.items() if k != "detector"} for entry in entries]
        for entries in rows
    ]
