"""Exact counts of a dataset, from its shards: one pass, one row group in memory at a time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.subsets import SUBSETS, UNKNOWN, Subset, bucket_of, place_of

COUNTED = (
    "generation_algorithm",
    "operation",
    "generation",
    "license",
    "test_trust",
    "flaky",
    "generator_model",
    "solver_model",
    "tester_model",
    "judge_model",
)
"""Columns whose values are counted, each value by itself."""

MEASURED = ("input", "output", "solution")
"""Columns whose lengths are counted, in characters."""

_CELL = ["domain", "judge_score", "tests_passed", "tests_total"]


Place = tuple[str, int | None, str]
Cell = tuple[str, int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much data: rows, files, bytes of Parquet, bytes of the same rows in Arrow memory."""

    rows: int = 0
    files: int = 0
    parquet_bytes: int = 0
    arrow_bytes: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(
            self.rows + other.rows,
            self.files + other.files,
            self.parquet_bytes + other.parquet_bytes,
            self.arrow_bytes + other.arrow_bytes,
        )


@dataclass(frozen=True, slots=True)
class Lengths:
    """Rows by length; nulls are not counted."""

    rows: Counter[int] = field(default_factory=Counter)

    def quantile(self, share: float) -> int:
        """The least length that at least `share` of the rows do not exceed; 0 without rows."""
        needed = share * self.rows.total()
        seen = 0
        for length in sorted(self.rows):
            seen += self.rows[length]
            if seen >= needed:
                return length
        return 0

    @property
    def mean(self) -> float:
        """Mean length; 0 without rows."""
        total = sum(length * rows for length, rows in self.rows.items())
        return total / max(1, self.rows.total())


@dataclass(slots=True)
class Closest:
    """Rows that share words with a benchmark, and the highest score among them."""

    rows: int = 0
    highest: float = 0.0


@dataclass(frozen=True, slots=True)
class Stats:
    """The counts of one dataset.

    `cells`: rows by (domain, judge score, tests passed, tests), null where a row does not say (its
    domain is then `unknown`). `values`: rows by value, for each
    column of `COUNTED`. `closest` by benchmark. `partitions`: sizes by (domain, judge, bucket).
    `faults`: tests by their fault, null where they have none.
    """

    partitions: dict[Place, Size]
    cells: Counter[Cell]
    values: Mapping[str, Counter[object]]
    lengths: Mapping[str, Lengths]
    closest: dict[str, Closest]
    faults: Counter[str | None]

    @property
    def rows(self) -> int:
        """Rows of the dataset."""
        return self.cells.total()

    def subset(self, subset: Subset) -> Size:
        """The size of `subset`; without rows it is the one empty file."""
        parts = [size for place, size in self.partitions.items() if subset.covers(*place)]
        return sum(parts, Size())

    def in_domain(self, subset: Subset, domain: str) -> int:
        """Rows of `subset` whose domain is `domain`."""
        return sum(
            size.rows
            for place, size in self.partitions.items()
            if place[0] == domain and subset.covers(*place)
        )

    @property
    def subsets(self) -> dict[str, int]:
        """Rows of every named subset."""
        return {subset.name: self.subset(subset).rows for subset in SUBSETS}

    def judge_by_bucket(self) -> Counter[tuple[int | None, str]]:
        """Rows by judge score and bucket."""
        table: Counter[tuple[int | None, str]] = Counter()
        for (_, judge, passed, total), rows in self.cells.items():
            table[judge, bucket_of(passed, total)] += rows
        return table

    def domains(self) -> Counter[str]:
        """Rows by domain."""
        table: Counter[str] = Counter()
        for (domain, *_), rows in self.cells.items():
            table[domain] += rows
        return table


def known(values: Iterable[object]) -> bool:
    """Whether any row says one of them: not all are null."""
    return any(value is not None for value in values)


def measure(folder: Path) -> Stats:
    """Count the rows of the dataset in `folder`; every row group is read once.

    Raises `RunFolderError` when a shard cannot be read, or holds a row of another folder.
    """
    stats = no_stats()
    for path in sorted(folder.glob("data/*/*/*/train-*.parquet")):
        place = _place(path.relative_to(folder).as_posix())
        size = _measure_file(path, place, stats)
        stats.partitions[place] = stats.partitions.get(place, Size()) + size
    return stats


def no_stats() -> Stats:
    """The counts of no rows, to count on from."""
    return Stats(
        {},
        Counter(),
        {name: Counter() for name in COUNTED},
        {name: Lengths() for name in (*MEASURED, "tests_total", "output_tokens")},
        {},
        Counter(),
    )


def count_rows(table: pa.Table, stats: Stats) -> None:
    """Count the rows of `table`, whatever files they will be in, in `stats`."""
    stats.cells.update(_count_cells(table))
    _count_values(table, stats)


def count_stats(other: Stats, stats: Stats) -> None:
    """Count what `other` has counted in `stats` as well."""
    for place, size in other.partitions.items():
        stats.partitions[place] = stats.partitions.get(place, Size()) + size
    stats.cells.update(other.cells)
    stats.faults.update(other.faults)
    for name, values in other.values.items():
        stats.values[name].update(values)
    for name, lengths in other.lengths.items():
        stats.lengths[name].rows.update(lengths.rows)
    for name, closest in other.closest.items():
        mine = stats.closest.setdefault(name, Closest())
        mine.rows += closest.rows
        mine.highest = max(mine.highest, closest.highest)


def _measure_file(path: Path, place: Place, stats: Stats) -> Size:
    size = Size(files=1, parquet_bytes=path.stat().st_size)
    try:
        for table in _row_groups(path):
            cells = _count_cells(table)
            if any((d, j, bucket_of(p, t)) != place for d, j, p, t in cells):
                raise RunFolderError(f"{path}: holds a row of another folder. Run the build again.")
            count_rows(table, stats)
            size += Size(rows=table.num_rows, arrow_bytes=table.nbytes)
    except (pa.ArrowException, KeyError) as error:
        why = str(error).splitlines()[0]
        raise RunFolderError(f"{path}: cannot be read ({why}). Run the build again.") from error
    return size


def _row_groups(path: Path) -> Iterable[pa.Table]:
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)


def _place(path: str) -> Place:
    try:
        return place_of(path)
    except ValueError as error:
        raise RunFolderError(f"{error}. Remove it.") from error


def _count_cells(table: pa.Table) -> Counter[Cell]:
    counted = table.select(_CELL).group_by(_CELL).aggregate([([], "count_all")])
    cells: Counter[Cell] = Counter()
    for row in counted.to_pylist():
        domain = row["domain"] or UNKNOWN
        cell = (domain, row["judge_score"], row["tests_passed"], row["tests_total"])
        cells[cell] += row["count_all"]
    return cells


def _count_values(table: pa.Table, stats: Stats) -> None:
    for name, values in stats.values.items():
        values.update(_value_counts(table[name]))
    for name, lengths in stats.lengths.items():
        column = table[name]
        units = pc.utf8_length(column) if column.type == pa.string() else column
        lengths.rows.update(_value_counts(units.drop_null()))
    stats.faults.update(_value_counts(table["test_faults"].combine_chunks().flatten()))
    entries = table["contamination"].combine_chunks().flatten()
    found = pa.table({"benchmark": entries.field("benchmark"), "score": entries.field("score")})
    for row in (
        found.group_by("benchmark").aggregate([("score", "max"), ([], "count_all")]).to_pylist()
    ):
        closest = stats.closest.setdefault(str(row["benchmark"]), Closest())
        closest.rows += row["count_all"]
        closest.highest = max(closest.highest, row["score_max"] or 0.0)


def _value_counts(column: pa.ChunkedArray) -> dict[Any, int]:
    counted = pc.value_counts(column)
    values, counts = counted.field("values"), counted.field("counts")
    numbers = pa.types.is_integer(values.type) and not values.null_count
    named = values.to_numpy().tolist() if numbers else values.to_pylist()
    return dict(zip(named, counts.to_numpy().tolist(), strict=True))
