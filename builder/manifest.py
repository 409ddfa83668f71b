"""What a finished dataset folder holds: every file with its rows, bytes and SHA-256.

`manifest.json` is written last, so its presence means that the folder is whole. It holds no date:
the same rows and settings give the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import write_json
from opencodeinstruct.builder.shards import Shard, sha256_of

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its path relative to the folder, with forward slashes; rows of Parquet only."""

    path: str
    rows: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a dataset folder, sorted by path, and the settings it was built with."""

    files: tuple[Entry, ...]
    settings: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Rows in all Parquet files together."""
        return sum(entry.rows or 0 for entry in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files together; the manifest itself is not among them."""
        return sum(entry.bytes for entry in self.files)


@dataclass(frozen=True, slots=True)
class Verification:
    """How a folder differs from its manifest; paths relative to it, sorted."""

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether the folder is exactly what its manifest says."""
        return not (self.missing or self.changed or self.extra)


def write_manifest(
    folder: Path, settings: Mapping[str, Any], shards: Iterable[Shard | Entry] = ()
) -> Manifest:
    """Write `folder`'s manifest, atomically, and return it; call it when nothing else changes.

    `settings` must be JSON. Files among `shards`, just written or compared, are not read again.
    """
    known = {shard.path: shard for shard in shards}
    files = []
    for path in _files(folder):
        shard = known.get(path)
        files.append(
            _entry(folder, path)
            if shard is None
            else Entry(path, shard.rows, shard.bytes, shard.sha256)
        )
    manifest = Manifest(tuple(files), dict(settings))
    write_json(
        folder / NAME,
        {
            "version": VERSION,
            "totals": {"files": len(files), "rows": manifest.rows, "bytes": manifest.bytes},
            "settings": manifest.settings,
            "files": [asdict(entry) for entry in files],
        },
    )
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`; `RunFolderError` when there is none or it cannot be read."""
    path = folder / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(Entry(**entry) for entry in content["files"])
        manifest = Manifest(files, dict(content["settings"]))
        sound = all(_is_sound(entry) for entry in files)
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{folder}: no {NAME}, so this is no finished dataset. Run the build again."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{path}: is no manifest ({error!r}). Run the build again.") from error
    if not sound or content.get("version") != VERSION:
        raise RunFolderError(
            f"{path}: is no manifest of version {VERSION} with paths inside the folder. "
            "Run the build again."
        )
    return manifest


def verify(folder: Path) -> Verification:
    """Compare every file of `folder` with its manifest; reads all bytes of the folder.

    `RunFolderError` when the manifest is missing or cannot be read.
    """
    listed = {entry.path: entry for entry in read_manifest(folder).files}
    there = set(_files(folder))
    return Verification(
        missing=tuple(sorted(set(listed) - there)),
        changed=tuple(
            path for path in sorted(there & set(listed)) if _differs(folder, listed[path])
        ),
        extra=tuple(sorted(there - set(listed))),
    )


def _files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in paths if path != folder / NAME)


def _entry(folder: Path, name: str) -> Entry:
    path = folder / name
    return Entry(name, _rows(path), path.stat().st_size, sha256_of(path))


def _rows(path: Path) -> int | None:
    if path.suffix != ".parquet":
        return None
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise RunFolderError(f"{path}: is no Parquet file. Run the build again.") from error


def _differs(folder: Path, entry: Entry) -> bool:
    path = folder / entry.path
    try:
        return path.stat().st_size != entry.bytes or sha256_of(path) != entry.sha256
    except OSError:  # a dangling link, or a file that may not be read: not what was written
        return True


def _is_sound(entry: Entry) -> bool:
    path = PurePosixPath(entry.path)
    return not path.is_absolute() and ".." not in path.parts and type(entry.bytes) is int
