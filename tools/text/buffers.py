"""Arrow texts as the bytes that kernels read: no row becomes a Python object."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_BATCH = 1 << 18  # bytes of text at a time: what is made of them stays in the processor's cache


@dataclass(frozen=True, slots=True)
class TextBuffers:
    """Row r is `data[begins[r]:ends[r]]`, a null row is empty; `size` is that of all rows."""

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    size: int


def present(values: pa.Array) -> NDArray[np.bool_]:
    """Which of `values` are not null; without pyarrow.compute or pandas, whose import is dear."""
    if values.null_count in (0, len(values)):
        return np.full(len(values), values.null_count == 0)
    bits = np.unpackbits(np.frombuffer(values.buffers()[0], np.uint8), bitorder="little")
    return bits[values.offset : values.offset + len(values)].astype(np.bool_)


def as_arrow(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers or truth values as an Arrow array, null where not `valid`; without pandas, too."""
    bits = None if valid is None else _bits(valid)
    if values.dtype == np.bool_:
        kind, data = pa.bool_(), _bits(values)
    else:
        kind, data = pa.from_numpy_dtype(values.dtype), pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [bits, data])


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def _offsets(strings: pa.Array) -> NDArray[np.int64]:
    large = pa.types.is_large_string(strings.type) or pa.types.is_large_binary(strings.type)
    kind = np.int64 if large else np.int32
    offsets = np.frombuffer(strings.buffers()[1], kind)
    return offsets[strings.offset : strings.offset + len(strings) + 1].astype(np.int64)


def _plain(strings: pa.Array) -> pa.Array:
    """`strings` with offsets and bytes, whatever kind of text they are."""
    kind = strings.type
    if pa.types.is_dictionary(kind):
        return _plain(strings.dictionary_decode())
    if kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return strings
    if pa.types.is_fixed_size_binary(kind) or kind == pa.binary_view():
        return strings.cast(pa.large_binary())
    return strings.cast(pa.large_string())


def text_buffers(strings: pa.Array) -> TextBuffers:
    """The bytes of `strings`, of any type of text or binary; nothing is copied where possible."""
    plain = _plain(strings)
    if not len(plain) or plain.null_count == len(plain):
        nothing = np.zeros(len(plain), np.int64)
        return TextBuffers(np.zeros(1, np.uint8), nothing, nothing, 0)
    offsets = _offsets(plain)
    begins, ends = offsets[:-1], offsets[1:]
    if plain.null_count:
        ends = np.where(present(plain), ends, begins)
    stored = plain.buffers()[2]
    data = np.frombuffer(stored, np.uint8) if stored and stored.size else np.zeros(1, np.uint8)
    return TextBuffers(data, begins, ends, int((ends - begins).sum()))


def batches(strings: pa.Array | pa.ChunkedArray) -> Iterator[TextBuffers]:
    """`strings` in order, some rows at a time; a row larger than a batch is one of its own."""
    for chunk in strings.chunks if isinstance(strings, pa.ChunkedArray) else [strings]:
        whole = text_buffers(chunk)
        sizes = np.cumsum(whole.ends - whole.begins)
        first = 0
        while first < len(sizes):
            before = int(sizes[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(sizes, before + _BATCH, side="right")))
            size = int(sizes[last - 1]) - before
            yield TextBuffers(whole.data, whole.begins[first:last], whole.ends[first:last], size)
            first = last
