"""Hash characters as they are compared, straight from UTF-8.

Composed or decomposed, full width or not, in any case: what is compared alike has one hash. Marks
on one letter count in Unicode's canonical order. Bytes that are no UTF-8 are separators.
"""

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.buffers import TextBuffers
from opencodeinstruct.tools.text.characters import (
    CLASS_SHIFT,
    PAGE,
    PAGES,
    Characters,
    characters,
)
from opencodeinstruct.tools.text.compiled import compiled, inlined, load_word

Hashes = NDArray[np.uint64]

Hashing = tuple[np.uint64, np.uint64, int]
"""A hash under way: of all full words of eight bytes, the bytes since, how many bytes in all."""

START: Hashing = (np.uint64(0x243F6A8885A308D3), np.uint64(0), 0)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_CODE = np.int32((1 << CLASS_SHIFT) - 1)
_SHIFT = np.int32(CLASS_SHIFT)
_FULL, _BITS = 7, 64
_HALF = np.uint64(32)
_LOW, _SEVEN, _BYTE = np.uint64(0x7F), np.uint64(7), np.uint64(8)
_ASCII = 128
_TOPS = np.uint64(0x8080808080808080)
_HIGH = np.uint64(0x808080)  # of the three bytes of what is no ASCII
WAITING = 32  # marks held back to be put in order; Unicode's stream-safe text has no more
NO_CHARACTER = 0xFFFD
_PAGE_BITS = PAGE.bit_length() - 1


@inlined
def mixed(value: np.uint64) -> np.uint64:
    """`value` with each of its bits spread over all (the finaliser of SplitMix64)."""
    value = (value ^ (value >> _SHIFTS[0])) * _MIX[0]
    value = (value ^ (value >> _SHIFTS[1])) * _MIX[1]
    return value ^ (value >> _SHIFTS[2])


@inlined
def with_word(hashed: np.uint64, word: np.uint64) -> np.uint64:
    """`hashed` with eight more bytes."""
    hashed = (hashed ^ word) * _FACTOR
    return hashed ^ (hashed >> _HALF)


@inlined
def with_bytes(state: Hashing, more: np.uint64, count: int) -> Hashing:
    """`state` with the `count` lowest bytes of `more`, 1 to 8; the others must be 0."""
    hashed, word, length = state
    shift = 8 * (length & _FULL)
    word |= more << np.uint64(shift)
    if (length & _FULL) + count > _FULL:
        hashed = with_word(hashed, word)
        word = more >> np.uint64(_BITS - shift) if shift else np.uint64(0)
    return hashed, word, length + count


@inlined
def ended(state: Hashing) -> np.uint64:
    """The hash of all bytes."""
    hashed, word, length = state
    if length & _FULL:
        hashed = with_word(hashed, word)
    return mixed(hashed ^ np.uint64(length))


@compiled
def _is_tail(data: NDArray[np.uint8], place: int, end: int) -> bool:
    return bool(place < end and data[place] & 0xC0 == 0x80)


@compiled
def _long_code(data: NDArray[np.uint8], place: int, end: int) -> int:
    """The character of three or four bytes at `place`, or `NO_CHARACTER`."""
    if not (_is_tail(data, place + 1, end) and _is_tail(data, place + 2, end)):
        return NO_CHARACTER
    first, code = data[place], (data[place + 1] & 0x3F) << 6 | data[place + 2] & 0x3F
    if first < 0xF0:
        code |= (first & 0x0F) << 12
        return int(code) if code >= 0x800 and code >> 11 != 0x1B else NO_CHARACTER
    if not _is_tail(data, place + 3, end):
        return NO_CHARACTER
    code = (first & 0x07) << 18 | code << 6 | data[place + 3] & 0x3F
    return int(code) if 0x10000 <= code < 0x110000 and first < 0xF8 else NO_CHARACTER


@compiled
def code_at(data: NDArray[np.uint8], place: int, end: int) -> int:
    """The character that begins at `place`; `NO_CHARACTER` where no valid one does."""
    first = data[place]
    if first < 0x80:
        return int(first)
    if first >= 0xE0:
        return _long_code(data, place, end)
    if first < 0xC2 or not _is_tail(data, place + 1, end):
        return NO_CHARACTER
    return int((first & 0x1F) << 6 | data[place + 1] & 0x3F)


@compiled
def size_of(code: int) -> int:
    """The bytes of the character `code`; one of `NO_CHARACTER`: what follows is looked at anew."""
    if code < 0x80 or code == NO_CHARACTER:
        return 1
    if code < 0x800:
        return 2
    return 3 if code < 0x10000 else 4


@compiled
def far_slot(
    data: NDArray[np.uint8], place: int, end: int, slots: NDArray[np.int32]
) -> tuple[int, int]:
    """Of the character at `place`, which is not ASCII, the place in the tables, and its bytes."""
    code = code_at(data, place, end)
    return slots[code >> _PAGE_BITS] + (code & PAGE - 1), size_of(code)


@compiled
def with_value(state: Hashing, value: np.int32) -> Hashing:
    """`state` with one more character that is no mark, none waiting.

    ASCII is one byte; what is not is three, each of them above ASCII.
    """
    code = np.uint64(value)
    if value < _ASCII:
        return with_bytes(state, code, 1)
    low, middle, high = code & _LOW, (code >> _SEVEN) & _LOW, code >> (_SEVEN + _SEVEN)
    return with_bytes(state, low | middle << _BYTE | high << _BYTE + _BYTE | _HIGH, 3)


@compiled
def _released(state: Hashing, marks: NDArray[np.int32], waiting: int) -> Hashing:
    for place in range(waiting):
        state = with_value(state, marks[place] & _CODE)
    return state


@compiled
def _absorbed(
    state: Hashing, value: np.int32, marks: NDArray[np.int32], waiting: int
) -> tuple[Hashing, int]:
    """`state` with one more value, and how many marks wait."""
    if value <= _CODE or waiting == WAITING:
        state = _released(state, marks, waiting)
        return with_value(state, value & _CODE), 0
    place = waiting
    while place and marks[place - 1] >> _SHIFT > value >> _SHIFT:
        marks[place] = marks[place - 1]
        place -= 1
    marks[place] = value
    return state, waiting + 1


@compiled
def absorb(
    state: Hashing,
    value: np.int32,
    more: NDArray[np.int32],
    marks: NDArray[np.int32],
    waiting: int,
) -> tuple[Hashing, int]:
    """`state` with one more character, of which `value` is the table's, and how many marks wait.

    `marks` holds what waits; `settled` takes it in at the end.
    """
    if value >= 0:
        return _absorbed(state, value, marks, waiting)
    for place in range(1 - value, 1 - value + more[-value]):
        state, waiting = _absorbed(state, more[place], marks, waiting)
    return state, waiting


@compiled
def settled(state: Hashing, marks: NDArray[np.int32], waiting: int) -> np.uint64:
    """The hash of all that was absorbed."""
    return ended(_released(state, marks, waiting))


@compiled
def next_high(data: NDArray[np.uint8], place: int, end: int) -> int:
    """Where the first byte that is not ASCII stands from `place` on; `end` where none does."""
    while place + 8 <= end and load_word(data, place) & _TOPS == 0:
        place += 8
    while place < end and data[place] < _ASCII:
        place += 1
    return place


@compiled
def _mark_pages(
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    used: NDArray[np.bool_],
) -> None:
    for row in range(len(begins)):
        end = ends[row]
        place = next_high(data, begins[row], end)
        while place < end:
            code = code_at(data, place, end)
            used[code >> _PAGE_BITS] = True
            place = next_high(data, place + size_of(code), end)


def characters_of(rows: TextBuffers) -> Characters:
    """The tables that `rows` need."""
    used = np.zeros(PAGES, np.bool_)
    _mark_pages(rows.data, rows.begins, rows.ends, used)
    return characters(used)
