"""Files that appear whole or not at all.

Everything a run leaves behind is written beside its place and renamed there once it is on the
disk, so a kill or a full disk never leaves half a file under a name that somebody reads.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opencodeinstruct.builder.errors import Missing, ProjectError, RunFolderError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`; when the body ends well, `path` is what was written there.

    Missing folders are made. When the body raises, whatever it wrote is removed and a former
    `path` stays as it was. An `OSError` becomes `Missing` (no space) or `RunFolderError`.
    """
    beside = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        yield beside
        flush(beside)
        beside.replace(path)
        flush(path.parent)
    except OSError as error:
        raise written_error(path, error) from error
    finally:
        _remove(beside)


def write_bytes(path: Path, content: bytes) -> None:
    """`path` holds exactly `content` afterwards; otherwise as `writing`."""
    with writing(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """`path` holds `text` in UTF-8, newlines as given; lone surrogates as escapes."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: object) -> None:
    """`path` holds `value` as JSON, indented by two, keys in their own order, newline at the end.

    NaN and infinities, which JSON lacks, are a `ValueError`.
    """
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def flush(path: Path) -> None:
    """What was written to the file or folder `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def written_error(path: Path, error: OSError) -> ProjectError:
    """`error`, met while writing `path`, as an error for people."""
    if error.errno in _FULL:
        return Missing(f"{path}: no space left on the disk. Free some space and run again.")
    at = _place(path, error)
    why = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
    return RunFolderError(
        f"{at}: cannot be written ({why}). Give a folder that you may write to and run again."
    )


def _place(path: Path, error: OSError) -> str:
    """The path that `error` is about, without the detour over the file beside."""
    named = error.filename
    if isinstance(named, str) and Path(named) != path.with_name(f".{path.name}.writing"):
        return named
    return str(path)


def _remove(path: Path) -> None:
    """Remove `path` if it is there; a failure must not hide the error that led here."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
