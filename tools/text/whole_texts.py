"""Whole texts as one hash each: equal for texts that are compared as equal.

It is the hash of the hashes of what stands between blanks.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.ascii_rows import Bytes, bytes_of, hash_ascii, next_stretch
from opencodeinstruct.tools.text.buffers import batches
from opencodeinstruct.tools.text.characters import BLANK, HIDDEN, Characters
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import (
    START,
    WAITING,
    Hashes,
    absorb,
    characters_of,
    far_slot,
    mixed,
    settled,
    with_word,
)


@compiled
def _hash_any(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    tables: Characters,
    marks: NDArray[np.int32],
    whole: np.uint64,
) -> np.uint64:
    """As `hash_ascii`, whatever characters there are."""
    slots, kinds, values, more = tables.slots, tables.kinds, tables.values, tables.more
    place, hashed, waiting, begun = begin, START, 0, False
    while place < end:
        byte = data[place]
        slot, size = (np.int64(byte), 1) if byte < 0x80 else far_slot(data, place, end, slots)
        place += size
        if kinds[slot] == BLANK:
            if begun:
                whole = with_word(whole, settled(hashed, marks, waiting))
            hashed, waiting, begun = START, 0, False
        elif kinds[slot] != HIDDEN:
            hashed, waiting = absorb(hashed, values[slot], more, marks, waiting)
            begun = True
    return with_word(whole, settled(hashed, marks, waiting)) if begun else whole


@compiled
def hash_text(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    tables: Characters,
    plain: Bytes,
    marks: NDArray[np.int32],
) -> np.uint64:
    """The hash of the text `data[begin:end]`; `marks` is room for `WAITING` marks.

    Between two blanks it is slow only where there is more than ASCII.
    """
    whole, place = START[0], begin
    while place < end:
        upto, stop = next_stretch(data, place, end, plain.blank)
        whole = hash_ascii(data, place, upto, plain, whole)
        whole = _hash_any(data, upto, stop, tables, marks, whole)
        place = stop
    return mixed(whole)


@compiled
def _hash_texts(
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    tables: Characters,
    plain: Bytes,
    hashes: Hashes,
) -> None:
    marks = np.empty(WAITING, np.int32)
    for row in range(len(begins)):
        hashes[row] = hash_text(data, begins[row], ends[row], tables, plain, marks)


def text_hashes(strings: pa.Array | pa.ChunkedArray) -> Hashes:
    """One hash a row: equal for texts that are the same but for case, form and white space.

    Null rows have that of the empty text.
    """
    hashes, plain = np.empty(len(strings), np.uint64), bytes_of(operators=False, split_case=False)
    done = 0
    for rows in batches(strings):
        part = hashes[done : done + len(rows.begins)]
        _hash_texts(rows.data, rows.begins, rows.ends, characters_of(rows), plain, part)
        done += len(part)
    return hashes
