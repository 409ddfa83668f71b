"""Rows of nothing but ASCII, the most common ones, several times as fast as any others.

What is made of them is what `tokens` and `text_hashes` make of rows that are not: a test compares
the two.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.characters import (
    BANG,
    BLANK,
    DIGIT,
    LOWER,
    OPERATOR,
    PAGES,
    UPPER,
    WEAK,
    characters,
)
from opencodeinstruct.tools.text.compiled import compiled, inlined, load_word, trailing_zeros
from opencodeinstruct.tools.text.folding import (
    START,
    Hashes,
    ended,
    mixed,
    next_high,
    with_bytes,
    with_word,
)
from opencodeinstruct.tools.text.operators import operator_end

_ASCII = 128
SEPARATOR, _LETTER, _CAPITAL, _DIGIT, _OPERATOR = range(5)
_WORD, _A = 8, ord("A")


def _every(byte: int) -> np.uint64:
    return np.uint64(byte * 0x0101010101010101)


# Eight bytes at a time. To each, below 0x80, what is added sets its highest bit from there on.
_TOPS = _every(0x80)
_FROM_0, _PAST_9 = _every(0x80 - ord("0")), _every(0x80 - ord("9") - 1)
_FROM_A, _PAST_Z = _every(0x80 - ord("A")), _every(0x80 - ord("Z") - 1)
_FROM_SMALL_A, _PAST_SMALL_Z = _every(0x80 - ord("a")), _every(0x80 - ord("z") - 1)
_PAST_SPACE = _every(0x80 - ord(" ") - 1)
_SMALL = _every(0x20)  # a small letter has this bit more than its capital; digits have it as well
_TO_SMALL = np.uint64(2)  # from the highest bit to that one
_FIRST = np.uint64(0xFF)
_LOWEST = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
"""By a number of bytes: the mask of so many lowest ones."""


Span = tuple[int, int]
"""Where something begins and ends in the bytes of all rows."""


class Made(NamedTuple):
    """Room for tokens, or tokens: see `Tokens`."""

    hashes: Hashes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def made_of(room: int) -> Made:
    """Room for so many tokens."""
    return Made(np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64))


@inlined
def write(made: Made, count: int, hashed: np.uint64, start: int, end: int) -> int:
    """Write a token to place `count`; the next place."""
    made.hashes[count] = hashed
    made.starts[count] = start
    made.ends[count] = end
    return count + 1


class Bytes(NamedTuple):
    """By byte: what it is to the scanner, what it is compared as, if it is blank or separates."""

    codes: NDArray[np.uint8]
    values: NDArray[np.uint64]
    blank: NDArray[np.bool_]
    separates: NDArray[np.bool_]
    kinds: NDArray[np.uint8]
    lowest: NDArray[np.uint64]


@cache
def bytes_of(*, operators: bool, split_case: bool) -> Bytes:
    """The tables for tokens with or without operators, and cuts at case."""
    tables = characters(np.zeros(PAGES, np.bool_))
    kinds = tables.kinds[:_ASCII]
    codes = np.full(_ASCII, SEPARATOR, np.uint8)
    codes[kinds == LOWER] = _LETTER
    codes[kinds == UPPER] = _CAPITAL if split_case else _LETTER
    codes[kinds == DIGIT] = _DIGIT if split_case else _LETTER
    if operators:
        codes[np.isin(kinds, (OPERATOR, WEAK, BANG))] = _OPERATOR
    values = tables.values[:_ASCII].astype(np.uint64)
    return Bytes(codes, values, kinds == BLANK, codes == SEPARATOR, kinds.copy(), _LOWEST)


@inlined
def _word_at(data: NDArray[np.uint8], place: int) -> np.uint64:
    """The eight bytes from `place` on; 0 for those past the end of `data`."""
    if place + _WORD <= len(data):
        return load_word(data, place)
    word = np.uint64(0)
    for each in range(place, len(data)):
        word |= np.uint64(data[each]) << np.uint64(_WORD * (each - place))
    return word


@inlined
def _between(word: np.uint64, begins: np.uint64, past: np.uint64) -> np.uint64:
    """The highest bit of each byte from one to another, by what is added for both."""
    return (word + begins) & ~(word + past) & _TOPS


@inlined
def _run(kept: np.uint64, place: int, end: int) -> int:
    """How many bytes from `place` have their highest bit in `kept`: 8 at most, none past `end`."""
    return min(trailing_zeros(~kept & _TOPS) >> 3, end - place)


@compiled
def hash_ascii(
    data: NDArray[np.uint8], begin: int, end: int, plain: Bytes, whole: np.uint64
) -> np.uint64:
    """`whole` with the hash of each run of `data[begin:end]`, ASCII, between blanks."""
    blank, lowest, place = plain.blank, plain.lowest, begin
    while place < end:
        if blank[data[place]]:
            place += 1
            continue
        hashed, first, count = START[0], place, _WORD
        while count == _WORD:
            word = _word_at(data, place)
            count = _run((word + _PAST_SPACE) & _TOPS, place, end)
            if count < _WORD and place + count < end and not blank[data[place + count]]:
                count = _visible(data, place, end, blank)
            small = word | _between(word, _FROM_A, _PAST_Z) >> _TO_SMALL
            hashed = with_word(hashed, small & lowest[count]) if count else hashed
            place += count
        whole = with_word(whole, mixed(hashed ^ np.uint64(place - first)))
    return whole


@compiled
def _visible(data: NDArray[np.uint8], place: int, end: int, blank: NDArray[np.bool_]) -> int:
    """How many of the eight bytes from `place` on come before a blank one or `end`."""
    count = 0
    while count < _WORD and place + count < end and not blank[data[place + count]]:
        count += 1
    return count


@compiled
def next_stretch(
    data: NDArray[np.uint8], place: int, end: int, apart: NDArray[np.bool_]
) -> tuple[int, int]:
    """Where the ASCII from `place` on ends, and where what holds the next other character ends.

    Both end at a byte of ASCII that is `apart`, or at `end`.
    """
    stop = next_high(data, place, end)
    upto = stop
    while place < upto < end and not apart[data[upto - 1]]:
        upto -= 1
    while stop < end and (data[stop] >= _ASCII or not apart[data[stop]]):
        stop += 1
    return upto, stop


@compiled
def are_small(data: NDArray[np.uint8], place: int, end: int) -> bool:
    """Whether two small letters of ASCII stand at `place`."""
    if place + 1 >= end:
        return False
    return bool(97 <= data[place] <= 122 and 97 <= data[place + 1] <= 122)


@inlined
def _word(
    data: NDArray[np.uint8], begin: int, end: int, lowest: NDArray[np.uint64]
) -> tuple[np.uint64, int, np.uint64]:
    """The hash of the letters and digits from `begin` on, their end, and if capitals follow one."""
    hashed, place, count, capitals = START[0], begin, _WORD, np.uint64(0)
    while count == _WORD:
        word = _word_at(data, place)
        small = word | _SMALL
        letters = _between(small, _FROM_SMALL_A, _PAST_SMALL_Z)
        count = _run(letters | _between(word, _FROM_0, _PAST_9), place, end)
        hashed = with_word(hashed, small & lowest[count]) if count else hashed
        inside = lowest[count] & ~_FIRST if place == begin else lowest[count]
        capitals |= _between(word, _FROM_A, _PAST_Z) & inside
        place += count
    return mixed(hashed ^ np.uint64(place - begin)), place, capitals


@inlined
def _part(data: NDArray[np.uint8], begin: int, end: int, plain: Bytes) -> tuple[np.uint64, int]:
    """The hash of the part of an identifier that begins at `begin`, and its end."""
    codes, values = plain.codes, plain.values
    before = codes[data[begin]]
    state, place = with_bytes(START, values[data[begin]], 1), begin + 1
    while place < end:
        word = _word_at(data, place)
        count = _run(_between(word, _FROM_SMALL_A, _PAST_SMALL_Z), place, end)
        if count:
            state = with_bytes(state, word & plain.lowest[count], count)
            place += count
            before = _LETTER
            continue
        code = codes[data[place]]
        if code != _CAPITAL and code != _DIGIT:
            break
        if code == _CAPITAL and (before == _LETTER or are_small(data, place + 1, end)):
            break
        state = with_bytes(state, values[data[place]], 1)
        before = code
        place += 1
    return ended(state), place


@inlined
def _signs(data: NDArray[np.uint8], begin: int, end: int, values: Hashes) -> np.uint64:
    state = START
    for place in range(begin, end):
        state = with_bytes(state, values[data[place]], 1)
    return ended(state)


@compiled
def scan_ascii(
    data: NDArray[np.uint8], row: Span, part: Span, plain: Bytes, made: Made, count: int
) -> int:
    """Write the tokens of a `part` of a `row` from place `count` on; where the next ones go.

    The part is ASCII, and no token that is in it goes beyond it.
    """
    codes, splits = plain.codes, plain.codes[_A] == _CAPITAL
    begin, end = row
    place = part[0]
    while place < part[1]:
        code = codes[data[place]]
        if code == SEPARATOR:
            place += 1
            continue
        start = place
        if code == _OPERATOR:
            place, counts = operator_end(data, begin, end, place, 1, plain.kinds)
            if not counts:
                continue
            hashed = _signs(data, start, place, plain.values)
        else:
            hashed, place, capitals = _word(data, start, part[1], plain.lowest)
            if splits and capitals:
                hashed, place = _part(data, start, part[1], plain)
        count = write(made, count, hashed, start - begin, place - begin)
    return count
