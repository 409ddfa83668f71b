"""MinHash signatures and the bands in which alike texts meet (locality-sensitive hashing).

Two texts of Jaccard similarity s share at least one of b bands of r rows with probability
1 - (1 - s^r)^b: with 25 bands of 5 rows 0.99 at s = 0.7 and 0.9999 at s = 0.8.
"""

from collections.abc import Sequence

import numpy as np

from opencodeinstruct.tools.text.ngrams import Hashes, hash_of, hash_together

_CHUNK = 1 << 19  # shingles hashed at a time: 4 MiB for each intermediate array


def _chunks(sets: Sequence[Hashes]) -> list[tuple[int, int]]:
    """Ranges of `sets` of about `_CHUNK` shingles each, never empty."""
    ranges, start, total = [], 0, 0
    for place, values in enumerate(sets):
        total += len(values)
        if total >= _CHUNK:
            ranges.append((start, place + 1))
            start, total = place + 1, 0
    if start < len(sets):
        ranges.append((start, len(sets)))
    return ranges


def signatures(sets: Sequence[Hashes], size: int) -> Hashes:
    """An array of shape (len(sets), size): `size` minima for each non-empty set of shingles."""
    factors = [np.uint64(hash_of(f"factor {n}") | 1) for n in range(size)]
    offsets = [np.uint64(hash_of(f"offset {n}")) for n in range(size)]
    result = np.empty((len(sets), size), np.uint64)
    for first, last in _chunks(sets):
        part = sets[first:last]
        values = np.concatenate(part)
        starts = np.cumsum([0, *(len(one) for one in part[:-1])])
        for place in range(size):
            mapped = (values * factors[place] + offsets[place]) >> np.uint64(24)
            result[first:last, place] = np.minimum.reduceat(mapped, starts)
    return result


def band_keys(signed: Hashes, bands: int) -> Hashes:
    """An array of shape (len(signed), bands): equal keys in a column mean an equal band."""
    rows = signed.shape[1] // bands
    keys = np.empty((len(signed), bands), np.uint64)
    for band in range(bands):
        keys[:, band] = hash_together(signed.T[band * rows : (band + 1) * rows])
    return keys


def meeting(keys: Hashes) -> Hashes:
    """`keys` with 0 for each that no other row of the same column has."""
    result = keys.copy()
    for band in range(keys.shape[1]):
        _, inverse, counts = np.unique(keys[:, band], return_inverse=True, return_counts=True)
        result[counts[inverse] == 1, band] = 0
    return result
