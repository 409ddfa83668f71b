"""What was found alike, as tables by the rows of one file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.alike import Alike
from opencodeinstruct.tools.text.buffers import as_arrow


@dataclass(frozen=True, slots=True)
class Written:
    """Tables for people and programs, and what they count.

    `groups`: row, group (the first row of it), kept. `repeats`: of each row that is not kept, the
    kept row it repeats (null: a text that was known before), and their similarity. `stays`: by
    row, whether it is kept. `largest`: (group, rows) of groups of several rows, largest first.
    """

    groups: pa.Table
    repeats: pa.Table
    stays: NDArray[np.bool_]
    exact: int
    near: int
    known: int
    shared: int
    largest: tuple[tuple[int, int], ...]


def written_of(found: Alike, rows: int, blank: Sequence[int]) -> Written:
    """The tables for the last `rows` rows of `found`; those in `blank` are no rows at all."""
    before = len(found.kept) - rows
    own = np.arange(rows)
    _, first, inverse, sizes = np.unique(
        found.near[before:], return_index=True, return_inverse=True, return_counts=True
    )
    group, kept = first[inverse], found.kept[before:] - before
    stays = kept == own
    real = np.ones(rows, np.bool_)
    real[list(blank)] = False
    lost = np.flatnonzero(~stays)
    others = as_arrow(kept[lost], kept[lost] >= 0)
    similarity = found.similarity[before:][lost]
    equal = (found.exact[before:] - before != own)[lost] & (similarity == 1)
    many = np.flatnonzero(sizes > 1)
    many = many[np.lexsort((first[many], -sizes[many]))]
    return Written(
        pa.table(
            {
                "row": as_arrow(own[real]),
                "group": as_arrow(group[real]),
                "kept": as_arrow(stays[real]),
            }
        ),
        pa.table({"row": as_arrow(lost), "repeats": others, "similarity": as_arrow(similarity)}),
        stays,
        exact=int(equal.sum()),
        near=int(len(lost) - equal.sum()),
        known=int((kept[lost] < 0).sum()),
        shared=len(many),
        largest=tuple((int(first[one]), int(sizes[one])) for one in many[:100]),
    )
