"""The Jaccard similarity of pairs of sets, exactly."""

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import Hashes


@compiled
def _shared(hashes: Hashes, first: int, first_end: int, second: int, second_end: int) -> int:
    shared = 0
    while first < first_end and second < second_end:
        one, other = hashes[first], hashes[second]
        shared += one == other
        first += one <= other
        second += other <= one
    return shared


@compiled
def _measure(
    hashes: Hashes,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    firsts: NDArray[np.int64],
    seconds: NDArray[np.int64],
    least: float,
    measured: NDArray[np.float64],
) -> None:
    for pair in range(len(firsts)):
        one, other = firsts[pair], seconds[pair]
        sizes = ends[one] - begins[one], ends[other] - begins[other]
        measured[pair] = 0.0
        if min(sizes) >= least * max(sizes):
            shared = _shared(hashes, begins[one], ends[one], begins[other], ends[other])
            measured[pair] = shared / max(sizes[0] + sizes[1] - shared, 1)


def jaccards(
    hashes: Hashes,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    least: float = 0.0,
) -> NDArray[np.float64]:
    """What the sets of each pair share over all they have, 0..1.

    Set s is `hashes[begins[s]:ends[s]]`, sorted, each once. Of a pair whose sizes alone keep it
    below `least`, 0.
    """
    measured = np.empty(len(pairs[0]), np.float64)
    _measure(hashes, begins, ends, pairs[0], pairs[1], least, measured)
    return measured
