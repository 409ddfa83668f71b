"""Find which of many texts are alike, in bounded memory.

All texts are read once for a hash of each whole text and one key for each band of its MinHash
signature; keys wait in a file. Rows that share a key are read again for their sets of shingles,
and every such pair is measured: nothing is called alike by estimate.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from typing import IO, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.candidates import Rows, earlier, firsts, later, meeting
from opencodeinstruct.tools.text.distinct import distinct
from opencodeinstruct.tools.text.folding import Hashes
from opencodeinstruct.tools.text.jaccard import jaccards
from opencodeinstruct.tools.text.row_marks import Likeness, Marks, marks_of, sets_of
from opencodeinstruct.tools.text.shingles import Grams
from opencodeinstruct.tools.text.survivors import Links, groups, survivors

Told = Callable[[str, int], None]
"""Told what is under way, and of how many more rows or pairs it is done."""

_PAIRS = 1 << 11  # measured between two times that memory is given back: a fault brings 64 KiB
_FRESH = 1 << 20  # pairs found that wait to be put in order


class Source(Protocol):
    """Rows to compare, read in the same order each time."""

    def marks(self, likeness: Likeness) -> Iterator[Marks]:
        """The marks of all rows, some rows at a time."""

    def shingles(self, likeness: Likeness, wanted: NDArray[np.bool_]) -> Iterator[Grams]:
        """The sets of the rows that `wanted` marks, some rows at a time."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A source of texts: `read` gives them, from the first on, some rows at a time."""

    read: Callable[[], Iterator[pa.Array]]

    def marks(self, likeness: Likeness) -> Iterator[Marks]:
        """See `Source`."""
        for strings in self.read():
            yield marks_of(strings, likeness)

    def shingles(self, likeness: Likeness, wanted: NDArray[np.bool_]) -> Iterator[Grams]:
        """See `Source`."""
        done = 0
        for strings in self.read():
            chosen = wanted[done : done + len(strings)]
            done += len(strings)
            if chosen.any():
                yield sets_of(strings, likeness, chosen)


@dataclass(frozen=True, slots=True)
class Alike:
    """What was found, by row of all sources in a row.

    `exact` and `near`: the first, in the order of survival, of the rows with an equal text, and of
    those that are linked by likeness. `kept`: the kept row that the row repeats, itself if it is
    kept. `similarity`: with that row; 1 where it is kept.
    """

    exact: Rows
    near: Rows
    kept: Rows
    similarity: NDArray[np.float64]


class _Keys:
    """The keys of all bands, in a file without a name."""

    def __init__(self, file: IO[bytes], bands: int) -> None:
        self._file, self._bands, self._sizes = file, bands, list[int]()

    def add(self, keys: Hashes) -> None:
        self._file.write(np.ascontiguousarray(keys).data)
        self._sizes.append(keys.shape[1])

    def band(self, number: int) -> Hashes:
        self._file.flush()
        keys = np.empty(sum(self._sizes), np.uint64)
        start, place = 0, 0
        for size in self._sizes:
            self._file.seek(start + number * size * keys.itemsize)
            self._file.readinto(keys[place : place + size].data)  # type: ignore[attr-defined]
            start += self._bands * size * keys.itemsize
            place += size
        return keys


@dataclass(frozen=True, slots=True)
class Sets:
    """The sets of some rows, in a file without a name: row r has `begins[r]:ends[r]` of it."""

    file: IO[bytes]
    begins: Rows
    ends: Rows

    def links(self, pairs: Rows, threshold: float, told: Told) -> Links:
        """Those of `pairs` that are alike, measured."""
        found = [_NO_LINKS]
        self.file.flush()
        if len(pairs) == 0 or self.file.tell() == 0:
            return _NO_LINKS
        memory = mmap(self.file.fileno(), 0, access=ACCESS_READ)
        hashes = np.frombuffer(memory, np.uint64)  # it closes the mapping when it goes
        for start in range(0, len(pairs), _PAIRS):
            part = pairs[start : start + _PAIRS]
            first, second = earlier(part), later(part)
            alike = jaccards(hashes, self.begins, self.ends, (first, second), threshold)
            hit = np.flatnonzero(alike >= threshold)
            found.append(Links(first[hit], second[hit], alike[hit]))
            memory.madvise(MADV_DONTNEED)
            told("measure", len(part))
        return Links(
            np.concatenate([one.earlier for one in found]),
            np.concatenate([one.later for one in found]),
            np.concatenate([one.similarity for one in found]),
        )


_NO_LINKS = Links(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass(frozen=True, slots=True)
class _Marked:
    """The hashes of all texts, which rows have one, and how many rows each source has."""

    texts: Hashes
    present: NDArray[np.bool_]
    counts: tuple[int, ...]


def _marked(sources: Sequence[Source], likeness: Likeness, keys: _Keys, told: Told) -> _Marked:
    """What is known of all rows once they are read; `keys` is filled."""
    texts, present = [np.empty(0, np.uint64)], [np.empty(0, np.bool_)]
    counts = []
    for source in sources:
        counts.append(0)
        for marks in source.marks(likeness):
            texts.append(marks.texts)
            present.append(marks.present)
            keys.add(marks.keys)
            counts[-1] += len(marks.texts)
            told("read", len(marks.texts))
    return _Marked(np.concatenate(texts), np.concatenate(present), tuple(counts))


def _proposed(keys: _Keys, bands: int, alone: Rows, told: Told) -> Rows:
    """All pairs that meet in a band; `alone` names the rows to compare, in order."""
    pairs, fresh = np.empty(0, np.int64), list[Rows]()
    for number in range(bands):
        band = keys.band(number)
        own = alone[band[alone] != 0]
        fresh.append(meeting(band, own))
        if sum(map(len, fresh)) > max(len(pairs), _FRESH) or number == bands - 1:
            pairs, fresh = distinct(np.concatenate([pairs, *fresh])), []
        told("band", 1)
    return pairs


def _gathered(
    file: IO[bytes],
    sources: Sequence[Source],
    counts: Sequence[int],
    likeness: Likeness,
    wanted: NDArray[np.bool_],
) -> Sets:
    """The sets of the rows that `wanted` marks."""
    sizes = np.zeros(len(wanted), np.int64)
    start = 0
    for source, count in zip(sources, counts, strict=True):
        rows = start + np.flatnonzero(wanted[start : start + count])
        done = 0
        for grams in source.shingles(likeness, wanted[start : start + count]):
            its = np.diff(grams.offsets)
            sizes[rows[done : done + len(its)]] = its
            file.write(np.ascontiguousarray(grams.hashes).data)
            done += len(its)
        start += count
    ends = np.cumsum(sizes)
    return Sets(file, ends - sizes, ends)


def find_alike(
    sources: Sequence[Source],
    likeness: Likeness,
    told: Told,
    order: Callable[[int], Rows] = np.arange,
    *,
    known: int = 0,
) -> Alike:
    """Which rows of `sources`, all in a row, are alike, and which of them stay.

    `order(rows)` names all rows in the order of survival; those of the first `known` sources, which
    must come first in it, stay whatever they are like. The result does not depend on chance.
    """
    bands = likeness.banding.bands
    with tempfile.TemporaryFile() as kept_keys, tempfile.TemporaryFile() as kept_sets:
        keys = _Keys(kept_keys, bands)
        marked = _marked(sources, likeness, keys, told)
        turn = order(len(marked.texts))
        places = np.empty_like(turn)
        places[turn] = np.arange(len(turn))
        exact = firsts(marked.texts, turn[marked.present[turn]])
        pairs = _proposed(keys, bands, turn[exact[turn] == turn], told)
        wanted = np.zeros(len(turn), np.bool_)
        wanted[earlier(pairs)] = wanted[later(pairs)] = True
        sets = _gathered(kept_sets, sources, marked.counts, likeness, wanted)
        links = sets.links(pairs, likeness.threshold, told)
    fixed = sum(marked.counts[:known])
    stay = survivors(links, places, fixed)
    near = groups(
        np.concatenate([links.earlier, exact]),
        np.concatenate([links.later, np.arange(len(exact))]),
        places,
    )
    kept, similarity = stay.kept[exact], stay.similarity[exact]
    kept[:fixed], similarity[:fixed] = np.arange(fixed), 1.0
    return Alike(exact, near, kept, similarity)
