"""Keep a benchmark's problems, solutions and tests out of the dataset.

A row that shares a run of words with a benchmark (or all words of a text shorter than such a run)
is dropped; what it shares, and with which item, is said for every row. What this cannot see: a
problem told in other words, in another language or with the names and numbers changed throughout.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.schema import CONTAMINATION
from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.text.benchmark import Benchmark
from opencodeinstruct.tools.text.benchmark_index import (
    BenchmarkIndex,
    index_benchmarks,
    whole_hash,
)
from opencodeinstruct.tools.text.ngrams import known_hashes, ngram_hashes
from opencodeinstruct.tools.text.words import words_of, words_with_places

REASONS = {"contaminated": "The row shares a run of words with a benchmark that is kept out."}

_BATCH = 2000  # rows whose words are held at a time
_EVIDENCE = 300  # characters of the shared words in the evidence


class DecontaminateSettings(BaseModel):
    """What counts as shared with a benchmark."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Of planted copies of HumanEval 10 words find more than 13, at few false alarms; 8 at many.
    ngram_words: int = Field(default=10, ge=1, le=64)
    # "function that takes a string as input and returns the" is in many problems of MBPP.
    boilerplate_items: int = Field(default=3, ge=2)
    # A pair of nested loops is in many programs: less of a solution or test is an idiom, no copy.
    min_code_share: float = Field(default=0.1, ge=0, le=1)
    # All that a model would be trained on; `solution` is the code that `output` holds.
    columns: tuple[str, ...] = ("input", "output", "solution", "unit_tests")


Shared = dict[int, set[int]]
"""What one text shares with benchmarks: by the number of a part, the hashes of its shared runs."""


@dataclass(frozen=True, slots=True)
class _Closest:
    """The item of a benchmark that a row shares most with; `counts` when that is too much."""

    item: int
    score: float
    counts: bool
    column: str
    words: tuple[str, ...]


def build_index(benchmarks: Iterable[Benchmark], settings: DecontaminateSettings) -> BenchmarkIndex:
    """The index that `decontaminate` takes under the same settings."""
    return index_benchmarks(
        benchmarks,
        ngram_words=settings.ngram_words,
        boilerplate_items=settings.boilerplate_items,
    )


def _plain(column: str, value: Any) -> str:
    """`value` as text; tests, a JSON list, as one line each."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    if column != "unit_tests":
        return value
    try:
        tests = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return "\n".join(map(str, tests)) if isinstance(tests, list) else value


def _scan(texts: Sequence[str], index: BenchmarkIndex) -> dict[int, Shared]:
    """By the place in `texts`, what that text shares; texts that share nothing are absent."""
    words = [words_of(text) for text in texts]
    ends = np.cumsum([len(one) + 1 for one in words])
    flat = known_hashes((word for one in words for word in (*one, "")), index.vocabulary)
    found: dict[int, Shared] = defaultdict(lambda: defaultdict(set))
    for size, known in index.runs.items():
        grams = ngram_hashes(flat, size)
        slots = np.minimum(np.searchsorted(known, grams), len(known) - 1)
        places = np.flatnonzero(known[slots] == grams)
        rows = np.searchsorted(ends, places, side="right")
        for row, gram in zip(rows.tolist(), grams[places].tolist(), strict=True):
            for part in index.holders[gram]:
                found[row][part].add(gram)
    for row, (end, its) in enumerate(zip(ends.tolist(), words, strict=True)):
        gram = whole_hash(flat[end - len(its) - 1 : end - 1]) if index.wholes else 0
        for part in index.wholes.get(gram, ()):
            found[row][part].add(gram)
    return found


def _closest(
    found: dict[str, Shared], index: BenchmarkIndex, min_code_share: float
) -> dict[int, _Closest]:
    """By benchmark the closest item of a row, of which `found` is what each column shares."""
    best: dict[int, tuple[tuple[bool, float, int, int], _Closest]] = {}
    for column, its in found.items():
        for number, runs in its.items():
            part = index.parts[number]
            score = len(runs) / part.grams
            counts = not part.is_code or score >= min_code_share
            rank = (counts, score, part.grams, -part.item)
            if part.benchmark not in best or rank > best[part.benchmark][0]:
                closest = _Closest(part.item, score, counts, column, part.words)
                best[part.benchmark] = (rank, closest)
    return {benchmark: closest for benchmark, (_, closest) in best.items()}


def _span(text: str, words: Sequence[str]) -> str:
    """The longest stretch of `text` whose words stand so in `words`."""
    places = words_with_places(text)
    own = [word.text for word in places]
    run = SequenceMatcher(None, own, words, autojunk=False).find_longest_match()
    return text[places[run.a].start : places[run.a + run.size - 1].end] if run.size else ""


def _entries(
    best: dict[int, _Closest], texts: dict[str, str], index: BenchmarkIndex
) -> list[dict[str, Any]]:
    """One entry for each benchmark; where nothing is shared, no item and score 0."""
    entries: list[dict[str, Any]] = []
    for number, name in enumerate(index.names):
        closest = best.get(number)
        entry: dict[str, Any] = {"benchmark": name, "item": None, "score": 0.0, "span": None}
        if closest is not None:
            span = _span(texts[closest.column], closest.words)
            item = index.items[number][closest.item]
            entry |= {"item": item, "score": closest.score, "span": span}
        entries.append(entry)
    return entries


def _evidence(best: dict[int, _Closest], entries: Sequence[dict[str, Any]]) -> str | None:
    """Benchmark, item and shared words of the highest score that counts; None when none does."""
    counting = [entries[number] for number, closest in sorted(best.items()) if closest.counts]
    if not counting:
        return None
    worst = max(counting, key=lambda entry: float(entry["score"]))
    span = " ".join(worst["span"].split())
    cut = span if len(span) <= _EVIDENCE else span[:_EVIDENCE] + "…"
    return f"{worst['benchmark']} {worst['item']}: {cut}"


@dataclass(slots=True)
class _Judged:
    entries: list[list[dict[str, Any]]] = field(default_factory=list)
    evidence: list[str | None] = field(default_factory=list)


def _judge(
    judged: _Judged, table: pa.Table, index: BenchmarkIndex, settings: DecontaminateSettings
) -> None:
    """Add the entries and the evidence of each row of `table` to `judged`."""
    texts = {
        column: [_plain(column, value) for value in table.column(column).to_pylist()]
        for column in settings.columns
        if column in table.column_names
    }
    found: dict[int, dict[str, Shared]] = defaultdict(dict)
    for column, values in texts.items():
        for row, its in _scan(values, index).items():
            found[row][column] = its
    for row in range(table.num_rows):
        shared = found.get(row, {})
        best = _closest(shared, index, settings.min_code_share)
        entries = _entries(best, {column: texts[column][row] for column in shared}, index)
        judged.entries.append(entries)
        judged.evidence.append(_evidence(best, entries))


def decontaminate(
    table: pa.Table, index: BenchmarkIndex, settings: DecontaminateSettings
) -> Verdicts:
    """Drop each row that shares a run of words with a benchmark of `index`.

    The column `contamination` says for every row, of each benchmark, the item that shares most, the
    share of its runs (of one of its parts, in one column) and the shared words as the row has them.
    """
    if (index.ngram_words, index.boilerplate_items) != (
        settings.ngram_words,
        settings.boilerplate_items,
    ):
        raise ProjectError(
            "decontaminate: the index was built under other settings. Build it with build_index."
        )
    judged = _Judged()
    for start in range(0, table.num_rows, _BATCH):
        _judge(judged, table.slice(start, _BATCH), index, settings)
    reasons = [None if one is None else "contaminated" for one in judged.evidence]
    return Verdicts(
        reasons=pa.array(reasons, pa.string()).dictionary_encode(),
        evidence=pa.array(judged.evidence, pa.string()),
        columns={"contamination": pa.array(judged.entries, CONTAMINATION)},
    )
