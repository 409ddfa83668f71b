"""Runs of tokens as one hash each, and the sets of them that two texts are compared by."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.buffers import present
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import Hashes, mixed
from opencodeinstruct.tools.text.tokens import Tokens, tokens
from opencodeinstruct.tools.text.whole_texts import text_hashes

_FACTOR = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Grams:
    """Hashes of some rows: those of row r are `hashes[offsets[r]:offsets[r + 1]]`."""

    hashes: Hashes
    offsets: NDArray[np.int64]


@compiled
def roll(hashes: Hashes, begin: int, end: int, size: int, grams: Hashes, place: int) -> int:
    """Write the hash of each run of `hashes[begin:end]` from `place` on; where the next goes."""
    leaving = np.uint64(1)
    for _ in range(size):
        leaving *= _FACTOR
    rolling = np.uint64(0)
    for each in range(begin, end):
        rolling = rolling * _FACTOR + hashes[each]
        if each - begin >= size:
            rolling -= hashes[each - size] * leaving
        if each - begin >= size - 1:
            grams[place] = mixed(rolling)
            place += 1
    return place


@compiled
def _roll(hashes: Hashes, begins: NDArray[np.int64], size: int, grams: Hashes) -> None:
    place = 0
    for row in range(len(begins) - 1):
        place = roll(hashes, begins[row], begins[row + 1], size, grams, place)


def ngrams(of: Tokens, size: int) -> Grams:
    """The hash of each run of `size` tokens, in order; a row of fewer tokens has none.

    The run at place p of a row's hashes begins with the row's token p.
    """
    counts = np.maximum(np.diff(of.offsets) - size + 1, 0)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    grams = np.empty(int(offsets[-1]), np.uint64)
    _roll(of.hashes, of.offsets, size, grams)
    return Grams(grams, offsets)


@compiled
def write_distinct(hashes: Hashes, into: Hashes, place: int) -> int:
    """Write `hashes` sorted, each once, from `place` on; where the next goes."""
    its = np.sort(hashes)
    for each in range(len(its)):
        if each == 0 or its[each] != its[each - 1]:
            into[place] = its[each]
            place += 1
    return place


@compiled
def _distinct(hashes: Hashes, begins: NDArray[np.int64], offsets: NDArray[np.int64]) -> None:
    """Sort each row's hashes and close them up without repetition; `offsets` is written."""
    offsets[0] = 0
    for row in range(len(begins) - 1):
        its = hashes[begins[row] : begins[row + 1]]
        offsets[row + 1] = write_distinct(its, hashes, offsets[row])


def distinct(grams: Grams) -> Grams:
    """`grams` with each row's hashes sorted, each once."""
    hashes, offsets = grams.hashes.copy(), np.empty_like(grams.offsets)
    _distinct(hashes, grams.offsets, offsets)
    return Grams(hashes[: offsets[-1]], offsets)


def shingles(
    strings: pa.Array | pa.ChunkedArray,
    size: int,
    *,
    operators: bool = True,
    split_case: bool = True,
) -> Grams:
    """The set of each row's runs of `size` tokens.

    A text of fewer tokens has one shingle, all of it, so it equals only texts that are the same
    but for case, form and white space; a null row has none.
    """
    grams = ngrams(tokens(strings, operators=operators, split_case=split_case), size)
    chunks = strings.chunks if isinstance(strings, pa.ChunkedArray) else [strings]
    there = np.concatenate([np.zeros(0, np.bool_), *map(present, chunks)])
    short = np.flatnonzero((np.diff(grams.offsets) == 0) & there)
    whole = text_hashes(strings.take(pa.array(short)))
    places = grams.offsets[short]
    counts = np.diff(grams.offsets)
    counts[short] = 1
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return distinct(Grams(np.insert(grams.hashes, places, whole), offsets))
