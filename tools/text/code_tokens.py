"""The tokens of code, told apart into names that anybody may change and all else.

A name counts as free unless it is a keyword, a builtin or an attribute (`x` in `a.x`): those decide
what code does. Comments, white space and triple-quoted strings are no tokens, so that a copy with
another docstring has the same ones. Text that is no code has tokens, too; nothing is parsed.
"""

import builtins
import keyword
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.buffers import TextBuffers, batches
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.tokens import Tokens

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Hashes = NDArray[np.uint64]

FREE = np.uint64(1)
"""The bit of a hash that is set where the token is a free name."""

_START = np.uint64(0x243F6A8885A308D3)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
_OTHER, _LETTER, _DIGIT, _QUOTE, _HASH, _BLANK, _DOT = range(7)


class _Made(NamedTuple):
    hashes: Hashes
    starts: Places
    ends: Places


@cache
def _kinds() -> Bytes:
    """What a byte is; any byte beyond ASCII is a letter."""
    kinds = np.full(256, _OTHER, np.uint8)
    kinds[128:] = _LETTER
    for letter in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_":
        kinds[letter] = _LETTER
    kinds[48:58], kinds[:33] = _DIGIT, _BLANK
    kinds[34] = kinds[39] = _QUOTE
    kinds[35], kinds[46] = _HASH, _DOT
    return kinds


@compiled
def _hash_bytes(data: Bytes, start: int, end: int) -> np.uint64:
    """A hash of `data[start:end]`, its lowest bit clear."""
    hashed = _START
    for place in range(start, end):
        hashed = (hashed ^ np.uint64(data[place])) * _FACTOR
        hashed ^= hashed >> _SHIFT
    return hashed & ~FREE


@cache
def _fixed_names() -> Hashes:
    """The sorted hashes of the names that no copy may change."""
    names = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self"}
    coded = (np.frombuffer(name.encode(), np.uint8) for name in names)
    return np.array(sorted(_hash_bytes(one, 0, len(one)) for one in coded), np.uint64)


@compiled
def _is_triple(data: Bytes, place: int, end: int) -> bool:
    quote = data[place]
    return place + 2 < end and data[place + 1] == quote and data[place + 2] == quote


@compiled
def _after_triple(data: Bytes, place: int, end: int) -> int:
    """Where the triple-quoted string at `place` is over; past its quotes where it never closes."""
    quote = data[place]
    for last in range(place + 3, end - 2):
        if data[last] == quote and _is_triple(data, last, end):
            return last + 3
    return place + 3


@compiled
def _after_string(data: Bytes, place: int, end: int) -> int:
    """Where the string at `place` is over; `place` where it does not close on its line."""
    quote, last = data[place], place + 1
    while last < end and data[last] != 10:
        if data[last] == quote:
            return last + 1
        last += 2 if data[last] == 92 else 1
    return place


@compiled
def _after_word(data: Bytes, place: int, end: int, kinds: Bytes) -> int:
    number = kinds[data[place]] == _DIGIT
    while place < end:
        kind = kinds[data[place]]
        if kind != _LETTER and kind != _DIGIT and not (number and kind == _DOT):
            break
        place += 1
    return place


@compiled
def _after_line(data: Bytes, place: int, end: int) -> int:
    while place < end and data[place] != 10:
        place += 1
    return place


@compiled
def _token_end(data: Bytes, place: int, end: int, kinds: Bytes) -> tuple[int, bool]:
    """Where what stands at `place` ends, and whether it is a token."""
    kind = kinds[data[place]]
    if kind == _BLANK:
        return place + 1, False
    if kind == _HASH:
        return _after_line(data, place, end), False
    if _LETTER <= kind <= _DIGIT:
        return _after_word(data, place, end, kinds), True
    if kind == _QUOTE:
        if _is_triple(data, place, end):
            return _after_triple(data, place, end), False
        last = _after_string(data, place, end)
        return max(last, place + 1), last > place
    return place + 1, True


@compiled
def _is_fixed(hashed: np.uint64, fixed: Hashes) -> bool:
    slot = np.searchsorted(fixed, hashed)
    return bool(slot < len(fixed) and fixed[slot] == hashed)


@compiled
def _scan(
    data: Bytes,
    begins: Places,
    ends: Places,
    kinds: Bytes,
    fixed: Hashes,
    made: _Made,
    counts: Places,
) -> int:
    """Write the tokens of all rows and the number of each row's; how many there are."""
    total = 0
    for row in range(len(begins)):
        place, end, before, dotted = begins[row], ends[row], total, False
        while place < end:
            start = place
            place, is_token = _token_end(data, place, end, kinds)
            place = min(place, end)
            if not is_token:
                continue
            kind = kinds[data[start]]
            hashed = _hash_bytes(data, start, place)
            if kind == _LETTER and not dotted and not _is_fixed(hashed, fixed):
                hashed |= FREE
            made.hashes[total] = hashed
            made.starts[total], made.ends[total] = start - begins[row], place - begins[row]
            dotted = kind == _DOT
            total += 1
        counts[row] = total - before
    return total


def _tokens_of(rows: TextBuffers, counts: Places) -> _Made:
    room = rows.size + 1  # no token is shorter than a byte
    made = _Made(np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64))
    total = _scan(rows.data, rows.begins, rows.ends, _kinds(), _fixed_names(), made, counts)
    return _Made(made.hashes[:total].copy(), made.starts[:total].copy(), made.ends[:total].copy())


def code_tokens(strings: pa.Array | pa.ChunkedArray) -> Tokens:
    """The tokens of each row read as code; the hashes of free names have the bit `FREE` set."""
    offsets = np.zeros(len(strings) + 1, np.int64)
    nothing = np.empty(0, np.int64)
    done, parts = 1, [_Made(np.empty(0, np.uint64), nothing, nothing)]
    for rows in batches(strings):
        parts.append(_tokens_of(rows, offsets[done : done + len(rows.begins)]))
        done += len(rows.begins)
    return Tokens(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.cumsum(offsets),
    )
