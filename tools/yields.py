"""How many rows each pair of thresholds leaves: judge score and pass rate, for choosing them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.release import Findings, read_release
from opencodeinstruct.builder.subsets import UNKNOWN, is_shard
from opencodeinstruct.tools.hub.snapshot import open_file, open_snapshot

RATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
JUDGES = (1, 2, 3, 4, 5)
_COLUMNS = ["domain", "judge_score", "pass_rate"]
_RELEASE = ["domain", "llm_judgement", "unit_tests", "tests_execution_status"]
_AT_ONCE = 8  # files of a repository that are read


@dataclass(frozen=True, slots=True)
class Yields:
    """Rows by (domain, judge score, pass rate), null where a row does not say."""

    source: str
    commit: str | None
    cells: Counter[tuple[str, int | None, float | None]]

    @property
    def rows(self) -> int:
        """All rows."""
        return self.cells.total()

    def at_least(self, judge: int | None, rate: float | None) -> int:
        """Rows with that judge score or more and that pass rate or more; None: any, or none."""
        return sum(
            rows
            for (_, score, share), rows in self.cells.items()
            if (judge is None or (score is not None and score >= judge))
            and (rate is None or (share is not None and share >= rate))
        )

    def domains(self) -> Counter[str]:
        """Rows by domain."""
        counts: Counter[str] = Counter()
        for (domain, _, _), rows in self.cells.items():
            counts[domain] += rows
        return counts

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "source": self.source,
            "commit": self.commit,
            "rows": self.rows,
            "domains": dict(sorted(self.domains().items())),
            "without_judge_score": self.rows - self.at_least(1, None),
            "without_pass_rate": self.rows - self.at_least(None, 0.0),
            "yield": [
                {
                    "min_judge_score": judge,
                    "min_pass_rate": rate,
                    "rows": self.at_least(judge, rate),
                }
                for judge in JUDGES
                for rate in RATES
            ],
        }


def count_yields(source: str, revision: str | None = None) -> Yields:
    """Count the rows of a dataset folder, or of a dataset on the Hub, by what is filtered by.

    Only the columns needed are read. A release of the published layout is counted as well; of that
    the judgements, tests and results are read.
    """
    place = Path(source).expanduser()
    if place.is_dir():
        paths = [path.relative_to(place).as_posix() for path in sorted(place.rglob("*.parquet"))]
        names = _chosen(source, paths)
        return Yields(source, None, _counted(_folder_tables(place, names)))
    snapshot = open_snapshot(source, revision)
    names = _chosen(source, [file.path for file in snapshot.files])

    def count(name: str) -> Counter[tuple[str, int | None, float | None]]:
        with open_file(snapshot, name) as file:
            return _counted(_tables(file, name))

    total: Counter[tuple[str, int | None, float | None]] = Counter()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for cells in pool.map(count, names):
            total.update(cells)
    return Yields(source, snapshot.commit, total)


def _chosen(source: str, paths: list[str]) -> list[str]:
    """The shards of a dataset, or else all Parquet files."""
    files = [path for path in paths if path.endswith(".parquet")]
    shards = [path for path in files if is_shard(path)]
    if not files:
        raise ProjectError(f"{source}: holds no Parquet files. Name a dataset.")
    return shards or files


def _folder_tables(folder: Path, names: list[str]) -> Iterator[pa.Table]:
    for name in names:
        with (folder / name).open("rb") as file:
            yield from _tables(file, name)


def _tables(file: Any, name: str) -> Iterator[pa.Table]:
    """The three columns, a batch at a time; computed where the file is of the published layout."""
    try:
        shard = pq.ParquetFile(file)
        ours = set(_COLUMNS) <= set(shard.schema_arrow.names)
        for batch in batches(shard, 8192, _COLUMNS if ours else _RELEASE):
            table = pa.Table.from_batches([batch])
            yield table if ours else read_release(table, Findings()).select(_COLUMNS)
    except (pa.ArrowException, KeyError) as error:
        why = str(error).splitlines()[0]
        raise ProjectError(f"{name}: cannot be read as rows of a dataset ({why}).") from error


def _counted(tables: Iterable[pa.Table]) -> Counter[tuple[str, int | None, float | None]]:
    cells: Counter[tuple[str, int | None, float | None]] = Counter()
    for table in tables:
        counted = table.select(_COLUMNS).group_by(_COLUMNS).aggregate([([], "count_all")])
        for row in counted.to_pylist():
            cell = (row["domain"] or UNKNOWN, row["judge_score"], row["pass_rate"])
            cells[cell] += row["count_all"]
    return cells
