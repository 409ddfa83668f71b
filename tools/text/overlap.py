"""What many texts share with the parts of benchmarks: counted, and measured where it may matter.

Two passes. `count_background` counts in how many rows each run of a part stands that share little
else with any part that has it: phrases of the trade, not copies. `candidates` then sums, for each
row and part, the weights of the runs they share. Time grows with the length of the texts and
with what they share, not with the number of benchmarks.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import Hashes
from opencodeinstruct.tools.text.run_table import RunTable, number_of
from opencodeinstruct.tools.text.shingles import Grams

Places = NDArray[np.int64]
Weights = NDArray[np.float64]

WATCH = 0.3
"""A row that has this share of a part's runs may be a copy, so it does not make them common."""


class Parts(NamedTuple):
    """The runs of all parts of all benchmarks.

    `holders[holder_offsets[g]:holder_offsets[g + 1]]` are the parts that have run g; `runs` and
    `run_offsets` are the numbers of each part's runs, in order, -1 where a run says nothing.
    """

    table: RunTable
    holder_offsets: Places
    holders: Places
    runs: NDArray[np.int32]
    run_offsets: Places
    hashes: Hashes
    token_offsets: Places


class Candidates(NamedTuple):
    """Pairs of a row and a part that share enough to be measured, rows ascending."""

    rows: Places
    parts: Places
    shares: Weights


class _Shared(NamedTuple):
    """What one row shares: scratch that is used again for each row."""

    seen: Places
    mine: Places
    touched: Places
    sums: Weights


def _scratch(parts: Parts) -> _Shared:
    runs, count = len(parts.holder_offsets) - 1, len(parts.run_offsets) - 1
    return _Shared(
        np.full(runs, -1, np.int64),
        np.empty(runs, np.int64),
        np.empty(count, np.int64),
        np.zeros(count, np.float64),
    )


@compiled
def _collect(
    grams: Hashes, row: int, begin: int, end: int, parts: Parts, weights: Weights, own: _Shared
) -> tuple[int, int]:
    """Sum by part the weights of the distinct runs in `grams[begin:end]`.

    How many runs `own.mine` then holds, and how many parts `own.touched`.
    """
    found, touched = 0, 0
    for place in range(begin, end):
        run = number_of(parts.table, grams[place])
        if run < 0 or own.seen[run] == row:
            continue
        own.seen[run] = row
        own.mine[found] = run
        found += 1
        for at in range(parts.holder_offsets[run], parts.holder_offsets[run + 1]):
            part = parts.holders[at]
            if own.sums[part] == 0.0:
                own.touched[touched] = part
                touched += 1
            own.sums[part] += weights[run]
    return found, touched


@compiled
def _count(
    grams: Hashes,
    offsets: Places,
    parts: Parts,
    ones: Weights,
    totals: Weights,
    own: _Shared,
    counts: Places,
) -> None:
    for row in range(len(offsets) - 1):
        found, touched = _collect(grams, row, offsets[row], offsets[row + 1], parts, ones, own)
        for at in range(found):
            run, most = own.mine[at], 0.0
            for holder in range(parts.holder_offsets[run], parts.holder_offsets[run + 1]):
                part = parts.holders[holder]
                most = max(most, own.sums[part] / totals[part])
            if most < WATCH:
                counts[run] += 1
        for at in range(touched):
            own.sums[own.touched[at]] = 0.0


def count_background(grams: Grams, parts: Parts, totals: Weights, counts: Places) -> None:
    """Add to `counts`, by run, the rows of `grams` that have it and are no likely copies.

    `totals`: for each part the number of its distinct runs.
    """
    ones = np.ones(len(counts), np.float64)
    _count(grams.hashes, grams.offsets, parts, ones, totals, _scratch(parts), counts)


@compiled
def _grown(values: Places) -> Places:
    larger = np.empty(2 * len(values), np.int64)
    larger[: len(values)] = values
    return larger


@compiled
def _candidates(
    grams: Hashes,
    offsets: Places,
    parts: Parts,
    weights: Weights,
    totals: Weights,
    share: float,
    weight: float,
    own: _Shared,
) -> tuple[Places, Places, Weights]:
    rows, found_parts, count = np.empty(256, np.int64), np.empty(256, np.int64), 0
    shares = np.empty(256, np.float64)
    for row in range(len(offsets) - 1):
        _, touched = _collect(grams, row, offsets[row], offsets[row + 1], parts, weights, own)
        for at in range(touched):
            part = own.touched[at]
            total = own.sums[part]
            own.sums[part] = 0.0
            if total < share * totals[part] and total < weight:
                continue
            if count == len(rows):
                rows, found_parts = _grown(rows), _grown(found_parts)
                more = np.empty(2 * count, np.float64)
                more[:count] = shares
                shares = more
            rows[count], found_parts[count] = row, part
            shares[count] = total / totals[part]
            count += 1
    return rows[:count], found_parts[:count], shares[:count]


def candidates(
    grams: Grams, parts: Parts, weights: Weights, totals: Weights, *, share: float, weight: float
) -> Candidates:
    """The rows of `grams` and the parts of which they hold a `share`, or runs of `weight`.

    `weights` by run, `totals` their sums over each part's distinct runs.
    """
    own = _scratch(parts)
    return Candidates(
        *_candidates(grams.hashes, grams.offsets, parts, weights, totals, share, weight, own)
    )
