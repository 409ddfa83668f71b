"""Hashes of words and of runs of words, the same on every machine."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.distinct import distinct

Hashes = NDArray[np.uint64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hash_of(text: str) -> int:
    """64 bits of BLAKE2b of `text`, never 0."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") or 1


class WordHashes(dict[str, int]):
    """`hash_of` each word, remembered: a corpus has few distinct words."""

    def __missing__(self, word: str) -> int:
        value = self[word] = hash_of(word)
        return value

    def array(self, words: Iterable[str]) -> Hashes:
        """One hash for each of `words`."""
        return np.fromiter(map(self.__getitem__, words), np.uint64)


def known_hashes(words: Iterable[str], known: dict[str, int]) -> Hashes:
    """One hash for each of `words`, 0 for a word that is not in `known`."""
    return np.fromiter(map(known.get, words, repeat(0)), np.uint64)


def _mixed(values: Hashes) -> Hashes:
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return values ^ (values >> np.uint64(31))


def hash_together(parts: Iterable[Hashes]) -> Hashes:
    """For each place one hash of the values that `parts`, equally long, have there, in order."""
    total: Hashes = np.zeros(1, np.uint64)
    for part in parts:
        total = total * _FACTOR + part
    return _mixed(total)


def ngram_hashes(words: Hashes, size: int) -> Hashes:
    """The hash of each run of `size` words: `len(words) - size + 1` of them, none if negative."""
    count = len(words) - size + 1
    if count < 1:
        return np.empty(0, np.uint64)
    return hash_together(words[place : place + count] for place in range(size))


def shingles(words: Sequence[str], whole: str, size: int, hashes: WordHashes) -> Hashes:
    """The distinct hashes of the runs of `size` words, sorted.

    A text of fewer words is one shingle, the hash of `whole`: it equals itself and nothing else.
    """
    if len(words) < size:
        return np.array([hash_of(whole)], np.uint64)
    return distinct(ngram_hashes(hashes.array(words), size))


def jaccards(own: Hashes, others: Sequence[Hashes]) -> NDArray[np.float64]:
    """Of `own` and each of `others`, non-empty sorted sets: what they share over all they have."""
    sizes = np.array([len(one) for one in others])
    values = np.concatenate(others)
    places = np.minimum(np.searchsorted(own, values), len(own) - 1)
    starts = np.cumsum(sizes) - sizes
    shared = np.add.reduceat((own[places] == values).astype(np.int64), starts)
    return np.asarray(shared / (len(own) + sizes - shared), np.float64)


def jaccard(first: Hashes, second: Hashes) -> float:
    """Shared over all of two sorted non-empty sets, 0..1."""
    return float(jaccards(first, [second])[0])
