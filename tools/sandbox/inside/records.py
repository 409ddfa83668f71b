"""What the two sides of the walls say to each other, byte by byte.

Outside, `server.py` of the package sends an `Order` for each program with four descriptors: of its
code, of its tests, of a file for verdicts and of one for what is printed. The fork server answers
with a `Report` once all is over. The process that runs the tests writes `Record`s to the file for
verdicts, under a nonce that lies with the tests. The standard library only.
"""

from __future__ import annotations

import marshal
import struct

VERDICTS = ("pass", "fail", "error", "timeout", "crash", "memory", "refused")
PASS, FAIL, ERROR, TIMEOUT, CRASH, MEMORY, REFUSED = range(len(VERDICTS))
UNSAID = len(VERDICTS)  # the test cannot be asked across two processes

LOADED, VERDICT = range(2)
PLACES = (None, "solution", "test")
TRUST = ("split", "object_eq", "shared")
SPLIT, OBJECT_EQ, SHARED = range(len(TRUST))
NONCE_BYTES = 16
HEADER = struct.Struct(
    "!16sBBBBIIH"
)  # nonce, kind, verdict, place, trust, test, line, bytes of text
TEXT_BYTES = 1000


class Record:
    """One record of the file for verdicts. `line` and `place` are 0 where there is none."""

    __slots__ = ("index", "kind", "line", "place", "text", "trust", "verdict")

    def __init__(
        self,
        kind: int,
        verdict: int = PASS,
        *,
        index: int = 0,
        line: int = 0,
        place: int = 0,
        trust: int = SHARED,
        text: bytes = b"",
    ) -> None:
        self.kind, self.verdict, self.index, self.text = kind, verdict, index, text
        self.line, self.place, self.trust = line, place, trust

    def packed(self, nonce: bytes) -> bytes:
        """The record as bytes."""
        head = (nonce, self.kind, self.verdict, self.place, self.trust, self.index, self.line)
        return HEADER.pack(*head, len(self.text)) + bytes(self.text)


class Forged(Exception):
    """The bytes in a file for verdicts are not those that this file writes."""


def records_of(data: bytes, nonce: bytes, *, torn: bool = False) -> list[Record]:
    """All records in `data`; `Forged` unless it is records and nothing else.

    With `torn` the last may be there in part; it is left out.
    """
    found: list[Record] = []
    start = 0
    while start < len(data):
        end = start + HEADER.size
        if end > len(data):
            return incomplete(found, torn=torn)
        owner, kind, verdict, place, trust, index, line, size = HEADER.unpack_from(data, start)
        known = kind <= VERDICT and verdict <= UNSAID and place < len(PLACES) and trust <= SHARED
        if owner != nonce or not known:
            raise Forged
        if end + size > len(data):
            return incomplete(found, torn=torn)
        text = data[end : end + size]
        found.append(
            Record(kind, verdict, index=index, line=line, place=place, trust=trust, text=text)
        )
        start = end + size
    return found


def incomplete(found: list[Record], *, torn: bool) -> list[Record]:
    """The records before one that is there in part."""
    if not torn:
        raise Forged
    return found


class Order:
    """One program to run. Times are seconds, sizes bytes, of `code` and `asked` those of the files;
    `split` puts the tests in a process of their own.
    """

    __slots__ = (
        "asked",
        "code",
        "cpu",
        "memory",
        "split",
        "tests",
        "total_cpu",
        "total_wall",
        "wall",
    )
    LAYOUT = struct.Struct("!BIddddQQQ")

    def __init__(
        self,
        *,
        split: bool,
        tests: int,
        cpu: float,
        wall: float,
        total_cpu: float,
        total_wall: float,
        memory: int,
        code: int,
        asked: int,
    ) -> None:
        self.split, self.tests, self.cpu, self.wall = split, tests, cpu, wall
        self.total_cpu, self.total_wall, self.memory = total_cpu, total_wall, memory
        self.code, self.asked = code, asked

    def packed(self) -> bytes:
        """The order as bytes."""
        times = (self.cpu, self.wall, self.total_cpu, self.total_wall)
        return self.LAYOUT.pack(self.split, self.tests, *times, self.memory, self.code, self.asked)

    @classmethod
    def unpacked(cls, data: bytes) -> Order:
        """The order that `packed` made these bytes of."""
        split, tests, cpu, wall, total_cpu, total_wall, *sizes = cls.LAYOUT.unpack(data)
        memory, code, asked = sizes
        return cls(
            split=bool(split),
            tests=tests,
            cpu=cpu,
            wall=wall,
            total_cpu=total_cpu,
            total_wall=total_wall,
            memory=memory,
            code=code,
            asked=asked,
        )


# Why a child came to no verdict on the test that it was at.
ENDED, LATE, SPENT, KILLED, LEFT, MUTE, NONSENSE, FORGER = range(8)


class Stretch:
    """What one child got done: `done` tests were judged before it, `upto` after it, `loaded` says
    whether it came past the code, `size` how long the file for verdicts was then; `cause` is why it
    ended, `status` the number that goes with it.
    """

    __slots__ = ("cause", "done", "loaded", "size", "status", "upto")
    LAYOUT = struct.Struct("!II?BiQ")

    def __init__(
        self, done: int, upto: int, *, loaded: bool, cause: int, status: int, size: int
    ) -> None:
        self.done, self.upto, self.loaded = done, upto, loaded
        self.cause, self.status, self.size = cause, status, size

    def packed(self) -> bytes:
        """The stretch as bytes."""
        fields = (self.done, self.upto, self.loaded, self.cause, self.status, self.size)
        return self.LAYOUT.pack(*fields)


class Report:
    """What the fork server says of a program: its stretches, in order, and seconds of CPU."""

    __slots__ = ("cpu", "stretches")

    def __init__(self, stretches: list[Stretch], cpu: float) -> None:
        self.stretches, self.cpu = stretches, cpu

    def packed(self) -> bytes:
        """The report as bytes."""
        return struct.pack("!d", self.cpu) + b"".join(part.packed() for part in self.stretches)

    @classmethod
    def unpacked(cls, data: bytes) -> Report:
        """The report that `packed` made these bytes of."""
        cpu, stretches = struct.unpack_from("!d", data)[0], []
        for done, upto, loaded, cause, status, size in Stretch.LAYOUT.iter_unpack(data[8:]):
            part = Stretch(done, upto, loaded=loaded, cause=cause, status=status, size=size)
            stretches.append(part)
        return cls(stretches, cpu)


HELLO = b"ready"


def packed_tests(nonce: bytes, tests: list[str], entry_point: str | None) -> bytes:
    """The tests as they are put into their file."""
    return nonce + marshal.dumps((tests, entry_point))


def unpacked_tests(data: bytes) -> tuple[bytes, list[str], str | None]:
    """Nonce, tests and entry point, of what `packed_tests` made."""
    tests, entry_point = marshal.loads(data[NONCE_BYTES:])
    return data[:NONCE_BYTES], tests, entry_point
