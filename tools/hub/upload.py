"""Large files to the Hub's store, before any commit names them: nobody sees them there.

By Xet, where its client is installed and not turned off, chunks that the Hub has are not sent;
otherwise, by the older protocol, whole files that it has are not. Files go in batches, and a batch
that is through is not sent again by a later try.
"""

import importlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, cast

from huggingface_hub import CommitOperationAdd, constants
from huggingface_hub.utils.tqdm import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from opencodeinstruct.tools.hub.plan import File
from opencodeinstruct.tools.hub.remote import Remote

Addition = CommitOperationAdd
"""What a commit needs to name one file."""

BATCH_FILES, BATCH_BYTES = 50, 1 << 30
"""A batch has at most so many files, and ends when it reaches so many bytes."""


@dataclass(slots=True)
class Meter:
    """How far an upload is, in bytes: `done` of `total`, of which so many were `sent`.

    What is sent twice counts twice; what Xet sends counts as compressed. `told` is False once
    something was sent of which Xet's client has told nothing; then `sent` is too little.
    """

    total: int
    watch: Callable[["Meter"], None]
    done: int = 0
    sent: int = 0
    told: bool = True

    def add(self, *, done: int = 0, sent: int = 0) -> None:
        """Count, and tell whoever looks on."""
        self.done, self.sent = self.done + done, self.sent + sent
        self.watch(self)


def xet_is_used() -> bool:
    """Whether `huggingface_hub` sends large files by Xet here."""
    return find_spec("hf_xet") is not None and not getattr(constants, "HF_HUB_DISABLE_XET", False)


def upload(
    remote: Remote, files: Sequence[File], meter: Meter, *, xet: bool
) -> list[CommitOperationAdd]:
    """What a commit needs to name `files`, whose content the Hub's store holds afterwards.

    Small files go with the commit itself.
    """
    additions = []
    for batch in batches(files):
        start = meter.done
        made = [_addition(file, meter, xet=xet) for file in batch]
        with _xet_meter(meter) if xet else _quiet():
            _preupload(remote, made)
        small = sum(file.size for file in batch if file.path is None)
        meter.add(sent=small, done=start + sum(file.size for file in batch) - meter.done)
        additions += made
    return additions


def _preupload(remote: Remote, additions: list[CommitOperationAdd]) -> None:
    remote.asked(
        lambda: remote.api.preupload_lfs_files(
            remote.repo_id, additions, repo_type="dataset", free_memory=False
        )
    )


def batches(files: Sequence[File]) -> Iterator[list[File]]:
    """`files` in order, in batches."""
    batch: list[File] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size
        if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _addition(file: File, meter: Meter, *, xet: bool) -> CommitOperationAdd:
    if file.path is None:
        return CommitOperationAdd(file.name, file.content or b"")
    if xet:
        return CommitOperationAdd(file.name, str(file.path))
    content = _Counted(file.path)
    made = CommitOperationAdd(file.name, cast(BinaryIO, content))  # reads it all, for its hash
    content.meter = meter
    return made


class _Counted(io.BufferedIOBase):
    """The content of a file, open only while it is read; counts what is read once it has a meter.

    `huggingface_hub` sends what comes as a stream by the older protocol, never by Xet.
    """

    def __init__(self, path: Path) -> None:
        self.meter: Meter | None = None
        self._path, self._size, self._place = path, path.stat().st_size, 0
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The next read begins there."""
        self._place = offset + (0, self._place, self._size)[whence]
        if self._file is not None:
            self._file.seek(self._place)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, none at the end."""
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._place)
        piece = self._file.read(-1 if size is None else size)
        self._place += len(piece)
        if self._place >= self._size:
            self._file.close()
            self._file = None
        if self.meter is not None:
            self.meter.add(done=len(piece), sent=len(piece))
        return piece


@contextmanager
def _quiet() -> Iterator[None]:
    """The client draws no bars and does not say that a stream goes without Xet: we know both."""
    log = logging.getLogger("huggingface_hub")
    level, bars = log.level, not are_progress_bars_disabled()
    log.setLevel(logging.ERROR)
    if bars:
        disable_progress_bars()
    try:
        yield
    finally:
        log.setLevel(level)
        if bars:
            enable_progress_bars()


@contextmanager
def _xet_meter(meter: Meter) -> Iterator[None]:
    """Have Xet's client tell `meter` what it sends, instead of drawing bars of its own.

    `huggingface_hub` has no public way to that number; where it has changed, or its bars are turned
    off, `meter` is not told.
    """
    told = False

    class Reporter:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.done = self.sent = 0

        def update_progress(self, total: Any, *_: Any) -> None:
            nonlocal told
            told = True
            done, sent = total.total_bytes_completed, total.total_transfer_bytes_completed
            meter.add(done=max(0, done - self.done), sent=max(0, sent - self.sent))
            self.done, self.sent = max(done, self.done), max(sent, self.sent)

        def close(self, *_: Any) -> None:
            """Nothing was drawn."""

    names = ("XetUploadProgressReporter", "XetProgressReporter")
    try:
        place = importlib.import_module("huggingface_hub.utils._xet_progress_reporting")
    except ImportError:
        place = None
    name = next((name for name in names if hasattr(place, name)), names[0])
    former = getattr(place, name, None)
    if former is not None:
        setattr(place, name, Reporter)
    try:
        yield
        meter.told = meter.told and told
    finally:
        if former is not None:
            setattr(place, name, former)
