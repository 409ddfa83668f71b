"""The rows of a Parquet file, some at a time, in memory that does not grow with the file.

pyarrow's own `iter_batches` holds on to what it has read of each row group until the last row (seen
with pyarrow 26: half a gigabyte for each million rows of text).
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq


def batches(
    file: pq.ParquetFile, rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """All rows of `file` in order, at most `rows` at a time; `columns` of it, or all."""
    names = None if columns is None else list(columns)
    groups: list[int] = []
    gathered = 0
    for group in range(file.num_row_groups):
        groups.append(group)
        gathered += file.metadata.row_group(group).num_rows
        if gathered >= rows or group == file.num_row_groups - 1:
            yield from file.iter_batches(rows, row_groups=groups, columns=names, use_threads=False)
            groups, gathered = [], 0
