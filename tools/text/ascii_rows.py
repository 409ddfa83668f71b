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
from opencodeinstruct.tools.text.compiled import compiled, inlined
from opencodeinstruct.tools.text.folding import FACTOR, SPACE, START, Hashes, mixed
from opencodeinstruct.tools.text.operators import operator_end

_ASCII = 128
_SEPARATOR, _LETTER, _CAPITAL, _DIGIT, _OPERATOR = range(5)
_SPACE = np.uint64(SPACE)


class Bytes(NamedTuple):
    """By byte: what it is to the scanner, what it is compared as, if it is blank, and its kind."""

    codes: NDArray[np.uint8]
    values: NDArray[np.uint64]
    blank: NDArray[np.bool_]
    kinds: NDArray[np.uint8]


@cache
def bytes_of(*, operators: bool, split_case: bool) -> Bytes:
    """The tables for tokens with or without operators, and cuts at case."""
    tables = characters(np.zeros(PAGES, np.bool_))
    kinds = tables.kinds[:_ASCII]
    codes = np.full(_ASCII, _SEPARATOR, np.uint8)
    codes[kinds == LOWER] = _LETTER
    codes[kinds == UPPER] = _CAPITAL if split_case else _LETTER
    codes[kinds == DIGIT] = _DIGIT if split_case else _LETTER
    if operators:
        codes[np.isin(kinds, (OPERATOR, WEAK, BANG))] = _OPERATOR
    return Bytes(codes, tables.values[:_ASCII].astype(np.uint64), kinds == BLANK, kinds.copy())


@compiled
def hash_ascii(data: NDArray[np.uint8], begin: int, end: int, plain: Bytes) -> np.uint64:
    """The hash of the whole text `data[begin:end]`, which is ASCII."""
    values, blank = plain.values, plain.blank
    place, hashed = begin, START
    while place < end and blank[data[place]]:
        place += 1
    while place < end:
        while place < end and not blank[data[place]]:
            hashed = (hashed ^ values[data[place]]) * FACTOR
            place += 1
        while place < end and blank[data[place]]:
            place += 1
        if place < end:
            hashed = (hashed ^ _SPACE) * FACTOR
    return mixed(hashed)


@compiled
def are_small(data: NDArray[np.uint8], place: int, end: int) -> bool:
    """Whether two small letters of ASCII stand at `place`."""
    if place + 1 >= end:
        return False
    return bool(97 <= data[place] <= 122 and 97 <= data[place + 1] <= 122)


@inlined
def _word(
    data: NDArray[np.uint8], begin: int, end: int, codes: NDArray[np.uint8], values: Hashes
) -> tuple[np.uint64, int]:
    """The hash of the word that begins at `begin`, and its end."""
    before = codes[data[begin]]
    hashed, place = (START ^ values[data[begin]]) * FACTOR, begin + 1
    while place < end:
        byte = data[place]
        code = codes[byte]
        if code != _LETTER:
            if code != _CAPITAL and code != _DIGIT:
                break
            if code == _CAPITAL and (before == _LETTER or are_small(data, place + 1, end)):
                break
        hashed = (hashed ^ values[byte]) * FACTOR
        before = code
        place += 1
    return mixed(hashed), place


@inlined
def _signs(data: NDArray[np.uint8], begin: int, end: int, values: Hashes) -> np.uint64:
    hashed = START
    for place in range(begin, end):
        hashed = (hashed ^ values[data[place]]) * FACTOR
    return mixed(hashed)


@compiled
def scan_ascii(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    plain: Bytes,
    hashes: Hashes,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    count: int,
) -> int:
    """Write the tokens of `data[begin:end]`, which is ASCII, from place `count` on; the next."""
    codes, values = plain.codes, plain.values
    place = begin
    while place < end:
        code = codes[data[place]]
        if code == _SEPARATOR:
            place += 1
            continue
        start = place
        if code == _OPERATOR:
            place, counts = operator_end(data, begin, end, place, 1, plain.kinds)
            if not counts:
                continue
            hashed = _signs(data, start, place, values)
        else:
            hashed, place = _word(data, place, end, codes, values)
        hashes[count] = hashed
        starts[count] = start - begin
        ends[count] = place - begin
        count += 1
    return count
