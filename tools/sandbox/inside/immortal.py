"""What is there before a fork made immortal: using it writes nothing (PEP 683, Python 3.12).

Python counts in each object how often it is in use. A child that calls a function of the fork
server's would so write to its page of memory, and thereby copy it: half of the pages that it
copies. Objects that are never to be freed are not counted. Where Python has no such objects
(before 3.12), or keeps its counts elsewhere (free threading), nothing is done.
"""

from __future__ import annotations

import gc
import sys
from ctypes import c_uint32

LEAST = 1 << 31  # a higher count is that of an immortal object
COUNT_BITS = 0xFFFFFFFF


def immortalize() -> int:
    """Make all objects that can be reached immortal; how many were made so."""
    mark = mark_of_immortals()
    if mark is None:
        return 0
    total, reached = 0, gc.get_objects()
    while reached:
        new = []
        for one in reached:
            count = c_uint32.from_address(id(one))
            if count.value < LEAST:
                count.value = mark
                new.append(one)
        total += len(new)
        reached = gc.get_referents(*new)
    return total


def mark_of_immortals() -> int | None:
    """The count of uses that immortal objects have; None where there are none to be known by it."""
    mark = c_uint32.from_address(id(None)).value
    if sys.implementation.name != "cpython" or "t" in sys.abiflags or mark < LEAST:
        return None
    return mark if sys.getrefcount(None) & COUNT_BITS == mark else None
