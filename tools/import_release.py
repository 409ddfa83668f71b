"""Import a release of the published layout: every row of it, laid out anew as a dataset folder.

The files are dealt out to units of a fixed size, so what comes out depends on the release alone,
not on how many processes worked or how often they were killed. A unit is read, typed and written by
one process, and complete when its report is there; the shards of all units are then moved to their
place. Everything is beside the folder, as `.NAME.importing`, until it is whole.
"""

import ctypes
import fcntl
import json
import multiprocessing
import os
import pickle
import shutil
import signal
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import ProjectError, RunFolderError
from opencodeinstruct.builder.files import flush, write_bytes, write_json, written_error
from opencodeinstruct.builder.id_numbers import id_numbers
from opencodeinstruct.builder.release import Findings, read_release
from opencodeinstruct.builder.shards import Shard, numbered, write_empty, write_shards
from opencodeinstruct.dataset_card import plots
from opencodeinstruct.dataset_card.facts import BuildFacts, Imported
from opencodeinstruct.dataset_card.stats import Size, Stats, count_rows, count_stats, no_stats
from opencodeinstruct.tools.hub.snapshot import RemoteFile, Snapshot, fetch_file, open_snapshot
from opencodeinstruct.tools.stages.build import BuildReport, BuildSettings, describe
from opencodeinstruct.tools.text.distinct import distinct

VERSION = 4
UNIT_BYTES = 640 << 20
"""The most that a unit has, about, in whole files: some 450,000 rows of the published release."""

BATCH_ROWS = 8192
_KEPT_MS = "1000"
"""How long pyarrow's allocator keeps freed memory: given back at once, each table is new pages."""
_PDEATHSIG = 1
_counter: Any = None  # rows read so far by all processes of a pool


@dataclass(frozen=True, slots=True)
class Source:
    """Where the release is: a folder here, or a commit on the Hub; its files in order."""

    name: str
    folder: str | None
    commit: str | None
    files: tuple[RemoteFile, ...]

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was imported: the dataset as built, rows, and what could not be read."""

    built: BuildReport
    rows: int
    findings: Findings


@dataclass(frozen=True, slots=True)
class _Unit:
    number: int
    source: Source
    files: tuple[RemoteFile, ...]
    staging: Path

    @property
    def folder(self) -> Path:
        return self.staging / f"unit-{self.number:05d}"

    @property
    def report(self) -> Path:
        return self.staging / f"unit-{self.number:05d}.report"


@dataclass(frozen=True, slots=True)
class _Done:
    """A unit's report: its shards, below its folder, its counts, and what could not be read."""

    shards: tuple[Shard, ...]
    stats: Stats
    findings: Findings
    ids: "array[int]"


def find_release(source: str, revision: str | None = None) -> Source:
    """The Parquet files of `source`: a folder or file here, or a repository on the Hub."""
    place = Path(source).expanduser()
    if place.exists():
        found = [place] if place.is_file() else sorted(place.rglob("*.parquet"))
        folder = place.parent if place.is_file() else place
        listed = [
            RemoteFile(path.relative_to(folder).as_posix(), path.stat().st_size, None)
            for path in found
            if not any(part[:1] == "." for part in path.relative_to(folder).parts)
        ]
        return _checked(Source(source, str(folder.resolve()), None, tuple(listed)))
    snapshot = open_snapshot(source, revision)
    files_there = [file for file in snapshot.files if file.path.endswith(".parquet")]
    return _checked(Source(source, None, snapshot.commit, tuple(files_there)))


def _checked(source: Source) -> Source:
    if not source.files:
        raise ProjectError(f"{source.name}: holds no Parquet files. Name a folder or a dataset.")
    return source


def rows_of(source: Source) -> int | None:
    """How many rows `source` has, where that is told without fetching anything."""
    if source.folder is None:
        return None
    with suppress(OSError, pa.ArrowException):  # the import says which file it is
        paths = [Path(source.folder) / file.path for file in source.files]
        return sum(int(pq.read_metadata(path).num_rows) for path in paths)
    return None


def import_release(
    source: Source,
    out: Path,
    *,
    workers: int,
    settings: BuildSettings,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Make the dataset folder `out` of all rows of `source`; the same release, the same bytes.

    Killed at any moment, the same call goes on: units that were complete are not read again.
    Raises `RunFolderError` where `out` is there, or another import is under way beside it.
    """
    out = out.resolve()
    staging = out.with_name(f".{out.name}.importing")
    whole = staging / "whole"
    there = out.exists() and (not out.is_dir() or next(out.iterdir(), None) is not None)
    if there and not whole.exists():
        raise RunFolderError(f"{out}: is there already. Give another folder, or move it away.")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with (staging / "lock").open("w") as lock:
            _lock(lock, staging)
            _claim(staging, source)
            if there:  # killed after the folder had its name
                report: ImportReport = pickle.loads(whole.read_bytes())
            else:
                units = _units(source, staging)
                _convert(units, workers, progress)
                report = _assembled(units, source, staging, out, settings)
                write_bytes(whole, pickle.dumps(report))
                _named(staging / "dataset", out)
            _clear(staging, whole)
            return report
    except OSError as error:
        raise written_error(out, error) from error


def _lock(lock: Any, staging: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunFolderError(f"{staging}: another import works there. Wait for it.") from error


def _claim(staging: Path, source: Source) -> None:
    """`staging` is for this source at this commit and no other."""
    plan = {"version": VERSION, "source": json.loads(json.dumps(asdict(source)))}
    path = staging / "plan.json"
    if not path.exists():
        write_json(path, plan)
    elif json.loads(path.read_text(encoding="utf-8")) != plan:
        raise RunFolderError(
            f"{staging}: holds the beginning of an import of something else, or of another commit. "
            "Remove it, or import what it was begun with (`--revision`)."
        )


def _units(source: Source, staging: Path) -> list[_Unit]:
    """The files of `source`, in order, as units of about equal size: two even of a small one."""
    whole = sum(file.bytes for file in source.files)
    count = min(len(source.files), max(2, -(-whole // UNIT_BYTES)))
    groups: list[list[RemoteFile]] = [[] for _ in range(count)]
    done = 0
    for file in source.files:  # to the unit in whose share of all bytes its middle lies
        groups[(2 * done + file.bytes) * count // (2 * whole + 1)].append(file)
        done += file.bytes
    groups = [group for group in groups if group]
    return [_Unit(number, source, tuple(group), staging) for number, group in enumerate(groups)]


def _convert(units: Sequence[_Unit], workers: int, progress: Callable[[int], None] | None) -> None:
    """Every unit has its report; `progress` is told the rows read by this call so far."""
    todo = [unit for unit in units if not unit.report.exists()]
    if not todo:
        return
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", _KEPT_MS)
    with ProcessPoolExecutor(
        min(workers, len(todo)), context, initializer=_prepare, initargs=(counter, os.getpid())
    ) as pool:
        left: set[Future[None]] = {pool.submit(_convert_unit, unit) for unit in todo}
        plots.prepare()
        try:
            while left:
                done, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
                if progress is not None:
                    progress(counter.value)
                for future in done:
                    future.result()
        finally:
            for future in left:
                future.cancel()


def _prepare(counter: Any, parent: int) -> None:
    """This process counts in `counter`, and is gone as soon as its parent is."""
    global _counter
    _counter = counter
    ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _convert_unit(unit: _Unit) -> None:
    """Write the rows of `unit` below its folder, and last its report."""
    shutil.rmtree(unit.folder, ignore_errors=True)
    stats, findings, ids = no_stats(), Findings(), array("Q")

    def tables() -> Iterator[pa.Table]:
        for table in _tables(unit, findings):
            count_rows(table, stats)
            ids.frombytes(id_numbers(table["id"]).tobytes())
            yield table
            _count(table.num_rows)

    shards = write_shards(tables(), unit.folder, gaps=True, threads=1)
    for shard in shards:
        place = (shard.domain, shard.judge_score, shard.bucket)
        size = Size(shard.rows, 1, shard.bytes, shard.arrow_bytes)
        stats.partitions[place] = stats.partitions.get(place, Size()) + size
    write_bytes(unit.report, pickle.dumps(_Done(tuple(shards), stats, findings, ids)))


def _tables(unit: _Unit, findings: Findings) -> Iterator[pa.Table]:
    """The rows of the files of `unit`; each file is fetched when it is needed, then removed."""
    for file in unit.files:
        path = _local(unit, file)
        try:
            with pq.ParquetFile(path) as opened:
                for batch in batches(opened, BATCH_ROWS):
                    yield read_release(pa.Table.from_batches([batch]), findings)
        except pa.ArrowException as error:
            why = str(error).splitlines()[0]
            raise ProjectError(
                f"{path}: cannot be read as Parquet ({why}). Fetch it again, or leave it out."
            ) from error
        if unit.source.folder is None:
            path.unlink()


def _local(unit: _Unit, file: RemoteFile) -> Path:
    source = unit.source
    if source.folder is not None:
        return Path(source.folder) / file.path
    snapshot = Snapshot(source.name, source.commit or "", source.files)
    return fetch_file(snapshot, file, unit.staging / "fetched")


def _count(rows: int) -> None:
    if _counter is not None:
        with _counter.get_lock():
            _counter.value += rows


def _assembled(
    units: Sequence[_Unit], source: Source, staging: Path, out: Path, settings: BuildSettings
) -> ImportReport:
    """Move the shards of all units to their place below `staging`, and describe them."""
    stats, findings, ids = no_stats(), Findings(), array("Q")
    found: list[tuple[Path, Shard]] = []
    for unit in units:
        done: _Done = pickle.loads(unit.report.read_bytes())
        count_stats(done.stats, stats)
        findings.add(done.findings)
        ids.extend(done.ids)
        found += [(unit.folder / shard.path, shard) for shard in done.shards]
    twice = len(ids) - len(distinct(np.frombuffer(ids, np.uint64)))
    if twice:
        findings.rows["same_id"] = twice
    building = staging / "dataset"
    shards = []
    for (path, shard), name in zip(
        found, numbered([shard.path for _, shard in found]), strict=True
    ):
        _move(path, building / name)
        shards.append(replace(shard, path=name))
    shards.sort(key=lambda shard: shard.path)
    name = source.name if source.folder is None else Path(source.folder).name
    facts = BuildFacts(
        name,
        source_datasets=(name,) if source.folder is None else ("nvidia/OpenCodeInstruct",),
        imported=Imported(name, source.commit, stats.rows, dict(findings.rows)),
    )
    write_empty(building)
    counts = describe(building, shards, stats, facts, settings)
    return ImportReport(BuildReport(out, stats.rows, counts, tuple(shards)), stats.rows, findings)


def _named(building: Path, out: Path) -> None:
    """The folder that is complete gets its name."""
    if out.exists():
        out.rmdir()
    building.rename(out)
    flush(out.parent)


def _clear(staging: Path, whole: Path) -> None:
    """Remove `staging`, and last what says that the import is whole."""
    for path in staging.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in (whole.name, "plan.json"):
            path.unlink(missing_ok=True)
    shutil.rmtree(staging, ignore_errors=True)


def _move(path: Path, target: Path) -> None:
    """`path` is at `target`, where a call that was killed may have moved it already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() or not target.exists():
        path.replace(target)
