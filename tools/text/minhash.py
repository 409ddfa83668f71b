"""MinHash signatures, kept only as one key for each of their bands.

Equal keys in a column mean an equal band, so that two texts may be alike. Minima are of 32 bits,
under permutations x -> a x + b, which the processor takes eight at a time.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.banding import Banding
from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import Hashes, mixed
from opencodeinstruct.tools.text.shingles import Grams

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
NO_KEY = np.uint64(0)


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
    least[:] = np.uint32(0xFFFFFFFF)
    for each in range(len(hashes)):
        value = np.uint32(hashes[each] >> _HALF)
        for place in range(len(least)):
            mapped = np.uint32(np.uint32(factors[place] * value) + addends[place])
            least[place] = min(least[place], mapped)


@compiled
def _keys(
    hashes: Hashes,
    offsets: NDArray[np.int64],
    factors: NDArray[np.uint32],
    addends: NDArray[np.uint32],
    rows: int,
    keys: Hashes,
) -> None:
    least = np.empty(len(factors), np.uint32)
    for row in range(keys.shape[1]):
        begin, end = offsets[row], offsets[row + 1]
        if begin == end:
            keys[:, row] = NO_KEY
            continue
        _minima(hashes[begin:end], factors, addends, least)
        for band in range(keys.shape[0]):
            key = np.uint64(band + 1)
            for place in range(band * rows, (band + 1) * rows):
                key = mixed(key * _FACTOR + np.uint64(least[place]))
            keys[band, row] = key | np.uint64(1)


def band_keys(grams: Grams, banding: Banding) -> Hashes:
    """An array of shape (bands, rows of `grams`); `NO_KEY` for a row without hashes."""
    size = banding.bands * banding.rows
    keys = np.empty((banding.bands, len(grams.offsets) - 1), np.uint64)
    factors, addends = _drawn("factor", size) | np.uint32(1), _drawn("addend", size)
    _keys(grams.hashes, grams.offsets, factors, addends, banding.rows, keys)
    return keys
