"""What a token is, once, for everything that compares texts.

A token is a run of letters and digits, compared without case and in Unicode's compatibility form.
Identifiers are cut where their case changes and at `_`: `getUserName`, `get_user_name` and
`GET_USER_NAME` are the same tokens. Numbers are kept. Scripts without spaces, and Korean, make a
token of each character. A run of operators is a token: `a + b` is not `a - b`; hyphens and the
asterisks of Markdown are none. All else separates. Separators are found before letters are folded.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.ascii_rows import (
    Bytes,
    Made,
    Span,
    are_small,
    bytes_of,
    made_of,
    next_stretch,
    scan_ascii,
    write,
)
from opencodeinstruct.tools.text.buffers import TextBuffers, batches
from opencodeinstruct.tools.text.characters import (
    BANG,
    DIGIT,
    HIDDEN,
    KINDS,
    LOWER,
    MARK,
    OPERATOR,
    SINGLE,
    UPPER,
    WEAK,
    Characters,
)
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import (
    START,
    WAITING,
    Hashes,
    absorb,
    characters_of,
    far_slot,
    settled,
    with_value,
)
from opencodeinstruct.tools.text.operators import operator_end

# What a character does, by what stands before it; a set of these:
_CLOSE = 1  # it ends the token
_OPEN = 2  # it begins one
_FOLD = 4  # it is a part of the token
_LOOK = 8  # it closes and opens only before two small letters: the S of HTTPServer, not of IDs
_RUN = 16  # it begins a run of operators
_STATES = 5  # none, LOWER, UPPER, DIGIT, SINGLE
_NONE, _LOWER, _UPPER, _DIGIT, _SINGLE = range(_STATES)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of some rows: those of row r are at `offsets[r]:offsets[r + 1]`.

    `starts` and `ends` are places in the row's own bytes as they were given: cut there, they are
    the token as it was written.
    """

    hashes: Hashes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    offsets: NDArray[np.int64]


class _Rules(NamedTuple):
    """By state and kind of the next character: what it does, and the next state."""

    actions: NDArray[np.uint8]
    following: NDArray[np.uint8]


class Tables(NamedTuple):
    """All that is looked up when a row is cut."""

    characters: Characters
    plain: Bytes
    rules: _Rules


@cache
def _rules(*, operators: bool, split_case: bool) -> _Rules:
    actions = np.full((_STATES, KINDS), _CLOSE, np.uint8)
    word = (LOWER, UPPER, DIGIT)
    actions[:, word] = _FOLD
    actions[_NONE, word] = _OPEN | _FOLD
    actions[_SINGLE, word] = actions[:, SINGLE] = _CLOSE | _OPEN | _FOLD
    actions[:, MARK] = _FOLD
    actions[:, HIDDEN] = actions[_NONE, MARK] = 0
    if split_case:
        actions[_LOWER, UPPER] = _CLOSE | _OPEN | _FOLD
        actions[_UPPER, UPPER] = actions[_DIGIT, UPPER] = _LOOK | _FOLD
    if operators:
        actions[:, (OPERATOR, WEAK, BANG)] = _CLOSE | _RUN
    actions[_NONE] &= 0xFF ^ _CLOSE
    following = np.full((_STATES, KINDS), _NONE, np.uint8)
    following[:, LOWER], following[:, UPPER] = _LOWER, _UPPER
    following[:, DIGIT], following[:, SINGLE] = _DIGIT, _SINGLE
    following[:, MARK] = following[:, HIDDEN] = range(_STATES)
    return _Rules(actions, following)


@compiled
def _write_run(
    data: NDArray[np.uint8],
    row: Span,
    place: int,
    size: int,
    tables: Tables,
    marks: NDArray[np.int32],
    made: Made,
    count: int,
) -> tuple[int, int]:
    """Write the operators at `place` if they count; where the text goes on, and the next token."""
    slots, kinds, values, more = tables.characters
    begin, end = row
    stop, counts = operator_end(data, begin, end, place, size, kinds)
    if not counts:
        return stop, count
    hashed, waiting = START, 0
    if size > 1:
        slot, _ = far_slot(data, place, end, slots)
        hashed, waiting = absorb(hashed, values[slot], more, marks, waiting)
    else:
        for each in range(place, stop):
            hashed = with_value(hashed, np.int32(data[each]))
    run = settled(hashed, marks, waiting)
    return stop, write(made, count, run, place - begin, stop - begin)


@compiled
def _scan_any(
    data: NDArray[np.uint8],
    row: Span,
    part: Span,
    tables: Tables,
    marks: NDArray[np.int32],
    made: Made,
    count: int,
) -> int:
    """As `scan_ascii`, whatever characters there are in the `part`."""
    slots, kinds, values, more = tables.characters
    actions, following = tables.rules
    begin, end = row
    place, state, start, last = part[0], _NONE, begin, begin
    hashed, waiting = START, 0
    while place < part[1]:
        byte = data[place]
        slot, size = (np.int64(byte), 1) if byte < 0x80 else far_slot(data, place, end, slots)
        kind = kinds[slot]
        action = actions[state, kind]
        looks = action & _LOOK and are_small(data, place + 1, end)
        action |= (_CLOSE | _OPEN) if looks else 0
        if action & _CLOSE:
            token = settled(hashed, marks, waiting)
            count = write(made, count, token, start - begin, last - begin)
        if action & _OPEN:
            start, hashed, waiting = place, START, 0
        if action & _FOLD:
            last = place + size
            hashed, waiting = absorb(hashed, values[slot], more, marks, waiting)
        if action & _RUN:
            place, count = _write_run(data, row, place, size, tables, marks, made, count)
        else:
            place += size
        state = following[state, kind]
    if state != _NONE:
        count = write(made, count, settled(hashed, marks, waiting), start - begin, last - begin)
    return count


@compiled
def scan_row(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    tables: Tables,
    marks: NDArray[np.int32],
    made: Made,
    count: int,
) -> int:
    """Write the tokens of `data[begin:end]` from place `count` on; where the next ones go.

    Between two separators it is slow only where there is more than ASCII. `marks` is room for
    `WAITING` marks.
    """
    row, place = (begin, end), begin
    while place < end:
        upto, stop = next_stretch(data, place, end, tables.plain.separates)
        count = scan_ascii(data, row, (place, upto), tables.plain, made, count)
        if upto < stop:
            count = _scan_any(data, row, (upto, stop), tables, marks, made, count)
        place = stop
    return count


@compiled
def _scan(
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    tables: Tables,
    made: Made,
    counts: NDArray[np.int64],
) -> int:
    """Write the tokens of all rows and the number of each row's; how many there are."""
    marks = np.empty(WAITING, np.int32)
    total = 0
    for row in range(len(begins)):
        before = total
        total = scan_row(data, begins[row], ends[row], tables, marks, made, before)
        counts[row] = total - before
    return total


def tables_of(rows: TextBuffers, *, operators: bool, split_case: bool) -> Tables:
    """What cutting `rows` needs; the choices are those of `tokens`."""
    return Tables(
        characters_of(rows),
        bytes_of(operators=operators, split_case=split_case),
        _rules(operators=operators, split_case=split_case),
    )


def tokens(
    strings: pa.Array | pa.ChunkedArray, *, operators: bool = True, split_case: bool = True
) -> Tokens:
    """The tokens of each row; a null row has none.

    `operators`: whether they are tokens. `split_case`: whether `getName` is two tokens; without it
    a text in mIxEd case has those of the same text in small letters.
    """
    offsets = np.zeros(len(strings) + 1, np.int64)
    done, parts, made = 1, [made_of(0)], made_of(0)
    for rows in batches(strings):
        if len(made.hashes) <= rows.size:  # no token is shorter than a byte
            made = made_of(rows.size + 1)
        tables = tables_of(rows, operators=operators, split_case=split_case)
        counts = offsets[done : done + len(rows.begins)]
        total = _scan(rows.data, rows.begins, rows.ends, tables, made, counts)
        parts.append(_cut(made, total))
        done += len(rows.begins)
    hashes, starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Tokens(hashes, starts, ends, np.cumsum(offsets))


def _cut(made: Made, count: int) -> Made:
    """A copy of the first `count` tokens of `made`."""
    return Made(made.hashes[:count].copy(), made.starts[:count].copy(), made.ends[:count].copy())
