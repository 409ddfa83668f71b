"""A number for each id, so that millions of ids can be compared in little memory."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_ID_BYTES = 32


def id_numbers(names: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """64 bits of each of `names`, none of them null; different ids differ, but for chance."""
    found = np.empty(len(names), np.uint64)
    usual = pc.equal(pc.binary_length(names), _ID_BYTES).to_numpy()
    digits = pc.filter(names, pa.array(usual)).cast(pa.binary()).cast(pa.binary(_ID_BYTES))
    words = np.frombuffer(b"".join(_contents(digits)), "<u8").reshape(-1, _ID_BYTES // 8)
    mixed = np.zeros(len(words), np.uint64)
    for column in range(words.shape[1]):  # as splitmix64 stirs its state
        mixed = (mixed ^ words[:, column]) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(30)
    found[usual] = mixed
    for place in np.flatnonzero(~usual).tolist():
        digest = blake2b(names[place].as_py().encode(), digest_size=8).digest()
        found[place] = int.from_bytes(digest, "little")
    return found


def _contents(ids: pa.ChunkedArray) -> Iterator[memoryview]:
    for chunk in ids.chunks:
        start, end = chunk.offset * _ID_BYTES, (chunk.offset + len(chunk)) * _ID_BYTES
        yield memoryview(chunk.buffers()[1])[start:end]
