"""Operators, and where `-` and `*` are none: hyphens, bullets, the emphasis of Markdown."""

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.characters import BANG, DIGIT, LOWER, OPERATOR, WEAK
from opencodeinstruct.tools.text.compiled import compiled


@compiled
def _is_operand(data: NDArray[np.uint8], place: int, kinds: NDArray[np.uint8]) -> bool:
    """Whether a letter or digit is at `place`; any character beyond ASCII counts as one."""
    byte = data[place]
    return bool(byte >= 0x80 or byte == 95 or LOWER <= kinds[byte] <= DIGIT)


@compiled
def _stands_between(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    first: int,
    last: int,
    kinds: NDArray[np.uint8],
) -> bool:
    """Whether the `-`, `*` or `**` at `first:last` has operands: `a - b`, `a * b` or `a*b`."""
    if last - first > 2 or (last - first == 2 and data[first + 1] != 42):
        return False
    if first == begin or last == end:
        return False
    if data[first] == 42 and _is_operand(data, first - 1, kinds):
        return _is_operand(data, last, kinds)
    if data[first - 1] != 32 or data[last] != 32 or first < begin + 2 or last > end - 2:
        return False
    before, after = data[first - 2], data[last + 1]
    closes = before == 41 or before == 93 or _is_operand(data, first - 2, kinds)
    return closes and (after == 40 or after == 91 or _is_operand(data, last + 1, kinds))


@compiled
def _run_end(
    data: NDArray[np.uint8], place: int, end: int, kinds: NDArray[np.uint8]
) -> tuple[int, bool]:
    """Where the run of ASCII operators at `place` ends, and whether one of them always counts."""
    strong = False
    while place < end and data[place] < 0x80:
        kind = kinds[data[place]]
        if kind == BANG and place + 1 < end and data[place + 1] == 61:
            kind = OPERATOR
        if kind != OPERATOR and kind != WEAK:
            break
        strong |= kind == OPERATOR
        place += 1
    return place, strong


@compiled
def operator_end(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    place: int,
    size: int,
    kinds: NDArray[np.uint8],
) -> tuple[int, bool]:
    """Where the operator at `place`, whose character has `size` bytes, ends; whether it counts."""
    if size > 1:
        return place + size, True
    last, strong = _run_end(data, place, end, kinds)
    if last == place:
        return place + 1, False
    return last, strong or _stands_between(data, begin, end, place, last, kinds)
