"""The files of one partition as they are written: full row groups, in order, on several threads.

Compressing is where the time of writing goes, and pyarrow does it without holding the interpreter,
so row groups of different partitions are compressed at once. What comes out does not depend on it.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
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


def _is_evidence(type: pa.DataType) -> bool:
    return bool(pa.types.is_list(type) and pa.types.is_struct(type.value_type))


_DIFFERENT = {"id", "input", "output", "llm_judgement", "unit_tests", "solution", "reasoning"}
_REPEATED = [
    f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
    for field in dataset_schema()
    if field.name not in _DIFFERENT and not _is_evidence(field.type)
]
"""Columns with a dictionary. One whose values all differ would be built, grow too large, and be
left; those of evidence, empty in most rows, would cost as much time as their compression."""

_RANGED = [
    field.name
    for field in dataset_schema()
    if pa.types.is_primitive(field.type)  # numbers and truth values
]
"""Columns whose least and greatest values are noted; those of texts would be half a small file."""


@dataclass(slots=True)
class _Lane:
    """The row groups that wait for one writer, which takes them one after the other."""

    writer: Any
    waiting: deque[pa.Table] = field(default_factory=deque)
    is_open: bool = False  # a thread works on it


class Compressors:
    """Threads that write row groups; few row groups wait for them at any time."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._most = threads + 2
        self._under_way = 0
        self._changed = Condition()
        self._failure: BaseException | None = None

    def submit(self, lane: _Lane, table: pa.Table) -> None:
        """The writer of `lane` writes `table`, soon; raises what went wrong with an earlier one."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self._most or self._failure)
            self._raise()
            self._under_way += 1
            lane.waiting.append(table)
            if not lane.is_open:
                lane.is_open = True
                self._pool.submit(self._work, lane)

    def finish(self, lane: _Lane) -> None:
        """Everything submitted to `lane` is written; raises what went wrong with any."""
        with self._changed:
            self._changed.wait_for(lambda: not lane.is_open)
            self._raise()

    def close(self) -> None:
        """Nothing is being written any more."""
        with self._changed:
            self._failure = self._failure or RuntimeError("nothing is to be written any more")
            self._changed.notify_all()
        self._pool.shutdown(cancel_futures=True)

    def _work(self, lane: _Lane) -> None:
        while (table := self._next(lane)) is not None:
            failure = None
            try:
                lane.writer.write_table(table)
            except BaseException as error:  # noqa: BLE001  # whoever submits hears of it
                failure = error
            with self._changed:
                self._under_way -= 1
                self._failure = self._failure or failure
                self._changed.notify_all()

    def _next(self, lane: _Lane) -> pa.Table | None:
        with self._changed:
            if lane.waiting and self._failure is None:
                return lane.waiting.popleft()
            lane.is_open = False
            self._changed.notify_all()
            return None

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure


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
    _waiting: list[pa.RecordBatch] = field(default_factory=list)
    _sizes: list[Sizes] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0
    _room: int = 0
    _lane: _Lane | None = None

    def add(self, batch: pa.RecordBatch, sizes: Sizes, compressors: Compressors) -> None:
        """Take the rows of `batch`, of that many bytes of text each; write groups that are full.

        Columns of nothing but nulls may be left out.
        """
        self._waiting.append(batch)
        self._sizes.append(sizes)
        self._rows += batch.num_rows
        self._bytes += int(sizes.sum())
        most = min(GROUP_ROWS, self._room or self.rows_per_file)
        if self._rows >= most or self._bytes >= GROUP_BYTES:
            self._drain(compressors, to_the_end=False)

    def finish(self, compressors: Compressors) -> None:
        """Write the rows that still wait."""
        self._drain(compressors, to_the_end=True)

    def close(self, compressors: Compressors) -> None:
        """Everything taken and drained is in the files; raises what went wrong with it."""
        lane, self._lane = self._lane, None
        if lane is not None:
            try:
                compressors.finish(lane)
            finally:
                lane.writer.close()

    def discard(self) -> None:
        """Close and remove whatever still has a temporary name; nothing is written any more."""
        lane, self._lane = self._lane, None
        if lane is not None:
            with suppress(OSError, pa.ArrowException):
                lane.writer.close()
        for path in self.files:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _drain(self, compressors: Compressors, *, to_the_end: bool) -> None:
        if not self._waiting:
            return
        tables = [pa.Table.from_batches([batch]) for batch in self._waiting]
        table, sizes = (
            pa.concat_tables(tables, promote_options="default"),
            np.concatenate(self._sizes),
        )
        start = 0
        while start < table.num_rows:
            room = self._room or self.rows_per_file
            rows, full = _group_size(sizes[start:], min(GROUP_ROWS, room))
            if not full and not to_the_end:
                break
            self._write(_whole(table.slice(start, rows)), room, compressors)
            start += rows
        left = table.slice(start).to_batches()
        self._waiting = [copied(left)] if left else []
        self._sizes = [sizes[start:]]
        self._rows, self._bytes = table.num_rows - start, int(sizes[start:].sum())

    def _write(self, group: pa.Table, room: int, compressors: Compressors) -> None:
        if self._lane is None or self._room == 0:
            self.close(compressors)
            self.files.append(self.folder / f".train-{len(self.files):05d}.writing")
            self.rows.append(0)
            self.arrow_bytes.append(0)
            self._lane = _Lane(parquet_writer(self.files[-1]))
        compressors.submit(self._lane, group)
        self.rows[-1] += group.num_rows
        self.arrow_bytes[-1] += group.nbytes
        self._room = room - group.num_rows


def copied(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """A copy of the rows of `batches`, which may be slices; it does not hold on to them."""
    return pa.concat_batches([*batches, batches[0].slice(0, 0)])  # of a single one is no copy


def _whole(table: pa.Table) -> pa.Table:
    """`table` with all columns of a dataset, in one chunk; those that are not there are null."""
    table, schema = table.combine_chunks(), dataset_schema()
    names = set(table.schema.names)
    columns = [
        table[field.name] if field.name in names else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def parquet_writer(path: Path) -> Any:
    """A writer of a shard of the dataset's columns."""
    cut = {"use_content_defined_chunking": True} if int(pa.__version__.split(".")[0]) >= 21 else {}
    return pq.ParquetWriter(
        path,
        dataset_schema(),
        compression="zstd",
        write_page_index=True,
        write_statistics=_RANGED,
        use_dictionary=_REPEATED,
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
