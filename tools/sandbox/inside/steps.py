"""How many steps of a program are done: a number in memory that the server and a child share.

A message for each step would wake the server each time, which costs more than most tests. It looks
at the number when the child has ended, and now and then to see that the child gets on.
"""

from __future__ import annotations

import mmap
import struct

NUMBER = struct.Struct("<I")
MOST = 2**32 - 1


class Steps:
    """The number; `forget` it in a process that is to have no part in it."""

    def __init__(self) -> None:
        self.page = mmap.mmap(-1, mmap.PAGESIZE)
        self.own = 0
        self.forget = self.page.close  # unmaps it here

    def clear(self) -> None:
        """Begin at none."""
        self.own = 0
        NUMBER.pack_into(self.page, 0, 0)

    def add(self, more: int = 1) -> None:
        """So many more are done."""
        self.own = min(self.own + more, MOST)
        NUMBER.pack_into(self.page, 0, self.own)

    def count(self) -> int:
        """As many are done."""
        return int(NUMBER.unpack_from(self.page)[0])
