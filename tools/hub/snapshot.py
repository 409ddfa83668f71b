"""The files of a dataset on the Hub at one commit, fetched so that a kill loses little.

A file counts as fetched when its size and SHA-256 are those that the Hub lists; what came broken is
thrown away and fetched again. What was begun is continued, by this process or the next.
"""

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from opencodeinstruct.builder.errors import Missing, ProjectError, ServiceError
from opencodeinstruct.builder.files import written_error
from opencodeinstruct.builder.shards import sha256_of

T = TypeVar("T")

_TRIES = 6
_FIRST_WAIT = 0.5  # seconds, doubled after each failure


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository; `sha256` is None where the Hub does not keep it as a large file."""

    path: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of the dataset repository `repo` at `commit`, sorted by path."""

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]


def open_snapshot(repo: str, revision: str | None) -> Snapshot:
    """What `repo` holds at `revision` now.

    A repository or revision that is not there is a `ProjectError`; a Hub that does not answer is a
    `ServiceError`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    def ask() -> Snapshot:
        api = HfApi()
        commit = str(api.dataset_info(repo, revision=revision).sha)
        tree = api.list_repo_tree(repo, recursive=True, revision=commit, repo_type="dataset")
        files = [_remote(entry) for entry in tree if hasattr(entry, "size")]
        return Snapshot(repo, commit, tuple(sorted(files, key=lambda file: file.path)))

    try:
        return _patiently(repo, ask)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ProjectError(f"{repo}: no such dataset, or no access to it. Log in?") from error
    except RevisionNotFoundError as error:
        raise ProjectError(f"{repo}: has no revision {revision!r}.") from error


def fetch_file(snapshot: Snapshot, file: RemoteFile, folder: Path) -> Path:
    """`file` of `snapshot`, whole, below `folder`; what of it is there already is not sent again.

    A full disk is `Missing`, a Hub that does not give the file a `ServiceError`.
    """
    from huggingface_hub import hf_hub_download

    path = folder / file.path

    def fetch() -> Path:
        if not is_whole(path, file):
            path.unlink(missing_ok=True)
            hf_hub_download(
                snapshot.repo,
                file.path,
                repo_type="dataset",
                revision=snapshot.commit,
                local_dir=folder,
            )
        if not is_whole(path, file):
            path.unlink(missing_ok=True)
            raise ServiceError(f"{snapshot.repo}: {file.path} came broken. Run again.")
        return path

    return _patiently(f"{snapshot.repo}: {file.path}", fetch)


def open_file(snapshot: Snapshot, path: str) -> Any:
    """The file `path` of `snapshot`, of which only what is read is fetched."""
    from huggingface_hub import HfFileSystem

    return HfFileSystem().open(
        f"datasets/{snapshot.repo}@{snapshot.commit}/{path}", block_size=1 << 16
    )


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether `path` holds exactly `file`."""
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return file.sha256 is None or sha256_of(path) == file.sha256


def _remote(entry: Any) -> RemoteFile:
    return RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None)


def _patiently(what: str, ask: Callable[[], T]) -> T:
    """What `ask` gives, tried again a few times where the Hub or the connection failed.

    What the Hub says for good (no such thing, no access) and a full disk are not tried again.
    """
    wait = _FIRST_WAIT
    for left in range(_TRIES - 1, -1, -1):
        try:
            return ask()
        except Exception as error:
            lasting = _lasting(error, what)
            if lasting is error:
                raise
            if lasting is not None:
                raise lasting from error
            if left == 0:
                said = (str(error) or type(error).__name__).strip().split("\n")[0]
                raise ServiceError(
                    f"{what}: the Hub did not answer ({said}). Run the same command again."
                ) from error
        time.sleep(wait)
        wait *= 2
    raise AssertionError


def _lasting(error: Exception, what: str) -> Exception | None:
    """What to raise for `error` at once, or None where another try may help."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if isinstance(error, HFValidationError | Missing):
        return error
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code if error.response is not None else 0
        return error if 400 <= status < 500 and status not in (408, 416, 429) else None
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
        return written_error(Path(error.filename or what), error)
    return None
