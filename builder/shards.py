"""Finished rows as partitioned Parquet: plain pyarrow, one pass, the same bytes every time.

Shards carry no `huggingface` schema metadata, so that datasets 3, 4 and 5 all read them. Pages are
cut by content where pyarrow can, so that a new version of a dataset re-uploads what changed only.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import flush, writing, written_error
from opencodeinstruct.builder.finished import as_finished, refuse_misfits
from opencodeinstruct.builder.schema import dataset_schema
from opencodeinstruct.builder.subsets import (
    BUCKETS,
    DOMAINS,
    EMPTY_FILE,
    buckets_of,
    partition_folder,
)

GROUP_ROWS = 4096
GROUP_BYTES = 16 << 20
"""A row group ends at that many rows or bytes of text: 40 open partitions stay below 1 GiB."""

_TEXTS = [field.name for field in dataset_schema() if field.type == pa.string()]


@dataclass(frozen=True, slots=True)
class Shard:
    """One written file; `path` is relative to the dataset folder, with forward slashes."""

    path: str
    rows: int
    bytes: int
    sha256: str
    domain: str
    judge_score: int
    bucket: str


@dataclass(slots=True)
class _Partition:
    """An open partition: rows that wait for a full row group, and the files begun so far."""

    domain: str
    judge_score: int
    bucket: str
    folder: Path
    waiting: pa.Table
    writer: Any = None
    room: int = 0
    files: list[Path] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


def write_shards(
    tables: Iterable[pa.Table],
    folder: Path,
    *,
    rows_per_file: int = 100_000,
    progress: Callable[[int], None] | None = None,
) -> list[Shard]:
    """Write the rows of `tables` below `folder/data`; returns the files, sorted by path.

    Inside a partition rows keep their order, and the bytes depend on rows and order only, not on
    how the rows come in tables. Columns beyond the dataset's are dropped. No file has its final
    name before all are written. `progress` is told the number of rows taken in so far.
    Raises `RunFolderError` when a column is missing, a row cannot be placed, an id comes twice, or
    `folder` holds shards already; then, as after any error, no half-written file is left.
    """
    if rows_per_file < 1:
        raise RunFolderError(f"{folder}: rows_per_file is {rows_per_file}. Give 1 or more.")
    if next(folder.glob("data/**/*.parquet"), None) is not None:
        raise RunFolderError(f"{folder}: holds shards already. Give an empty folder.")
    partitions: dict[tuple[int, int, int], _Partition] = {}
    try:
        digests = _distribute(tables, folder, partitions, rows_per_file, progress)
        for partition in partitions.values():
            _drain(partition, rows_per_file, to_the_end=True)
            _close(partition)
        _refuse_duplicates(digests, partitions.values())
        shards = [shard for part in partitions.values() for shard in _publish(part, folder)]
    except OSError as error:
        raise written_error(folder, error) from error
    finally:
        _discard(partitions.values())
    return sorted(shards, key=lambda shard: shard.path)


def write_empty(folder: Path) -> Path:
    """`folder` holds `EMPTY_FILE`, a shard of the dataset's columns without rows; its path."""
    path = folder / EMPTY_FILE
    with writing(path) as beside:
        _writer(beside).close()
    return path


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of `path`, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _distribute(
    tables: Iterable[pa.Table],
    folder: Path,
    partitions: dict[tuple[int, int, int], _Partition],
    rows_per_file: int,
    progress: Callable[[int], None] | None,
) -> bytearray:
    """Put every row in its partition; returns 16 bytes for each row's id, in input order."""
    digests = bytearray()
    taken = 0
    for table in _pieces(tables):
        refuse_misfits(table, taken)
        digests += b"".join(_digest(one) for one in table["id"].to_pylist())
        for key, rows in _split(table):
            if key not in partitions:
                partitions[key] = _opened(key, folder)
            partitions[key].waiting = pa.concat_tables([partitions[key].waiting, rows])
            _drain(partitions[key], rows_per_file, to_the_end=False)
        taken += table.num_rows
        if progress is not None:
            progress(taken)
    return digests


def _pieces(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of `tables`, in order, as finished tables of at most `GROUP_ROWS` rows.

    Small tables are gathered first: a table costs more than a row.
    """
    gathered: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        gathered.append(as_finished(table))
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= GROUP_ROWS or size >= 4 * GROUP_BYTES:
            yield from _sliced(gathered)
            gathered, rows, size = [], 0, 0
    yield from _sliced(gathered)


def _sliced(gathered: list[pa.Table]) -> Iterator[pa.Table]:
    table = pa.concat_tables([dataset_schema().empty_table(), *gathered])
    for start in range(0, table.num_rows, GROUP_ROWS):
        yield table.slice(start, GROUP_ROWS)


def _split(table: pa.Table) -> Iterator[tuple[tuple[int, int, int], pa.Table]]:
    """The rows of `table` by partition, in order, as copies that do not hold on to `table`."""
    domain = pc.index_in(table["domain"], value_set=pa.array(DOMAINS)).to_numpy()
    judge = table["judge_score"].to_numpy()
    bucket = buckets_of(table["tests_passed"], table["tests_total"])
    keys = (domain.astype(np.int64) * 8 + judge) * 4 + bucket
    for key in np.unique(keys).tolist():
        yield (key // 32, key // 4 % 8, key % 4), table.take(np.flatnonzero(keys == key))


def _opened(key: tuple[int, int, int], folder: Path) -> _Partition:
    domain, judge, bucket = DOMAINS[key[0]], key[1], BUCKETS[key[2]]
    place = folder / partition_folder(domain, judge, bucket)
    place.mkdir(parents=True, exist_ok=True)
    return _Partition(domain, judge, bucket, place, dataset_schema().empty_table())


def _drain(partition: _Partition, rows_per_file: int, *, to_the_end: bool) -> None:
    """Write the full row groups that wait, and with `to_the_end` the last one too."""
    while partition.waiting.num_rows:
        room = partition.room or rows_per_file
        size, full = _group_size(partition.waiting, min(GROUP_ROWS, room))
        if not full and not to_the_end:
            return
        writer = partition.writer if partition.room else _begin_file(partition)
        writer.write_table(partition.waiting.slice(0, size).combine_chunks())
        partition.rows[-1] += size
        partition.room = room - size
        partition.waiting = partition.waiting.slice(size)


def _begin_file(partition: _Partition) -> Any:
    """Close the file that is full; the writer of the next one, under its temporary name."""
    _close(partition)
    partition.files.append(partition.folder / f".train-{len(partition.files):05d}.writing")
    partition.rows.append(0)
    partition.writer = _writer(partition.files[-1])
    return partition.writer


def _group_size(waiting: pa.Table, most: int) -> tuple[int, bool]:
    """How many rows the next row group takes, and whether it is full with them."""
    sizes = np.zeros(waiting.num_rows, dtype=np.int64)
    for name in _TEXTS:
        sizes += pc.fill_null(pc.binary_length(waiting[name]), 0).to_numpy()
    fitting = int(np.searchsorted(np.cumsum(sizes), GROUP_BYTES)) + 1
    return min(fitting, most, waiting.num_rows), min(fitting, most) <= waiting.num_rows


def _writer(path: Path) -> Any:
    cut = {"use_content_defined_chunking": True} if int(pa.__version__.split(".")[0]) >= 21 else {}
    return pq.ParquetWriter(
        path, dataset_schema(), compression="zstd", write_page_index=True, **cut
    )


def _close(partition: _Partition) -> None:
    if partition.writer is not None:
        partition.writer.close()
        partition.writer = None


def _publish(partition: _Partition, folder: Path) -> Iterator[Shard]:
    """Give the files of `partition` their final names."""
    count = len(partition.files)
    for number, (beside, rows) in enumerate(zip(partition.files, partition.rows, strict=True)):
        flush(beside)
        path = partition.folder / f"train-{number:05d}-of-{count:05d}.parquet"
        beside.replace(path)
        yield Shard(
            path=path.relative_to(folder).as_posix(),
            rows=rows,
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            domain=partition.domain,
            judge_score=partition.judge_score,
            bucket=partition.bucket,
        )
    flush(partition.folder)


def _discard(partitions: Iterable[_Partition]) -> None:
    """Close and remove whatever still has a temporary name."""
    for partition in partitions:
        with suppress(OSError):
            _close(partition)
        for path in partition.files:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _digest(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=16).digest()


def _refuse_duplicates(digests: bytearray, partitions: Iterable[_Partition]) -> None:
    """Raise when two ids are equal; `digests` holds 16 bytes for each row of the input."""
    halves: npt.NDArray[np.uint64] = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable: equal ids stay in input order
    same = np.flatnonzero((halves[order[1:]] == halves[order[:-1]]).all(axis=1))
    if same.size:
        first, second = (int(order[same[0] + step]) for step in (0, 1))
        wanted = bytes(digests[16 * first : 16 * first + 16])
        files = [path for partition in partitions for path in partition.files]
        raise RunFolderError(
            f"finished rows: rows {first + 1} and {second + 1} both have the id "
            f"{_named(wanted, files)!r}. Run the dedup stage again, or remove one of them."
        )


def _named(digest: bytes, files: list[Path]) -> str:
    """The id with that digest, looked for in `files`."""
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(columns=["id"]):
            for name in batch.column(0).to_pylist():
                if _digest(name) == digest:
                    return str(name)
    return digest.hex()
