"""What finding duplicates needs of each row, made in one pass in which nothing leaves the cache.

A row is hashed, cut, rolled into runs and sketched before the next one is looked at; what lies in
between is never kept. The same comes out as from `text_hashes`, `tokens`, `ngrams`, `band_keys` and
`distinct` one after the other, at half the cost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.ascii_rows import Made, made_of
from opencodeinstruct.tools.text.banding import Banding
from opencodeinstruct.tools.text.buffers import TextBuffers, batches, present
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import WAITING, Hashes
from opencodeinstruct.tools.text.minhash import Permutations, permutations_of, write_keys
from opencodeinstruct.tools.text.shingles import Grams, roll, write_distinct
from opencodeinstruct.tools.text.tokens import Tables, scan_row, tables_of
from opencodeinstruct.tools.text.whole_texts import hash_text


@dataclass(frozen=True, slots=True)
class Likeness:
    """When two texts are alike: their runs of `size` tokens have a Jaccard of `threshold`.

    Without `code` tokens are words only: no operators, and identifiers are cut at `_` alone.
    """

    size: int
    threshold: float
    banding: Banding
    code: bool = True


@dataclass(frozen=True, slots=True)
class Marks:
    """Of some rows: the hash of each text, the keys of its bands, (bands, rows), if it has any.

    A row that is not `present` has no text and equals none.
    """

    texts: Hashes
    keys: Hashes
    present: NDArray[np.bool_]


class _Room(NamedTuple):
    """What one row at a time is worked on in."""

    made: Made
    runs: Hashes
    least: NDArray[np.uint32]
    marks: NDArray[np.int32]


def _room(size: int, minima: int) -> _Room:
    return _Room(
        made_of(size),
        np.empty(size, np.uint64),
        np.empty(minima, np.uint32),
        np.empty(WAITING, np.int32),
    )


@compiled
def _runs(
    data: NDArray[np.uint8], begin: int, end: int, tables: Tables, size: int, room: _Room
) -> int:
    """Write the runs of a row to `room.runs`; how many there are."""
    count = scan_row(data, begin, end, tables, room.marks, room.made, 0)
    return roll(room.made.hashes, 0, count, size, room.runs, 0)


@compiled
def _mark(
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    tables: Tables,
    size: int,
    permutations: Permutations,
    room: _Room,
    texts: Hashes,
    keys: Hashes,
    first: int,
) -> None:
    for row in range(len(begins)):
        begin, end = begins[row], ends[row]
        texts[first + row] = hash_text(
            data, begin, end, tables.characters, tables.plain, room.marks
        )
        count = _runs(data, begin, end, tables, size, room)
        write_keys(room.runs[:count], permutations, room.least, keys, first + row)


@compiled
def _sets(
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    tables: Tables,
    size: int,
    room: _Room,
    sets: Hashes,
    counts: NDArray[np.int64],
) -> int:
    total = 0
    for row in range(len(begins)):
        before = total
        count = _runs(data, begins[row], ends[row], tables, size, room)
        total = write_distinct(room.runs[:count], sets, before)
        counts[row] = total - before
    return total


def _tabled(strings: pa.Array, likeness: Likeness) -> Iterator[tuple[TextBuffers, Tables]]:
    for rows in batches(strings):
        yield rows, tables_of(rows, operators=likeness.code, split_case=likeness.code)


def _largest(rows: TextBuffers) -> int:
    """Tokens that a row of `rows` can have at most: none is shorter than a byte."""
    return int((rows.ends - rows.begins).max()) + 1


def marks_of(strings: pa.Array, likeness: Likeness) -> Marks:
    """The marks of `strings`; a text shorter than a shingle has no key, a null row neither."""
    banding = likeness.banding
    permutations, room, done = permutations_of(banding), _room(0, 0), 0
    texts = np.empty(len(strings), np.uint64)
    keys = np.empty((banding.bands, len(strings)), np.uint64)
    for rows, tables in _tabled(strings, likeness):
        if len(room.runs) < _largest(rows):
            room = _room(_largest(rows), banding.bands * banding.rows)
        _mark(
            *(rows.data, rows.begins, rows.ends, tables, likeness.size),
            *(permutations, room, texts, keys, done),
        )
        done += len(rows.begins)
    return Marks(texts, keys, present(strings))


def sets_of(
    strings: pa.Array, likeness: Likeness, wanted: NDArray[np.bool_] | None = None
) -> Grams:
    """The set of shingles of each row of `strings`, of those only that `wanted` marks if given."""
    hashes, counts, room, done = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)], _room(0, 0), 0
    for rows, tables in _tabled(strings, likeness):
        count = len(rows.begins)
        chosen = slice(None) if wanted is None else np.flatnonzero(wanted[done : done + count])
        begins, ends = rows.begins[chosen], rows.ends[chosen]
        done += count
        if len(room.runs) < _largest(rows):
            room = _room(_largest(rows), 0)
        sets, its = np.empty(int((ends - begins).sum()), np.uint64), np.empty_like(begins)
        total = _sets(rows.data, begins, ends, tables, likeness.size, room, sets, its)
        hashes.append(sets[:total].copy())
        counts.append(its)
    return Grams(np.concatenate(hashes), np.cumsum(np.concatenate(counts)))
