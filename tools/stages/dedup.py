"""Keep one of each group of questions that say the same.

Exact: equal but for case, compatibility form and white space. Near: the sets of runs of tokens of
two questions have a Jaccard similarity of at least the threshold; MinHash only proposes pairs, each
is then measured. A row is dropped only for a row that is kept, so a chain of small edits does not
melt into one. Groups are all that is linked, kept or not: a division by group leaks nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import ReadColumns, Verdicts
from opencodeinstruct.tools.text.alike import Alike, Source, Texts, find_alike
from opencodeinstruct.tools.text.banding import choose_banding
from opencodeinstruct.tools.text.row_marks import Likeness

REASONS = {
    "exact_duplicate": "A kept question is the same but for case and white space.",
    "near_duplicate": "A kept question shares most of its runs of words.",
    "known_duplicate": "The dataset that the recipe compares with has the question already.",
}

_SLICE = 2048  # rows compared at a time
_LOWEST = -1.0  # rank of a row that has no score yet


class DedupSettings(BaseModel):
    """How alike two questions may be, and which of them stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(default="input", min_length=1)  # solutions of two questions may agree
    ngram_words: int = Field(default=5, ge=1, le=64)  # the usual shingle of text deduplication
    threshold: float = Field(default=0.7, gt=0, le=1)  # MinHash practice of The Stack
    # of a signature; cut into bands so that at most 2% of pairs at the threshold are missed
    permutations: int = Field(default=128, ge=1, le=4096)
    # levels that drop rows; the columns `exact_group` and `near_group` are filled all the same
    drop: tuple[Literal["exact", "near"], ...] = ("exact", "near")
    # what decides who stays, one after the other; before answers exist only the id does
    keep: tuple[Literal["judge_score", "pass_rate", "id", "first"], ...] = (
        "judge_score",
        "pass_rate",
        "id",
    )
    # a dataset or an index that new rows must not repeat: a folder, JSONL or Parquet
    against: Path | None = None
    engine: Literal["ours", "text-dedup"] = "ours"  # or that package, installed as an extra


def likeness_of(settings: DedupSettings) -> Likeness:
    """What the settings say of two texts."""
    banding = choose_banding(settings.threshold, settings.permutations)
    return Likeness(settings.ngram_words, settings.threshold, banding)


def banding_said(settings: DedupSettings) -> str:
    """The bands that the settings lead to, and what they are expected to miss."""
    return likeness_of(settings).banding.said(settings.threshold)


_GROUPS = ("exact_group", "near_group")


def columns_of(settings: DedupSettings) -> tuple[str, ...]:
    """The columns that the stage reads: the text, what decides who stays, the groups."""
    return tuple(dict.fromkeys([settings.column, *_small(settings)]))


def _small(settings: DedupSettings) -> list[str]:
    ranks = (name for name in settings.keep if name != "first")
    return list(dict.fromkeys(["id", *ranks, *_GROUPS]))


def _texts(tables: Iterable[pa.Table], column: str) -> Iterator[pa.Array]:
    """The texts of `tables`, some at a time; rows without that column have none."""
    for table in tables:
        if column not in table.column_names:
            yield pa.nulls(table.num_rows, pa.large_string())
            continue
        texts = table.column(column)
        for start in range(0, len(texts), _SLICE):
            yield texts.slice(start, _SLICE).combine_chunks()


def _order(table: pa.Table, keep: Sequence[str]) -> NDArray[np.int64]:
    """The rows in the order of survival: high scores first, then small ids, then input order."""
    keys: list[NDArray[np.float64] | NDArray[np.int64]] = []
    for name in keep:
        if name == "first":
            break
        if name not in table.column_names:
            continue
        column = table.column(name)
        if name == "id":
            ranks = pc.rank(column, tiebreaker="dense")
            keys.append(ranks.to_numpy().astype(np.int64))
        else:
            scores = pc.fill_null(column.cast(pa.float64()), _LOWEST)
            keys.append(-scores.to_numpy())
    rows = np.arange(table.num_rows)
    return np.asarray(np.lexsort([rows, *reversed(keys)]), np.int64)


def _names(table: pa.Table) -> pa.Array:
    """What rows are called in groups: their ids, or their numbers where they have none."""
    numbers = pc.binary_join_element_wise(
        "row ", pa.array(np.arange(table.num_rows)).cast(pa.string()), ""
    )
    if "id" not in table.column_names:
        return numbers
    return pc.coalesce(table.column("id").combine_chunks().cast(pa.string()), numbers)


def _nothing(_what: str, _done: int) -> None:
    """Tell nobody."""


def dedup(read: ReadColumns, settings: DedupSettings, known: Sequence[Source] = ()) -> Verdicts:
    """Drop each row whose text repeats that of a kept row, or of `known`.

    `read` gives columns of all rows, some rows at a time; texts are never all in memory. The
    evidence names the kept row and their similarity. `exact_group` and `near_group` are the ids
    of the first row, by the rule of who stays, of those with an equal text and of all that are
    linked by likeness; that of a row alone is its own. Rows without text (null) are kept; a text of
    fewer tokens than a shingle only equals itself. The result does not depend on chance, nor, where
    ids differ, on the order of the rows.
    """
    tables = list(read(_small(settings)))
    if not tables:
        return Verdicts(pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), list(REASONS)))
    rows = sum(table.num_rows for table in tables)
    table = pa.concat_tables(tables) if tables[0].num_columns else pa.table({"": pa.nulls(rows)})
    own = Texts(lambda: _texts(read([settings.column]), settings.column))
    order = _order(table, settings.keep)

    def whole_order(count: int) -> NDArray[np.int64]:
        before = count - len(order)
        return np.concatenate([np.arange(before), before + order])

    found = find_alike(
        [*known, own], likeness_of(settings), _nothing, whole_order, known=len(known)
    )
    return _verdicts(found, table, settings)


def _verdicts(found: Alike, table: pa.Table, settings: DedupSettings) -> Verdicts:
    before = len(found.kept) - table.num_rows
    rows = np.arange(table.num_rows)
    kept, exact, near = (
        column[before:] - before for column in (found.kept, found.exact, found.near)
    )
    similarity = found.similarity[before:]
    names = _names(table)
    if "near" not in settings.drop:
        kept, similarity = exact, np.ones(len(rows))
    equal = (exact != rows) & ~(similarity < 1)
    dropped = kept != rows
    if "exact" not in settings.drop:
        dropped &= ~equal
    reasons = np.where(kept < 0, 2, np.where(equal, 0, 1))
    chosen = pa.DictionaryArray.from_arrays(
        pa.array(reasons.astype(np.int32), mask=~dropped), pa.array(list(REASONS))
    )
    return Verdicts(
        reasons=chosen,
        evidence=_evidence(names, kept, similarity, dropped),
        columns=_groups(table, names, exact, near),
    )


def verdicts_of_clusters(
    table: pa.Table, clusters: Sequence[int], settings: DedupSettings
) -> Verdicts:
    """The verdicts of another engine's clusters (-1: alone): of each, one row stays."""
    rows = np.arange(table.num_rows)
    own = np.asarray(clusters, np.int64)
    order = _order(table, settings.keep)
    own = np.where(own < 0, rows.max(initial=0) + 1 + rows, own)
    _, first, inverse = np.unique(own[order], return_index=True, return_inverse=True)
    head = np.empty_like(rows)
    head[order] = order[first[inverse]]
    return _verdicts(Alike(rows, head, head, np.full(len(rows), np.nan)), table, settings)


def _evidence(
    names: pa.Array,
    kept: NDArray[np.int64],
    similarity: NDArray[np.float64],
    dropped: NDArray[np.bool_],
) -> pa.Array:
    """Of each dropped row the name of the kept one, and how alike they are."""
    said = [
        f"{names[other].as_py() if other >= 0 else 'known before'} {alike:.3f}".removesuffix(" nan")
        for other, alike in zip(kept[dropped].tolist(), similarity[dropped].tolist(), strict=True)
    ]
    evidence = np.full(len(kept), None, object)
    evidence[dropped] = said
    return pa.array(evidence, pa.string())


def _groups(
    table: pa.Table, names: pa.Array, exact: NDArray[np.int64], near: NDArray[np.int64]
) -> dict[str, pa.Array]:
    """The group columns that `table` has; where a known text comes first, our first names them."""
    rows = np.arange(len(names))
    columns = {}
    for name, group in zip(_GROUPS, (exact, near), strict=True):
        _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
        named = np.where(group >= 0, group, rows[first][inverse])
        if name in table.column_names:
            columns[name] = names.take(pa.array(named))
    return columns
