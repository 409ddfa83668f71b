"""Rows of a Parquet file some at a time: all, in order, and never more than some in memory."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.batches import batches


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=6), st.integers(1, 40))
def test_every_row_comes_once_in_order_however_row_groups_are_cut(
    groups: list[int], rows: int
) -> None:
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        start = 0
        with pq.ParquetWriter(path, schema) as writer:
            for size in groups:
                ids = list(range(start, start + size))
                table = pa.table({"id": ids, "text": list(map(str, ids))}, schema)
                if size:
                    writer.write_table(table)
                start += size
        with pq.ParquetFile(path) as file:
            found = list(batches(file, rows, ["id"]))
            assert all(batch.schema.names == ["id"] for batch in found)
            assert all(1 <= batch.num_rows <= rows for batch in found)
            assert [one for batch in found for one in batch["id"].to_pylist()] == list(range(start))
            whole = [batch.num_columns for batch in batches(file, rows)]
            assert set(whole) <= {2}


def test_what_was_read_is_not_held(tmp_path: Path) -> None:
    path, draw = tmp_path / "large.parquet", np.random.default_rng(0)
    with pq.ParquetWriter(path, pa.schema([("data", pa.binary())])) as writer:
        for _ in range(30):
            values = [draw.bytes(1 << 14) for _ in range(64)]  # a mebibyte that does not compress
            writer.write_table(pa.table({"data": pa.array(values, pa.binary())}))
    before, most = pa.total_allocated_bytes(), 0
    with pq.ParquetFile(path) as file:
        for batch in batches(file, 16):
            most = max(most, pa.total_allocated_bytes() - before)
            del batch
    assert most < 8 << 20  # of 30 MiB
