"""What each character is to the kernels: its kind, and what it is compared as.

A character is compared in Unicode's compatibility decomposition, case-folded. The tables are made
page by page of 256 characters, and only for pages that a text uses: for ASCII that is one.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLANK, OTHER, LOWER, UPPER, DIGIT, MARK, SINGLE, OPERATOR, WEAK, BANG, HIDDEN = range(11)
"""The kinds of characters.

`LOWER` is any letter without case, too. `MARK` belongs to the character before it. `SINGLE` is a
word of its own: scripts without spaces, and Korean by syllables. `WEAK` (`-` and `*`) and `BANG`
are operators only between operands and before `=`. `HIDDEN` is as if it were not there.
"""
KINDS = 11

PAGE = 256
PAGES = 0x110000 // PAGE
CLASS_SHIFT = 21  # a value is a code point and, above it, the combining class

_SINGLES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1100, 0x115F),  # the letters that begin a Korean syllable
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Japanese
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7A3),  # Korean syllables
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x3FFFF),
)
_FOLLOWING_JAMO = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))  # they end a Korean syllable
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))  # they choose among looks
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF))  # each is itself, and a word
_LAST = 0x10FFFF
_ASCII = {"-": WEAK, "*": WEAK, "!": BANG} | dict.fromkeys("+/%<>=&|^", OPERATOR)


def _lies_in(code: int, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether `code` is in one of `ranges`, which are sorted."""
    place = bisect_right(ranges, (code, _LAST)) - 1
    return place >= 0 and code <= ranges[place][1]


def compared_as(character: str) -> str:
    """`character` decomposed for compatibility, and case-folded."""
    folded = unicodedata.normalize("NFKD", character).casefold()
    return unicodedata.normalize("NFKD", folded)


def _hidden(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or _lies_in(ord(character), _SELECTORS)


def _is_mark(character: str) -> bool:
    first = compared_as(character)[:1]
    return unicodedata.category(first).startswith("M") or _lies_in(ord(character), _FOLLOWING_JAMO)


def kind_of(character: str) -> int:
    """The kind of `character`."""
    if _hidden(character):
        return HIDDEN
    if _is_mark(character):
        return MARK
    if character.isspace():
        return BLANK
    return _kind_of_word(character) if character.isalnum() else _kind_of_symbol(character)


def _kind_of_word(character: str) -> int:
    if _lies_in(ord(character), _SINGLES):
        return SINGLE
    if unicodedata.category(character) in ("Lu", "Lt"):
        return UPPER
    return DIGIT if character.isdecimal() else LOWER


def _kind_of_symbol(character: str) -> int:
    plain = compared_as(character)
    if plain.isascii():
        return _ASCII.get(plain, OTHER)
    return OPERATOR if unicodedata.category(character) == "Sm" else OTHER


@dataclass(frozen=True, slots=True)
class _Page:
    """The tables of one page, as in `Characters`."""

    kinds: NDArray[np.uint8]
    values: NDArray[np.int32]
    more: NDArray[np.int32]


@cache
def _page(number: int) -> _Page:
    codes = range(number * PAGE, (number + 1) * PAGE)
    if all(_lies_in(code, _IDEOGRAPHS) for code in (codes[0], codes[-1])):
        kinds, values = np.full(PAGE, SINGLE, np.uint8), np.array(codes, np.int32)
        return _Page(kinds, values, np.empty(0, np.int32))
    characters = [chr(code) for code in codes]
    single, more = list[int](), list[int]()
    for each in characters:
        its = [ord(one) | unicodedata.combining(one) << CLASS_SHIFT for one in compared_as(each)]
        single.append(its[0] if len(its) == 1 else -len(more) - 1)
        more += [len(its), *its] if len(its) > 1 else []
    kinds = np.frombuffer(bytes(map(kind_of, characters)), np.uint8)
    return _Page(kinds, np.array(single, np.int32), np.array(more, np.int32))


class Characters(NamedTuple):
    """The tables of some pages, of which the first is page 0.

    `slots`: by page, where its characters begin in `kinds` and `values`. `values`: what a
    character is compared as; where it is negative, `-value` is the place in `more` of the number
    of the values, which follow.
    """

    slots: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    values: NDArray[np.int32]
    more: NDArray[np.int32]


@lru_cache(maxsize=4)
def _tables(numbers: tuple[int, ...]) -> Characters:
    slots = np.zeros(PAGES, np.int32)
    slots[list(numbers)] = np.arange(len(numbers)) * PAGE
    pages = [_page(number) for number in numbers]
    values, room = [], 0
    for page in pages:
        values.append(np.where(page.values < 0, page.values - room, page.values))
        room += len(page.more)
    return Characters(
        slots,
        np.concatenate([page.kinds for page in pages]),
        np.concatenate(values),
        np.concatenate([np.zeros(1, np.int32), *(page.more for page in pages)]),
    )


@cache
def _met() -> set[int]:
    """The pages that were ever asked for: tables are made anew only when one is added."""
    return {0}


def characters(used: NDArray[np.bool_]) -> Characters:
    """The tables of page 0, of the pages that `used` marks, and perhaps of others."""
    met = _met()
    met.update(np.flatnonzero(used).tolist())
    return _tables(tuple(sorted(met)))
