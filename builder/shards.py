"""Finished rows as partitioned Parquet: plain pyarrow, one pass, the same bytes every time.

Shards carry no `huggingface` schema metadata, so that datasets 3, 4 and 5 all read them. Pages are
cut by content where pyarrow can, so that a new version of a dataset re-uploads what changed only.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import flush, writing, written_error
from opencodeinstruct.builder.finished import as_finished, refuse_misfits
from opencodeinstruct.builder.row_groups import (
    Compressors,
    Partition,
    Sizes,
    copied,
    parquet_writer,
    text_sizes,
)
from opencodeinstruct.builder.schema import dataset_schema
from opencodeinstruct.builder.subsets import (
    ANY_BUCKET,
    ANY_DOMAIN,
    DOMAINS,
    EMPTY_FILE,
    buckets_of,
    partition_folder,
)

PIECE_ROWS = 8192
PIECE_BYTES = 64 << 20
"""Rows are dealt out in pieces of that size: a piece costs as much as a few hundred rows."""

_SEALERS = 8  # files brought to the disk at once

_Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Shard:
    """One written file; `path` is relative to the dataset folder, with forward slashes."""

    path: str
    rows: int
    bytes: int
    sha256: str
    domain: str
    judge_score: int | None
    bucket: str
    arrow_bytes: int


def write_shards(
    tables: Iterable[pa.Table],
    folder: Path,
    *,
    rows_per_file: int = 100_000,
    progress: Callable[[int], None] | None = None,
    gaps: bool = False,
    threads: int = 2,
) -> list[Shard]:
    """Write the rows of `tables` below `folder/data`; returns the files, sorted by path.

    Inside a partition rows keep their order, and the bytes depend on rows and order only, not on
    how the rows come in tables. Columns beyond the dataset's are dropped. No file has its final
    name before all are written. `progress` is told the number of rows taken in so far. With `gaps`
    rows may lack what decides their folder, and ids may come twice: a release by others.
    Raises `RunFolderError` when a column is missing, a row cannot be placed, an id comes twice, or
    `folder` holds shards already; then, as after any error, no half-written file is left.
    """
    if rows_per_file < 1:
        raise RunFolderError(f"{folder}: rows_per_file is {rows_per_file}. Give 1 or more.")
    if next(folder.glob("data/**/*.parquet"), None) is not None:
        raise RunFolderError(f"{folder}: holds shards already. Give an empty folder.")
    work = _Work(folder, rows_per_file, gaps, Compressors(threads))
    try:
        for table in _pieces(tables):
            work.take(table)
            if progress is not None:
                progress(work.taken)
        work.finish()
        parts = list(work.partitions.values())
        with ThreadPoolExecutor(_SEALERS) as pool:  # they wait for the disk
            seals = pool.map(_sealed, [path for part in parts for path in part.files])
            shards = [shard for part in parts for shard in _publish(part, folder, seals)]
    except OSError as error:
        raise written_error(folder, error) from error
    finally:
        work.discard()
    return sorted(shards, key=lambda shard: shard.path)


def write_empty(folder: Path) -> Path:
    """`folder` holds `EMPTY_FILE`, a shard of the dataset's columns without rows; its path."""
    path = folder / EMPTY_FILE
    with writing(path) as beside:
        parquet_writer(beside).close()
    return path


def numbered(paths: Sequence[str]) -> list[str]:
    """For each of these shards its name when those of a folder are numbered in this order."""
    count, seen = Counter(path.rpartition("/")[0] for path in paths), Counter[str]()
    names = []
    for path in paths:
        folder = path.rpartition("/")[0]
        names.append(f"{folder}/{_file_name(seen[folder], count[folder])}")
        seen[folder] += 1
    return names


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of `path`, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(slots=True)
class _Work:
    """Rows on their way to their partitions; `digests` holds 16 bytes for the id of each."""

    folder: Path
    rows_per_file: int
    gaps: bool
    compressors: Compressors
    partitions: dict[_Key, Partition] = field(default_factory=dict)
    digests: bytearray = field(default_factory=bytearray)
    taken: int = 0

    def take(self, table: pa.Table) -> None:
        """Put every row of `table` in its partition."""
        refuse_misfits(table, self.taken, gaps=self.gaps)
        if not self.gaps:
            self.digests += b"".join(_digest(one) for one in table["id"].to_pylist())
        for key, batch, sizes in _split(table):
            if key not in self.partitions:
                self.partitions[key] = self._opened(key)
            self.partitions[key].add(batch, sizes, self.compressors)
        self.taken += table.num_rows

    def finish(self) -> None:
        """Every row taken is in its file; no id came twice."""
        for partition in self.partitions.values():
            partition.finish(self.compressors)
        for partition in self.partitions.values():
            partition.close(self.compressors)
        if not self.gaps:
            _refuse_duplicates(self.digests, self.partitions.values())

    def discard(self) -> None:
        """No file has a temporary name any more."""
        self.compressors.close()
        for partition in self.partitions.values():
            partition.discard()

    def _opened(self, key: _Key) -> Partition:
        domain, judge, bucket = ANY_DOMAIN[key[0]], key[1] or None, ANY_BUCKET[key[2]]
        place = self.folder / partition_folder(domain, judge, bucket)
        place.mkdir(parents=True, exist_ok=True)
        return Partition(domain, judge, bucket, place, self.rows_per_file)


def _pieces(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of `tables`, in order, as finished tables of at most `PIECE_ROWS` rows.

    Small tables are gathered first: a table costs more than a row.
    """
    gathered: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        gathered.append(as_finished(table))
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= PIECE_ROWS or size >= PIECE_BYTES:
            yield from _sliced(gathered)
            gathered, rows, size = [], 0, 0
    yield from _sliced(gathered)


def _sliced(gathered: list[pa.Table]) -> Iterator[pa.Table]:
    if len(gathered) == 1 and 0 < gathered[0].num_rows <= PIECE_ROWS:
        yield gathered[0].combine_chunks()
        return
    table = pa.concat_tables([dataset_schema().empty_table(), *gathered])
    for start in range(0, table.num_rows, PIECE_ROWS):
        # one chunk: a row taken out of several costs a copy of them all, for each partition
        yield table.slice(start, PIECE_ROWS).combine_chunks()


def _split(table: pa.Table) -> Iterator[tuple[_Key, pa.RecordBatch, Sizes]]:
    """The rows of `table` by partition, in order, as copies that do not hold on to `table`.

    Columns of nothing but nulls are left out.
    """
    found = pc.index_in(table["domain"], value_set=pa.array(DOMAINS))
    domain = pc.fill_null(found, len(DOMAINS)).to_numpy().astype(np.int64)
    judge = pc.fill_null(table["judge_score"], 0).to_numpy()
    bucket = buckets_of(table["tests_passed"], table["tests_total"])
    keys = (domain * 8 + judge) * 8 + bucket
    order = np.argsort(keys, kind="stable")
    keys, sizes, batch = keys[order], text_sizes(table)[order], _live(table).take(pa.array(order))
    ends = [*(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
    for start, end in pairwise([0, *ends]):
        key = int(keys[start])
        place = key // 64, key // 8 % 8, key % 8
        yield place, copied([batch.slice(start, end - start)]), sizes[start:end]


def _live(table: pa.Table) -> pa.RecordBatch:
    """The columns of `table`, of one chunk each, that hold a value."""
    names = [
        name
        for name, column in zip(table.schema.names, table.columns, strict=True)
        if column.null_count < table.num_rows
    ]
    return table.select(names).to_batches()[0]


def _sealed(path: Path) -> str:
    """The SHA-256 of `path`, which is on the disk."""
    flush(path)
    return sha256_of(path)


def _publish(partition: Partition, folder: Path, seals: Iterator[str]) -> Iterator[Shard]:
    """Give the files of `partition` their final names; the next of `seals` are theirs."""
    count = len(partition.files)
    written = zip(partition.files, partition.rows, partition.arrow_bytes, strict=True)
    for number, (beside, rows, arrow_bytes) in enumerate(written):
        sha256 = next(seals)
        path = partition.folder / _file_name(number, count)
        beside.replace(path)
        yield Shard(
            path=path.relative_to(folder).as_posix(),
            rows=rows,
            bytes=path.stat().st_size,
            sha256=sha256,
            domain=partition.domain,
            judge_score=partition.judge_score,
            bucket=partition.bucket,
            arrow_bytes=arrow_bytes,
        )
    flush(partition.folder)


def _file_name(number: int, count: int) -> str:
    return f"train-{number:05d}-of-{count:05d}.parquet"


def _digest(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=16).digest()


def _refuse_duplicates(digests: bytearray, partitions: Iterable[Partition]) -> None:
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
        for batch in batches(pq.ParquetFile(path), PIECE_ROWS, ["id"]):
            for name in batch.column(0).to_pylist():
                if _digest(name) == digest:
                    return str(name)
    return digest.hex()
