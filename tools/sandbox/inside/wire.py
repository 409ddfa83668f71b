"""The line between the two processes of a split program: messages of JSON over a socket."""

from __future__ import annotations

import os
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import LENGTH, MOST_BYTES, Unreadable, dump

READ_BYTES = 4096


class Closed(BaseException):
    """The other process is gone."""


class Wire:
    """Messages over a socket, each with its length before it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.buffer = b""

    def send(self, data: bytes) -> None:
        """Send one message; `Closed` where nobody is there to read it."""
        left = LENGTH.pack(len(data)) + data
        try:
            while left:
                left = left[os.write(self.fd, left) :]
        except OSError:
            raise Closed from None

    def receive(self) -> bytes:
        """The next message; `Closed` if there is none, `Unreadable` if it is too long."""
        size = LENGTH.unpack(self.exactly(LENGTH.size))[0]
        if size > MOST_BYTES:
            raise Unreadable("too long")
        return self.exactly(size)

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        if len(self.buffer) < size:
            parts, held = [self.buffer], len(self.buffer)
            while held < size:
                try:
                    part = os.read(self.fd, max(READ_BYTES, min(size - held, 1 << 20)))
                except OSError:
                    part = b""
                if not part:
                    raise Closed
                parts.append(part)
                held += len(part)
            self.buffer = b"".join(parts)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def close(self) -> None:
        """Close the socket."""
        os.close(self.fd)


def line(message: Any) -> bytes:
    """A message of plain JSON."""
    return dump(message).encode("ascii")
