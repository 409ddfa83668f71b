"""Lines of a file or stream of any length, read without holding more than one of them."""

import asyncio
import gzip
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from opencodeinstruct.builder.errors import ProjectError

LONGEST = 64 << 20
"""Bytes of a line; a longer one is no program."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """Line `number`, from 1, which is not blank; `text` is None where it is too long to be kept."""

    number: int
    text: bytes | None


@dataclass(slots=True)
class Splitter:
    """Cuts chunks of bytes into lines; blank ones are counted and left out."""

    longest: int = LONGEST
    _number: int = 0
    _rest: bytearray = field(default_factory=bytearray)
    _overflown: bool = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that end in `chunk`."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield from self._end()
        self._add(rest)

    def end(self) -> Iterator[Line]:
        """The last line, where nothing ends it."""
        if self._rest or self._overflown:
            yield from self._end()

    def _add(self, piece: bytes) -> None:
        if self._overflown or len(self._rest) + len(piece) > self.longest:
            self._overflown = True
            self._rest.clear()
        else:
            self._rest += piece

    def _end(self) -> Iterator[Line]:
        self._number += 1
        text = None if self._overflown else bytes(self._rest)
        self._rest.clear()
        self._overflown = False
        if self._number == 1 and text is not None:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if text is None or text.strip():
            yield Line(self._number, text)


@dataclass(frozen=True, slots=True)
class Scan:
    """A whole file: the lines that are not blank, the SHA-256 of its bytes (unpacked)."""

    lines: int
    sha256: str


def scan(path: Path) -> Scan:
    """Read the file `path` once, to its end."""
    splitter, digest, count = Splitter(), sha256(), 0
    for chunk in _chunks(path):
        digest.update(chunk)
        count += sum(1 for _ in splitter.feed(chunk))
    return Scan(count + sum(1 for _ in splitter.end()), digest.hexdigest())


async def lines_of(path: Path | None) -> AsyncIterator[Line]:
    """The lines of the file `path`, gzipped or not, or of stdin, as they come."""
    splitter = Splitter()
    if path is not None and path.is_file():
        for chunk in _chunks(path):
            for line in splitter.feed(chunk):
                yield line
    else:
        async for chunk in _stream(path):
            for line in splitter.feed(chunk):
                yield line
    for line in splitter.end():
        yield line


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            opened: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if gzipped else raw
            while chunk := opened.read(_CHUNK):
                yield chunk
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(str(path), error) from error


async def _stream(path: Path | None) -> AsyncIterator[bytes]:
    """What comes through a pipe, without holding up what else goes on meanwhile."""
    try:
        number = 0 if path is None else os.open(path, os.O_RDONLY)
        try:
            while chunk := await _next(number):
                yield chunk
        finally:
            if path is not None:
                os.close(number)
    except OSError as error:
        raise _unreadable("stdin" if path is None else str(path), error) from error


async def _next(number: int) -> bytes:
    """What arrives next at the descriptor `number`; empty at its end."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(number, ready.set)
    except PermissionError:  # a file or /dev/null: there is nothing to wait for
        return os.read(number, _CHUNK)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(number)
    return os.read(number, _CHUNK)


def _unreadable(place: str, error: Exception) -> ProjectError:
    why = getattr(error, "strerror", None) or str(error)
    return ProjectError(f"{place}: cannot be read ({why}). Give a file of JSON lines.")
