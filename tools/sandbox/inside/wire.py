"""The line between the two processes of a split program: messages of JSON over a socket."""

from __future__ import annotations

import json
import socket
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import LENGTH, MOST_BYTES, Unreadable


class Closed(BaseException):
    """The other process is gone."""


class Wire:
    """Messages over a socket, each with its length before it."""

    def __init__(self, fd: int) -> None:
        self.socket = socket.socket(fileno=fd)
        self.buffer = bytearray()

    def send(self, data: bytes) -> None:
        """Send one message; `Closed` where nobody is there to read it."""
        try:
            self.socket.sendall(LENGTH.pack(len(data)) + data)
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
        while len(self.buffer) < size:
            try:
                part = self.socket.recv(max(65536, min(size - len(self.buffer), 1 << 20)))
            except OSError:
                part = b""
            if not part:
                raise Closed
            self.buffer += part
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data


def line(message: Any) -> bytes:
    """A message of plain JSON."""
    return json.dumps(message, separators=(",", ":")).encode("ascii")
