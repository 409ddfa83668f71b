"""A table to find known runs of tokens in many texts at once, and the runs of code.

In a run of code free names are erased: they count only by where they stood before in the run.
`a + b * a` and `x + y * x` are the same run, `x + y * y` is another. It must hold some tokens that
are no free names, or prose would be full of equal runs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.code_tokens import FREE
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import Hashes, mixed
from opencodeinstruct.tools.text.shingles import Grams
from opencodeinstruct.tools.text.tokens import Tokens

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_NOTHING = np.uint64(0)
_ONE = np.uint64(1)
_FIXED = 4  # so many of a run's tokens must be no free names


class RunTable(NamedTuple):
    """An open table from the hash of a run to its number, from 0; most of it is empty."""

    keys: Hashes
    values: NDArray[np.int32]


@compiled
def _erased_run(hashes: Hashes, start: int, size: int) -> np.uint64:
    """The hash of a run whose free names are erased; 0 where too little else is in it."""
    total, fixed = _NOTHING, 0
    for place in range(start, start + size):
        value = hashes[place]
        if value & FREE:
            before = place - 1
            while before >= start and hashes[before] != value:
                before -= 1
            value = np.uint64(place - before if before >= start else 0)
        else:
            fixed += 1
        total = mixed(total * _FACTOR + value)
    return _NOTHING if fixed < _FIXED else total


@compiled
def _write_erased(
    hashes: Hashes, begins: NDArray[np.int64], size: int, offsets: NDArray[np.int64], runs: Hashes
) -> None:
    for row in range(len(begins) - 1):
        for place in range(offsets[row + 1] - offsets[row]):
            runs[offsets[row] + place] = _erased_run(hashes, begins[row] + place, size)


def erased_runs(of: Tokens, size: int) -> Grams:
    """The hash of each run of `size` tokens of code with its free names erased; 0: says nothing.

    As with `ngrams`, the run at place p of a row's hashes begins with the row's token p.
    """
    counts = np.maximum(np.diff(of.offsets) - size + 1, 0)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    runs = np.empty(int(offsets[-1]), np.uint64)
    _write_erased(of.hashes, of.offsets, size, offsets, runs)
    return Grams(runs, offsets)


@compiled
def _fill(table: RunTable, known: Hashes) -> None:
    mask = np.uint64(len(table.keys) - 1)
    for number in range(len(known)):
        slot = known[number] & mask
        while table.keys[slot] != _NOTHING:
            slot = (slot + _ONE) & mask
        table.keys[slot] = known[number]
        table.values[slot] = number


def table_of_runs(known: Hashes) -> RunTable:
    """The table in which `known[n]`, distinct and not 0, has the number n."""
    size = 16
    while size < 4 * len(known):
        size *= 2
    table = RunTable(np.zeros(size, np.uint64), np.zeros(size, np.int32))
    _fill(table, known)
    return table


@compiled
def number_of(table: RunTable, run: np.uint64) -> int:
    """The number of `run`, or -1."""
    mask = np.uint64(len(table.keys) - 1)
    slot = run & mask
    while table.keys[slot] != _NOTHING:
        if table.keys[slot] == run:
            return int(table.values[slot])
        slot = (slot + _ONE) & mask
    return -1
