"""From a release to rows in a program: how fast it is imported, how much of it is downloaded.

    python -m benchmarks.hub --rows 1000000 --json figures.json

Rows are generated with the published distributions (`tests/release_rows.py`). Import and writing
run in processes of their own, whose memory is watched; downloads are real clients of a local Hub
that counts bytes. A million rows need about 8 GB of temporary files.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import machine_facts
from benchmarks.measure import descendants, memory_of
from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.release import Findings, read_release
from opencodeinstruct.builder.row_groups import parquet_writer
from opencodeinstruct.builder.shards import write_shards
from opencodeinstruct.tools.import_release import find_release, import_release
from opencodeinstruct.tools.stages.append import append
from opencodeinstruct.tools.stages.build import BuildSettings
from tests.hub import LocalHub
from tests.release_rows import write_release

FILES = 10
SUBSET = "judge_5_tests_all"
REPEATS = 5
TARGETS = {
    "subset_bytes_ratio": "at most 1.1",
    "first_row_ratio": "at most 3",
    "write_mb_per_s": "at least 150",
    "write_peak_mb": "at most 1000",
    "write_sorted_peak_mb": "at most 1000",
    "import_rows_per_s": "at least 25000",
    "republish_ratio": "at most 1.3",
}


def main() -> None:
    """Measure, and print what was found beside what is aimed at."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--release", type=Path, help="A release made before, to save that time.")
    options = parser.parse_args()
    facts = machine_facts()
    with tempfile.TemporaryDirectory(prefix="hub-benchmark-") as name:
        place = Path(name)
        release = options.release or _generated(place / "release", options.rows)
        figures = {**_import(release, place), **_write(release, place), **_download(place)}
        figures |= _republish(place, options.rows // 100)
    for key, value in figures.items():
        shown = f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
        sys.stdout.write(f"{key:24} {shown:>18}   {TARGETS.get(key, '')}\n")
    if options.json:
        text = json.dumps({"machine": facts, "targets": TARGETS, "figures": figures}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


def _generated(folder: Path, rows: int) -> Path:
    context = multiprocessing.get_context("spawn")
    share = rows // FILES
    with context.Pool(2) as pool:
        jobs = [(folder / f"part-{number:02d}", share, number) for number in range(FILES)]
        pool.starmap(_generate, jobs)
    return folder


def _generate(folder: Path, rows: int, number: int) -> None:
    write_release(folder, rows, 1, seed=number)


def _import(release: Path, place: Path) -> dict[str, Any]:
    source = find_release(str(release))
    with _Peak() as peak:
        start = time.perf_counter()
        settings = BuildSettings(license="cc-by-4.0", pretty_name="Benchmark")
        report = import_release(source, place / "dataset", workers=2, settings=settings)
        seconds = time.perf_counter() - start
    return {
        "rows": report.rows,
        "import_seconds": seconds,
        "import_rows_per_s": report.rows / seconds,
        "import_peak_mb": peak.bytes / 1e6,
        "files": len(report.built.files),
    }


def _write(release: Path, place: Path) -> dict[str, Any]:
    """The imported rows are written again, from Arrow, by a process of its own."""
    program = "import sys; from benchmarks.hub import write_again; write_again(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, (release, place / "dataset", place / "again"))],
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def write_again(release: str, dataset: str, out: str) -> None:
    """Write all rows below `out`, mixed as those of a release or run, then shard by shard.

    Reading them is not counted.
    """
    figures: dict[str, float] = {}
    shards = sorted(Path(dataset).glob("data/*/*/*/*.parquet"))
    for name, rows in (("write", _mixed(Path(release))), ("write_sorted", _sorted(shards))):
        clock = _Clock(rows)
        start = time.perf_counter()
        write_shards(clock.tables(), Path(out) / name, gaps=True)
        seconds = time.perf_counter() - start - clock.waited
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        figures |= {f"{name}_mb_per_s": clock.bytes / 1e6 / seconds, f"{name}_peak_mb": peak / 1e6}
    sys.stdout.write(json.dumps(figures))


def _sorted(shards: list[Path]) -> Iterator[pa.RecordBatch]:
    """All rows, shard by shard."""
    for path in shards:
        yield from batches(pq.ParquetFile(path), 8192)


def _mixed(release: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a release as `import` reads them, partition after partition by chance."""
    findings = Findings()
    for path in sorted(release.rglob("*.parquet")):
        for batch in batches(pq.ParquetFile(path), 8192):
            table = read_release(pa.Table.from_batches([batch]), findings)
            yield from table.to_batches()


class _Clock:
    """Tables of 8,192 rows out of batches, and how long was waited for these."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches, self.waited, self.bytes = batches, 0.0, 0

    def tables(self) -> Iterator[pa.Table]:
        """The rows, in order."""
        gathered: list[pa.RecordBatch] = []
        while True:
            start = time.perf_counter()
            batch = next(self._batches, None)
            self.waited += time.perf_counter() - start
            if batch is not None:
                gathered.append(batch)
                self.bytes += batch.nbytes
            if gathered and (batch is None or sum(map(len, gathered)) >= 8192):
                yield pa.Table.from_batches(gathered)
                gathered = []
            if batch is None:
                return


def _download(place: Path) -> dict[str, Any]:
    dataset = place / "dataset"
    subset = sorted(dataset.glob("data/*/judge=5/pass=all/*.parquet"))
    alone = place / "alone.parquet"
    with parquet_writer(alone) as writer:
        for path in subset:
            writer.write_table(pq.read_table(path, partitioning=None))
    paths = [path for path in dataset.rglob("*.*") if path.is_file()]
    files = {path.relative_to(dataset).as_posix(): path for path in paths}
    with LocalHub(place / "hub") as hub:
        hub.put("me/data", dict(files))
        hub.put("me/plain", {"data/train-00000-of-00001.parquet": alone})
        hub.log.clear()
        program = (
            "from datasets import load_dataset\n"
            f"print(load_dataset('me/data', {SUBSET!r}, split='train').num_rows)\n"
        )
        rows = int(hub.python(program, timeout=1800).ok())
        sent = hub.log.bytes_sent(r"parquet")
        first = {
            name: statistics.median(_first_row(hub, repo, config) for _ in range(REPEATS))
            for name, repo, config in (("subset", "me/data", SUBSET), ("plain", "me/plain", None))
        }
    return {
        "subset_rows": rows,
        "subset_bytes": sent,
        "subset_alone_bytes": alone.stat().st_size,
        "subset_bytes_ratio": sent / alone.stat().st_size,
        "first_row_seconds": first["subset"],
        "first_row_plain_seconds": first["plain"],
        "first_row_ratio": first["subset"] / first["plain"],
    }


def _republish(place: Path, rows: int) -> dict[str, Any]:
    """The bytes that a publication sends when 1% of new rows were appended, without Xet.

    `republish_ratio` is by the shards of the new rows as a dataset of their own, and
    `republish_ratio_one_file` by a single file of them.
    """
    write_release(place / "more", rows, 1, seed=FILES)
    settings = BuildSettings(license="cc-by-4.0", pretty_name="Benchmark")
    source = find_release(str(place / "more"))
    import_release(source, place / "more-dataset", workers=2, settings=settings)
    shards = sorted((place / "more-dataset/data").glob("domain=*/*/*/*.parquet"))
    new, alone = sum(path.stat().st_size for path in shards), place / "more.parquet"
    with parquet_writer(alone) as writer:
        writer.write_table(pa.concat_tables(pq.read_table(p, partitioning=None) for p in shards))
    start = time.perf_counter()
    append(place / "dataset", place / "more-dataset", place / "newer-dataset")
    seconds = time.perf_counter() - start
    command = "from opencodeinstruct.tools.cli import main; main()"
    flags = ("--no-xet", "--allow", "email", "--allow", "secret")
    sent = []
    with LocalHub(place / "published") as hub:
        for name in ("dataset", "newer-dataset"):
            hub.log.clear()
            hub.python(command, "publish", place / name, "me/data", *flags, timeout=3600).ok()
            sent.append(hub.log.bytes_received())
    return {
        "append_seconds": seconds,
        "republish_new_bytes": new,
        "republish_one_file_bytes": alone.stat().st_size,
        "republish_sent": sent[1],
        "republish_ratio": sent[1] / new,
        "republish_ratio_one_file": sent[1] / alone.stat().st_size,
    }


def _first_row(hub: LocalHub, repo: str, config: str | None) -> float:
    """Seconds to the first row streamed, in a new process, the import of datasets left out."""
    program = (
        "import os, time\n"
        "from datasets import load_dataset\n"
        "start = time.perf_counter()\n"
        f"next(iter(load_dataset({repo!r}, {config!r}, split='train', streaming=True)))\n"
        "print(time.perf_counter() - start, flush=True)\n"
        "os._exit(0)  # threads that read ahead are not waited for\n"
    )
    return float(hub.python(program).ok())


class _Peak:
    """The most memory that this process and its children held together, looked at often."""

    bytes = 0

    def __enter__(self) -> "_Peak":
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            pids = [os.getpid(), *(process.pid for process in descendants(os.getpid()))]
            self.bytes = max(self.bytes, memory_of(pids).best)


if __name__ == "__main__":
    main()
