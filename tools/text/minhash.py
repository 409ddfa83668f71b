"""MinHash signatures, kept only as one key for each of their bands.

Equal keys in a column mean an equal band, so that two texts may be alike. Minima are of 32 bits,
under permutations x -> a x + b, which the processor takes eight at a time.
"""

from functools import cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.banding import Banding
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import Hashes, mixed
from opencodeinstruct.tools.text.shingles import Grams

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
NO_KEY = np.uint64(0)


class Permutations(NamedTuple):
    """x -> factor x + addend, modulo 2**32, for each of a signature's minima."""

    factors: NDArray[np.uint32]
    addends: NDArray[np.uint32]


def _drawn(what: str, count: int) -> NDArray[np.uint32]:
    """`count` numbers, the same everywhere and at any time."""
    data = b"".join(
        blake2b(f"{what} {number}".encode(), digest_size=4).digest() for number in range(count)
    )
    return np.frombuffer(data, np.dtype("<u4")).astype(np.uint32)


@compiled
def _minima(
    hashes: Hashes,
    factors: NDArray[np.uint32],
    addends: NDArray[np.uint32],
    least: NDArray[np.uint32],
) -> None:
    """Write the least value under each permutation; four hashes share one way to memory."""
    least[:] = np.uint32(0xFFFFFFFF)
    count = len(hashes)
    for each in range(0, count, 4):
        first = np.uint32(hashes[each] >> _HALF)
        second = np.uint32(hashes[min(each + 1, count - 1)] >> _HALF)
        third = np.uint32(hashes[min(each + 2, count - 1)] >> _HALF)
        fourth = np.uint32(hashes[min(each + 3, count - 1)] >> _HALF)
        for place in range(len(least)):
            factor, addend = factors[place], addends[place]
            one = min(np.uint32(factor * first + addend), np.uint32(factor * second + addend))
            two = min(np.uint32(factor * third + addend), np.uint32(factor * fourth + addend))
            least[place] = min(least[place], min(one, two))


@compiled
def write_keys(
    hashes: Hashes, permutations: Permutations, least: NDArray[np.uint32], keys: Hashes, row: int
) -> None:
    """Write the keys of the bands of a row with these `hashes`; `least` is room for its minima."""
    if len(hashes) == 0:
        keys[:, row] = NO_KEY
        return
    _minima(hashes, permutations.factors, permutations.addends, least)
    rows = len(least) // keys.shape[0]
    for band in range(keys.shape[0]):
        key = np.uint64(band + 1)
        for place in range(band * rows, (band + 1) * rows):
            key = mixed(key * _FACTOR + np.uint64(least[place]))
        keys[band, row] = key | np.uint64(1)


@compiled
def _keys(
    hashes: Hashes, offsets: NDArray[np.int64], permutations: Permutations, keys: Hashes
) -> None:
    least = np.empty(len(permutations.factors), np.uint32)
    for row in range(keys.shape[1]):
        write_keys(hashes[offsets[row] : offsets[row + 1]], permutations, least, keys, row)


@cache
def permutations_of(banding: Banding) -> Permutations:
    """The permutations of which a signature for `banding` is made."""
    size = banding.bands * banding.rows
    return Permutations(_drawn("factor", size) | np.uint32(1), _drawn("addend", size))


def band_keys(grams: Grams, banding: Banding) -> Hashes:
    """An array of shape (bands, rows of `grams`); `NO_KEY` for a row without hashes."""
    keys = np.empty((banding.bands, len(grams.offsets) - 1), np.uint64)
    _keys(grams.hashes, grams.offsets, permutations_of(banding), keys)
    return keys
