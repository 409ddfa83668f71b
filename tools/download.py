"""Download chosen rows of a dataset on the Hub: only the files that can hold them, file by file.

A file is fetched, checked, cut down to the chosen rows where it holds others, and given its name
when it is whole; a call that was killed goes on with the others. `download.json` is written last.
"""

import fcntl
import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import ProjectError, RunFolderError
from opencodeinstruct.builder.files import write_json, writing, written_error
from opencodeinstruct.builder.subsets import Choice, is_shard
from opencodeinstruct.tools.export import read_chosen
from opencodeinstruct.tools.exports import MESSAGES, messages_of
from opencodeinstruct.tools.hub.snapshot import RemoteFile, Snapshot, fetch_file, open_snapshot

NAME = "download.json"
_WORK = ".download"
_AT_ONCE = 4  # files


class Format(StrEnum):
    """What the files that are left look like."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files of a commit that can hold the chosen rows."""

    snapshot: Snapshot
    choice: Choice
    format: Format

    @property
    def bytes(self) -> int:
        """Bytes of these files, the most that is fetched."""
        return sum(file.bytes for file in self.snapshot.files)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What lies in `folder` now."""

    folder: Path
    files: int
    rows: int
    before: bool


def find_wanted(
    repo: str, revision: str | None, choice: Choice, format: Format, out: Path
) -> Wanted:
    """What to fetch; a download that was begun in `out` goes on with the commit it began with."""
    begun = _read(out / _WORK / "plan.json") or _read(out / NAME)
    if revision is None and begun is not None and begun.get("repo") == repo:
        revision = begun["commit"]
    snapshot = open_snapshot(repo, revision)
    shards = [file for file in snapshot.files if is_shard(file.path)]
    if not shards:
        raise ProjectError(
            f"{repo}: holds no shards below data/domain=…/judge=…/pass=…. For the published "
            f"dataset: `opencodeinstruct import {repo} --out FOLDER`."
        )
    files = tuple(file for file in shards if choice.reaches(file.path))
    return Wanted(Snapshot(repo, snapshot.commit, files), choice, format)


def download(
    wanted: Wanted, out: Path, progress: Callable[[int], None] | None = None
) -> Downloaded:
    """The chosen rows lie below `out`, in files named as those of the dataset, each row once.

    `progress` is told the bytes of the files that are done, first of those that were done before.
    Raises `RunFolderError` where `out` holds something else, or another choice.
    """
    plan = _plan(wanted)
    finished = _read(out / NAME)
    if finished is not None:
        if finished.get("plan") != plan:
            raise RunFolderError(f"{out}: holds another download. Give another folder.")
        return Downloaded(out, len(finished["files"]), finished["rows"], before=True)
    work = out / _WORK
    if out.exists() and not work.exists() and next(out.iterdir(), None) is not None:
        raise RunFolderError(f"{out}: holds something else. Give another folder.")
    try:
        work.mkdir(parents=True, exist_ok=True)
        with (work / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = _read(work / "plan.json")
            if known is not None and known != plan:
                raise RunFolderError(
                    f"{out}: another download was begun here. Repeat that, or remove {work}."
                )
            write_json(work / "plan.json", plan)
            return _finish(_fetch_all(wanted, out, progress), plan, out)
    except OSError as error:
        raise written_error(out, error) from error


def _plan(wanted: Wanted) -> dict[str, Any]:
    plan = {
        "repo": wanted.snapshot.repo,
        "commit": wanted.snapshot.commit,
        "choice": asdict(wanted.choice),
        "format": wanted.format.value,
        "files": len(wanted.snapshot.files),
    }
    read: dict[str, Any] = json.loads(json.dumps(plan))
    return read


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: cannot be read. Remove it and run again.") from error
    return content if isinstance(content, dict) else {}


def _fetch_all(wanted: Wanted, out: Path, progress: Callable[[int], None] | None) -> dict[str, int]:
    """Rows by file that was written; files of which no row is chosen leave none."""
    lock, done = threading.Lock(), 0

    def fetch(file: RemoteFile) -> tuple[str, int]:
        nonlocal done
        result = _fetch(wanted, file, out)
        with lock:
            done += file.bytes
            if progress is not None:
                progress(done)
        return result

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(fetch, file) for file in wanted.snapshot.files]
        try:
            return dict(future.result() for future in futures)
        finally:
            for future in futures:
                future.cancel()


def _fetch(wanted: Wanted, file: RemoteFile, out: Path) -> tuple[str, int]:
    """The file made of `file`, relative to `out`, and its rows; made by an earlier call or now."""
    suffix = ".parquet" if wanted.format is Format.PARQUET else ".jsonl"
    name = file.path.removesuffix(".parquet") + suffix
    marker = out / _WORK / "done" / f"{name}.json"
    known = _read(marker)
    if known is not None and (known["rows"] == 0 or (out / name).exists()):
        if known["rows"] == 0:
            (out / name).unlink(missing_ok=True)
        return name, known["rows"]
    path = fetch_file(wanted.snapshot, file, out / _WORK / "fetched")
    with writing(out / name) as beside:
        rows = _convert(path, beside, wanted, cut=wanted.choice.cuts(file.path))
        write_json(marker, {"rows": rows})
    if rows == 0:
        (out / name).unlink()
    path.unlink()
    return name, rows


def _convert(path: Path, beside: Path, wanted: Wanted, *, cut: bool) -> int:
    """Write the chosen rows of the shard `path` to `beside`; their number."""
    if wanted.format is Format.PARQUET and not cut:
        shutil.copyfile(path, beside)
        return int(pq.read_metadata(path).num_rows)
    rows = 0
    columns = MESSAGES if wanted.format is Format.MESSAGES else None
    tables = read_chosen([path], columns, wanted.choice)
    if wanted.format is Format.PARQUET:
        with pq.ParquetWriter(beside, pq.read_schema(path), compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
                rows += table.num_rows
        return rows
    with beside.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for table in tables:
            for row in table.to_pylist():
                record = messages_of(row) if wanted.format is Format.MESSAGES else row
                if record is not None:
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
                    rows += 1
    return rows


def _finish(rows: dict[str, int], plan: dict[str, Any], out: Path) -> Downloaded:
    files = {name: number for name, number in sorted(rows.items()) if number}
    total = sum(files.values())
    write_json(out / NAME, {**plan, "plan": plan, "rows": total, "files": files})
    shutil.rmtree(out / _WORK, ignore_errors=True)
    return Downloaded(out, len(files), total, before=False)
