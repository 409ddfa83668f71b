"""Of rows that are alike: which stay, and which belong together.

A row is dropped only for a row that is kept, so a chain of small edits does not melt into one. All
that is linked, kept or not, is one group: what is divided by group leaks nothing across.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.compiled import compiled

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs of rows that are alike: `earlier` comes first in the order of survival."""

    earlier: Rows
    later: Rows
    similarity: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Survivors:
    """By row: the kept row that it repeats, itself if it is kept; how alike (1 if kept)."""

    kept: Rows
    similarity: NDArray[np.float64]


@compiled
def _survive(
    earlier: Rows,
    later: Rows,
    alike: NDArray[np.float64],
    fixed: int,
    kept: Rows,
    similarity: NDArray[np.float64],
) -> None:
    """`later` is grouped by row, the rows in the order of survival."""
    for link in range(len(later)):
        row, other = later[link], earlier[link]
        if kept[other] != other or row < fixed:
            continue
        if kept[row] == row or alike[link] > similarity[row]:
            kept[row], similarity[row] = other, alike[link]


def survivors(links: Links, places: Rows, fixed: int = 0) -> Survivors:
    """Decide row by row in the order of survival, in which row r has the place `places[r]`.

    A row is dropped if a kept one before it is linked to it; named is the one most alike.
    The first `fixed` rows stay, whatever they are like.
    """
    kept, similarity = np.arange(len(places)), np.ones(len(places))
    turn = np.lexsort((places[links.earlier], places[links.later]))
    _survive(
        links.earlier[turn], links.later[turn], links.similarity[turn], fixed, kept, similarity
    )
    return Survivors(kept, similarity)


@compiled
def _root(parents: Rows, row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@compiled
def _unite(parents: Rows, firsts: Rows, seconds: Rows, places: Rows) -> None:
    for pair in range(len(firsts)):
        one, other = _root(parents, firsts[pair]), _root(parents, seconds[pair])
        if places[one] <= places[other]:
            parents[other] = one
        else:
            parents[one] = other
    for row in range(len(parents)):
        parents[row] = _root(parents, row)


def groups(firsts: Rows, seconds: Rows, places: Rows) -> Rows:
    """For each row the one that has the first place among all that are linked with it."""
    parents = np.arange(len(places))
    _unite(parents, firsts, seconds, places)
    return parents
