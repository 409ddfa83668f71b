"""The files of one partition as they are written: full row groups, in order, on several threads.

Compressing is where the time of writing goes, and pyarrow does it without holding the interpreter,
so row groups of different partitions are compressed at once. What comes out does not depend on it.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencodeinstruct.builder.schema import dataset_schema

GROUP_ROWS = 4096
GROUP_BYTES = 4 << 20
"""A row group ends at that many rows or bytes of text: 60 open partitions stay below 512 MiB."""

Sizes = npt.NDArray[np.int64]

_TEXTS = [field.name for field in dataset_schema() if field.type == pa.string()]
_RANGED = [
    field.name
    for field in dataset_schema()
    if pa.types.is_primitive(field.type)  # numbers and truth values
]
"""Columns whose least and greatest values are noted; those of texts would be half a small file."""


class Compressors:
    """Threads that write row groups; few row groups wait for them at any time."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._most = threads + 1
        self._waiting: deque[Future[None]] = deque()

    def submit(self, writer: Any, table: pa.Table) -> "Future[None]":
        """`writer` writes `table`, soon; raises what went wrong with an earlier table."""
        while len(self._waiting) >= self._most:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(writer.write_table, table))
        return self._waiting[-1]

    def close(self) -> None:
        """Nothing is being written any more."""
        self._pool.shutdown(cancel_futures=True)


@dataclass(slots=True)
class Partition:
    """The rows of one folder: those that wait for a full row group, and the files begun so far.

    Files have temporary names; `files[i]` has `rows[i]` rows, of `arrow_bytes[i]` in memory.
    """

    domain: str
    judge_score: int | None
    bucket: str
    folder: Path
    rows_per_file: int
    files: list[Path] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    arrow_bytes: list[int] = field(default_factory=list)
    _waiting: list[pa.Table] = field(default_factory=list)
    _sizes: list[Sizes] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0
    _room: int = 0
    _writer: Any = None
    _written: "Future[None] | None" = None

    def add(self, table: pa.Table, sizes: Sizes, compressors: Compressors) -> None:
        """Take the rows of `table`, of that many bytes of text each; write groups that are full."""
        self._waiting.append(table)
        self._sizes.append(sizes)
        self._rows += table.num_rows
        self._bytes += int(sizes.sum())
        most = min(GROUP_ROWS, self._room or self.rows_per_file)
        if self._rows >= most or self._bytes >= GROUP_BYTES:
            self._drain(compressors, to_the_end=False)

    def finish(self, compressors: Compressors) -> None:
        """Write the rows that still wait."""
        self._drain(compressors, to_the_end=True)

    def close(self) -> None:
        """Everything taken and drained is in the files; raises what went wrong with it."""
        written, self._written = self._written, None
        if written is not None:
            written.result()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def discard(self) -> None:
        """Close and remove whatever still has a temporary name."""
        with suppress(OSError, pa.ArrowException):
            self.close()
        for path in self.files:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _drain(self, compressors: Compressors, *, to_the_end: bool) -> None:
        if not self._waiting:
            return
        table, sizes = pa.concat_tables(self._waiting), np.concatenate(self._sizes)
        start = 0
        while start < table.num_rows:
            room = self._room or self.rows_per_file
            rows, full = _group_size(sizes[start:], min(GROUP_ROWS, room))
            if not full and not to_the_end:
                break
            self._write(table.slice(start, rows).combine_chunks(), room, compressors)
            start += rows
        self._waiting, self._sizes = [table.slice(start)], [sizes[start:]]
        self._rows, self._bytes = table.num_rows - start, int(sizes[start:].sum())

    def _write(self, group: pa.Table, room: int, compressors: Compressors) -> None:
        if self._room == 0:
            self.close()
            self.files.append(self.folder / f".train-{len(self.files):05d}.writing")
            self.rows.append(0)
            self.arrow_bytes.append(0)
            self._writer = parquet_writer(self.files[-1])
        if self._written is not None:
            self._written.result()
        self._written = compressors.submit(self._writer, group)
        self.rows[-1] += group.num_rows
        self.arrow_bytes[-1] += group.nbytes
        self._room = room - group.num_rows


def parquet_writer(path: Path) -> Any:
    """A writer of a shard of the dataset's columns."""
    cut = {"use_content_defined_chunking": True} if int(pa.__version__.split(".")[0]) >= 21 else {}
    return pq.ParquetWriter(
        path,
        dataset_schema(),
        compression="zstd",
        write_page_index=True,
        write_statistics=_RANGED,
        **cut,
    )


def text_sizes(table: pa.Table) -> Sizes:
    """Bytes of text of each row of `table`."""
    sizes = np.zeros(table.num_rows, dtype=np.int64)
    for name in _TEXTS:
        sizes += pc.fill_null(pc.binary_length(table[name]), 0).to_numpy()
    return sizes


def _group_size(sizes: Sizes, most: int) -> tuple[int, bool]:
    """How many of these rows the next row group takes, and whether it is full with them."""
    fitting = int(np.searchsorted(np.cumsum(sizes[:most]), GROUP_BYTES)) + 1
    return min(fitting, most, len(sizes)), min(fitting, most) <= len(sizes)
