"""What the rows of a dataset share with benchmarks, counted, and how much was likely missed.

Two passes over the rows: what is usual in them, then what each shares. Between the two the tool
plants copies of the benchmarks' items and counts which the same settings find. Memory holds the
benchmarks, the rows at hand and the examples for the report.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from opencodeinstruct.tools.contamination.rows import Rows
from opencodeinstruct.tools.stages.decontaminate import (
    DecontaminateSettings,
    Found,
    add_table,
    column_texts,
    entry_of,
    find,
    span_of,
)
from opencodeinstruct.tools.text.benchmark import Benchmark
from opencodeinstruct.tools.text.benchmark_index import PROSE, BenchmarkIndex, index_benchmarks
from opencodeinstruct.tools.text.matches import DETECTORS, Scales, empty_background, scales_of
from opencodeinstruct.tools.text.planting import KINDS, plant

BINS = 20
"""Columns of a distribution of scores, from 0 to 1."""

_EXAMPLES = 25  # of a benchmark, shown side by side, and as many that come near
_EXCERPT = 1500  # characters of each side
_PLANTED = 200  # items of a benchmark that are planted in each kind
_FILLER = 200  # texts of the rows that copies are put into
_LONGEST_FILLER = 2000
_NO_FILLER = "Nothing else was in the rows that copies could be put into."


@dataclass(frozen=True, slots=True)
class Example:
    """A row and the part of an item that it shares most with, for a person to look at."""

    row: int
    column: str
    item: str
    part: str
    detector: str
    score: float
    closeness: float
    text: str
    part_text: str


@dataclass(slots=True)
class Planted:
    """Copies of one kind: how many, found by any detector, and by each."""

    copies: int = 0
    found: int = 0
    by_detector: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DETECTORS, 0))


@dataclass(slots=True)
class Findings:
    """What the rows share with one benchmark.

    `rows` hold a part of it: by detector, and by that one only. `scores`: rows by the highest score
    of each detector, in `BINS` columns.
    """

    name: str
    origin: str
    items: int
    touched: set[str] = field(default_factory=set)
    rows: int = 0
    by_detector: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DETECTORS, 0))
    only_by: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DETECTORS, 0))
    scores: dict[str, list[int]] = field(
        default_factory=lambda: {name: [0] * BINS for name in DETECTORS}
    )
    matches: list[Example] = field(default_factory=list)
    near: list[Example] = field(default_factory=list)
    planted: dict[str, Planted] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """The whole examination. `flagged`: rows that hold a part of any benchmark."""

    settings: DecontaminateSettings
    rows: int = 0
    flagged: int = 0
    findings: list[Findings] = field(default_factory=list)


OnRows = Callable[[int], None]
OnMatch = Callable[[dict[str, Any]], None]
Passes = Callable[[], Iterator[Rows]]


def examine(
    passes: Passes,
    benchmarks: Sequence[Benchmark],
    settings: DecontaminateSettings,
    *,
    on_rows: OnRows,
    on_match: OnMatch,
) -> Report:
    """Examine the rows of `passes`, which is called twice, against `benchmarks`.

    `on_match` is told each match that counts, rows ascending: of a row and an item the strongest of
    each detector. `on_rows` is told how many more rows were seen, in both passes together.
    """
    index = index_benchmarks(benchmarks)
    background, filler = empty_background(index), list[str]()
    for rows in passes():
        add_table(background, rows.table, index, settings.columns)
        _keep_filler(filler, rows.table, settings.columns)
        on_rows(rows.table.num_rows)
    scales = scales_of(index, background)
    report = Report(settings, findings=[_empty(benchmark) for benchmark in benchmarks])
    for findings, benchmark in zip(report.findings, benchmarks, strict=True):
        findings.planted = _recall(benchmark, scales, settings, filler or [_NO_FILLER])
    for rows in passes():
        _count(report, rows, scales, on_match)
        on_rows(rows.table.num_rows)
    return report


def _empty(benchmark: Benchmark) -> Findings:
    return Findings(benchmark.name, benchmark.origin, len(benchmark.items))


def _keep_filler(filler: list[str], table: pa.Table, columns: Sequence[str]) -> None:
    present = [name for name in columns if name in table.column_names]
    for name in present[:1]:
        for value in column_texts(table.slice(0, max(_FILLER - len(filler), 0)), name).to_pylist():
            if value and value.strip():
                filler.append(value[:_LONGEST_FILLER].decode("utf-8", "replace"))


def _recall(
    benchmark: Benchmark, scales: Scales, settings: DecontaminateSettings, filler: list[str]
) -> dict[str, Planted]:
    """How many planted copies of each kind are found, each as a match with its own benchmark."""
    draw = random.Random(benchmark.name)
    items = list(benchmark.items)
    chosen = draw.sample(items, min(_PLANTED, len(items)))
    alone = settings.model_copy(update={"columns": ("copy",)})
    number = scales.index.names.index(benchmark.name)
    planted: dict[str, Planted] = {}
    for kind in KINDS:
        copies = plant(chosen, kind, draw, filler)
        texts = pa.array([text.encode("utf-8", "replace") for _, text in copies], pa.large_binary())
        found = find(pa.table({"copy": texts}), scales, alone)
        result = planted[kind] = Planted(len(copies))
        for its in found.values():
            names = {
                one.match.detector
                for one in its
                if one.match.counts and scales.index.parts[one.match.part].benchmark == number
            }
            result.found += bool(names)
            for name in names:
                result.by_detector[name] += 1
    return planted


def _count(report: Report, rows: Rows, scales: Scales, on_match: OnMatch) -> None:
    report.rows += rows.table.num_rows
    found = find(rows.table, scales, report.settings)
    for row in sorted(found):
        its = found[row]
        report.flagged += its[0].match.counts
        for number, findings in enumerate(report.findings):
            own = [o for o in its if scales.index.parts[o.match.part].benchmark == number]
            if own:
                _count_row(findings, own, rows, scales.index, report.settings)
        for entry in _entries(its, rows, scales.index):
            on_match(entry)


def _count_row(
    findings: Findings,
    own: Sequence[Found],
    rows: Rows,
    index: BenchmarkIndex,
    settings: DecontaminateSettings,
) -> None:
    """Count what one row shares with one benchmark."""
    highest: dict[str, float] = {}
    for one in own:
        name = one.match.detector
        highest[name] = max(highest.get(name, 0.0), one.match.score)
    for name, score in highest.items():
        findings.scores[name][min(int(score * BINS), BINS - 1)] += 1
    counting = [one for one in own if one.match.counts]
    names = {one.match.detector for one in counting}
    for one in counting:
        part = index.parts[one.match.part]
        findings.touched.add(index.items[part.benchmark][part.item])
    findings.rows += bool(names)
    for name in names:
        findings.by_detector[name] += 1
        findings.only_by[name] += len(names) == 1
    best = max(own, key=lambda one: (one.match.counts, _closeness(one, index, settings)))
    _keep(
        findings.matches if counting else findings.near,
        lambda: _example(best, rows, index, _closeness(best, index, settings)),
        _closeness(best, index, settings),
    )


def _closeness(found: Found, index: BenchmarkIndex, settings: DecontaminateSettings) -> float:
    """The score over the threshold that it would have to reach."""
    match = found.match
    prose = index.parts[match.part].kind in PROSE
    least = {
        "ngrams": settings.ngrams,
        "containment": settings.containment if prose else settings.code_containment,
        "code": settings.code,
    }
    return match.score / least[match.detector]


def _keep(examples: list[Example], make: Callable[[], Example], closeness: float) -> None:
    """Keep the examples that come closest, at most so many."""
    if len(examples) == _EXAMPLES and closeness <= examples[-1].closeness:
        return
    examples.append(make())
    examples.sort(key=lambda one: (-one.closeness, one.row))
    del examples[_EXAMPLES:]


def _example(found: Found, rows: Rows, index: BenchmarkIndex, closeness: float) -> Example:
    entry = entry_of(index, found, "")
    text: bytes = column_texts(rows.table.slice(found.match.row, 1), found.column)[0].as_py() or b""
    begin = max(0, found.match.begin - _EXCERPT // 5)
    excerpt = text[begin : begin + _EXCERPT].decode("utf-8", "replace")
    return Example(
        rows.numbers[found.match.row],
        found.column,
        entry["item"],
        entry["part"],
        entry["detector"],
        found.match.score,
        closeness,
        excerpt,
        index.parts[found.match.part].text[:_EXCERPT],
    )


def _entries(its: Iterable[Found], rows: Rows, index: BenchmarkIndex) -> Iterator[dict[str, Any]]:
    """For each item and detector the strongest match of a row that counts."""
    seen: set[tuple[int, int, str]] = set()
    for one in its:
        part = index.parts[one.match.part]
        key = (part.benchmark, part.item, one.match.detector)
        if one.match.counts and key not in seen:
            seen.add(key)
            entry = entry_of(index, one, span_of(rows.table, one))
            yield {"row": rows.numbers[one.match.row], **entry}
