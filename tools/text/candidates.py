"""Pairs of rows that have a key in common, band by band."""

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.distinct import distinct
from opencodeinstruct.tools.text.folding import Hashes

Rows = NDArray[np.int64]

_ROOM = 1 << 21  # pairs found at a time
_ALL = 64  # of a key's first 8 rows all are paired; of the k-th, 64 / k with those before it
_SHIFT = np.int64(32)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_TOP = np.uint64(24)


@compiled
def _slot(table: Rows, keys: Hashes, key: np.uint64) -> int:
    """Where `key` is in `table`, which holds rows by key, or the free place where it belongs."""
    mask = len(table) - 1
    slot = np.int64((key * _SPREAD) >> _TOP) & mask
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot = (slot + 1) & mask
    return int(slot)


@compiled
def _firsts(keys: Hashes, order: Rows, table: Rows, first: Rows) -> None:
    for row in order:
        slot = _slot(table, keys, keys[row])
        if table[slot] < 0:
            table[slot] = row
        first[row] = table[slot]


def _table(rows: int) -> Rows:
    return np.full(1 << max(4, (2 * rows).bit_length()), -1, np.int64)


def firsts(keys: Hashes, order: Rows) -> Rows:
    """For each row the first in `order` that has its key; itself where `order` lacks the row."""
    first = np.arange(len(keys))
    _firsts(keys, order, _table(len(order)), first)
    return first


@compiled
def _pair(
    keys: Hashes,
    order: Rows,
    begin: int,
    table: Rows,
    before: Rows,
    count: Rows,
    pairs: Rows,
) -> tuple[int, int]:
    """Pair rows from place `begin` of `order` on; where it stopped, and how many pairs there are.

    Of each key `table` has the row that came first, `count[it]` the number so far and `before[it]`
    the last; `before` of the others is the one before them.
    """
    found = 0
    for place in range(begin, len(order)):
        if found + _ALL > len(pairs):
            return place, found
        row = order[place]
        slot = _slot(table, keys, keys[row])
        head = table[slot]
        if head < 0:
            table[slot], before[row], count[row] = row, row, 1
            continue
        pairs[found] = head << _SHIFT | row
        found += 1
        other = before[head]
        for _ in range(_ALL // (count[head] + 1)):
            if other == head:
                break
            pairs[found] = other << _SHIFT | row
            found += 1
            other = before[other]
        before[row], before[head] = before[head], row
        count[head] += 1
    return len(order), found


def meeting(keys: Hashes, order: Rows) -> Rows:
    """The pairs of rows of `order` with an equal key, sorted, as `earlier << 32 | later`.

    Earlier and later in `order`. Of a key that many rows have, not every pair, but each row with
    the first: what is alike there meets in another band as well.
    """
    table, before, count = (
        _table(len(order)),
        np.empty(len(keys), np.int64),
        np.zeros(len(keys), np.int64),
    )
    parts, place = [np.empty(0, np.int64)], 0
    room = np.empty(min(_ROOM, _ALL * (len(order) + 2)), np.int64)
    while place < len(order):
        place, found = _pair(keys, order, place, table, before, count, room)
        parts.append(distinct(room[:found]))
    return distinct(np.concatenate(parts))


def earlier(pairs: Rows) -> Rows:
    """The first row of each of `pairs`."""
    return pairs >> _SHIFT


def later(pairs: Rows) -> Rows:
    """The second row of each of `pairs`."""
    return pairs & np.int64(0xFFFFFFFF)
