"""The records on a verdict pipe, as all three that hold an end of one see them.

A child writes them to the driver, the driver to the supervisor outside, each under its own nonce.
The standard library only: this module is also imported behind the walls.
"""

from __future__ import annotations

import marshal
import struct

VERDICTS = ("pass", "fail", "error", "timeout", "crash", "memory", "refused")
PASS, FAIL, ERROR, TIMEOUT, CRASH, MEMORY, REFUSED = range(len(VERDICTS))

HELLO, LOADED, VERDICT, OUTPUT, FORGED, DONE = range(6)
HEADER = struct.Struct("!16sBBIIH")  # nonce, kind, verdict, index of the test, line, bytes of text
TEXT_BYTES = 1000  # with the header less than PIPE_BUF: a record is written whole or not at all


class Record:
    """One record of a verdict pipe. `line` is 0 where there is none."""

    __slots__ = ("index", "kind", "line", "text", "verdict")

    def __init__(
        self, kind: int, verdict: int = PASS, index: int = 0, line: int = 0, text: bytes = b""
    ) -> None:
        self.kind, self.verdict, self.index, self.line, self.text = kind, verdict, index, line, text

    def packed(self, nonce: bytes) -> bytes:
        """The record as bytes."""
        return HEADER.pack(
            nonce, self.kind, self.verdict, self.index, self.line, len(self.text)
        ) + bytes(self.text)


class Forged(Exception):
    """The bytes on a verdict pipe are not those that this file writes."""


def records_of(buffer: bytearray, nonce: bytes) -> list[Record]:
    """Take the complete records off the front of `buffer`; a foreign one raises `Forged`."""
    found = []
    while len(buffer) >= HEADER.size:
        owner, kind, verdict, index, line, size = HEADER.unpack_from(buffer)
        if owner != nonce or kind > DONE or verdict >= len(VERDICTS):
            raise Forged
        end = HEADER.size + size
        if len(buffer) < end:
            break
        found.append(Record(kind, verdict, index, line, bytes(buffer[HEADER.size : end])))
        del buffer[:end]
    return found


class Job:
    """What the supervisor asks for. `cpu` and `wall` are seconds, `memory` and `output` bytes."""

    __slots__ = ("code", "cpu", "memory", "nonce", "output", "tests", "wall")

    def __init__(
        self,
        *,
        code: str,
        tests: list[str],
        nonce: bytes,
        cpu: float,
        wall: float,
        memory: int,
        output: int,
    ) -> None:
        self.code, self.tests, self.nonce = code, tests, nonce
        self.cpu, self.wall, self.memory, self.output = cpu, wall, memory, output

    def packed(self) -> bytes:
        """The job as bytes: the length in 8 bytes, then its fields."""
        fields = marshal.dumps({name: getattr(self, name) for name in self.__slots__})
        return len(fields).to_bytes(8, "big") + fields
