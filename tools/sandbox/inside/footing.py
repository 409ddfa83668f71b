"""The fork server's memory, laid out so that a fork of it costs little.

A fork copies an entry for each page of memory, and then each page that is written, one by one. So
what is there before the fork is brought together in huge pages, which have one entry for 512, and
the gaps in it are filled, so that a child's objects lie side by side on pages of its own instead of
one here and one there on copies. Nothing depends on it: where the kernel or the C library will not
have it, all is as it would have been.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import sys
from typing import Any

PAGE, HUGE = 4096, 2 << 20  # bytes of a page
ARENA = 1 << 20  # bytes of what Python asks for at a time
# Modules in C that will be needed: mapped first, so that they do not lie between the arenas.
IN_C = """
_bisect _ctypes _datetime _decimal _heapq _json _opcode _random _sha2 _sha512 _socket _statistics
_struct _typing array cmath math mmap resource select
"""
POOL, FIRST = (1 << 14) - 1, 48  # in a pool of small objects, the place of the first
SMALL, STEP = 512, 16  # bytes of small objects, and between their sizes
EMPTY = 33  # bytes of `b""`
LARGE = 1 << 16  # bytes of the largest gap that is filled
MOST_BYTES = 1 << 18  # of each size, to fill gaps with
MOST_HUGE = 64  # of each kind
MADV_COLLAPSE = 25
READ_WRITE, NOTHING = 3, 0  # protections
ANONYMOUS, AT_PLACE = 0x22, 0x100000  # MAP_PRIVATE | MAP_ANONYMOUS, MAP_FIXED_NOREPLACE
FAILED = ctypes.c_void_p(-1).value


class Footing:
    """Make it before anything else is loaded; `firm` it when all is."""

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.kept: list[Any] = []
        for name in ("mmap", "sbrk", "malloc"):
            getattr(self.libc, name).restype = ctypes.c_void_p
        for name in IN_C.split():
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        self.heap = self.arenas = 0
        if sys.platform == "linux":
            self.align()

    def align(self) -> None:
        """Have heap and arenas go on from where a huge page begins."""
        self.heap = self.top() - self.top() % HUGE
        while self.heap and self.mapped(self.heap):
            self.heap -= HUGE
        for _ in range(MOST_HUGE):  # until no gap higher up is left
            place = self.map(0, ARENA, READ_WRITE)
            if not place:
                return
            self.unmap(place, ARENA)
            over = (place + ARENA) % HUGE
            if not over:
                self.arenas = place + ARENA
                return
            self.map(place + ARENA - over, over, NOTHING)

    def firm(self) -> None:
        """Fill the gaps, and bring together what has come to lie in line."""
        self.fill()
        if self.heap:
            end = self.top() - self.top() % -HUGE
            for _ in range(HUGE // LARGE):  # the last that was begun is whole then
                if self.top() >= end or not self.libc.malloc(ctypes.c_size_t(LARGE)):
                    break
            self.map_up_to_heap()
            for place in range(self.heap, self.top() - HUGE + 1, HUGE):
                self.collapse(place)
        if self.arenas:
            self.arenas_together()

    def map_up_to_heap(self) -> None:
        """Make the heap's first huge page whole as well."""
        for place in range(self.heap, self.heap + HUGE, PAGE):
            if self.mapped(place):
                self.map(self.heap, place - self.heap, READ_WRITE)
                return

    def arenas_together(self) -> None:
        """The same for the arenas, of which each new one lies below the last."""
        place = self.arenas
        for _ in range(MOST_HUGE):
            halves = [self.mapped(place - ARENA), self.mapped(place - HUGE)]
            if not halves[0]:
                return
            if not halves[1] and not self.map(place - HUGE, ARENA, READ_WRITE):
                return
            self.collapse(place - HUGE)
            place -= HUGE

    def fill(self) -> None:
        """Take up what is free of small objects' pools, size by size, and in the heap."""
        for size in range(STEP, SMALL + 1, STEP):
            for _ in range(MOST_BYTES // size):
                one = of_size(size)
                if id(one) & POOL == FIRST:  # a pool that was not in use
                    break
                self.kept.append(one)
        for size in (LARGE >> shift for shift in range(8)):
            highest = 0
            for _ in range(MOST_BYTES // size):
                gap = bytes(size)
                if id(gap) > max(highest, self.top() - 4 * LARGE):
                    break
                highest = max(highest, id(gap))
                self.kept.append(gap)

    def top(self) -> int:
        """Where the heap ends; 0 for none."""
        place = self.libc.sbrk(ctypes.c_ssize_t(0))
        return 0 if place == FAILED else int(place or 0)

    def map(self, place: int, size: int, protection: int) -> int:
        """Map memory, at `place` or, for 0, wherever; where it is, 0 for nowhere."""
        flags = ANONYMOUS | (AT_PLACE if place else 0)
        found = self.libc.mmap(
            *(ctypes.c_void_p(place), ctypes.c_size_t(size), protection, flags, -1),
            ctypes.c_long(0),
        )
        return 0 if found == FAILED else int(found or 0)

    def unmap(self, place: int, size: int) -> None:
        """Unmap what `map` mapped."""
        self.libc.munmap(ctypes.c_void_p(place), ctypes.c_size_t(size))

    def mapped(self, place: int) -> bool:
        """Whether there is memory at `place`."""
        seen = ctypes.create_string_buffer(1)
        return not self.libc.mincore(ctypes.c_void_p(place), ctypes.c_size_t(1), seen)

    def collapse(self, place: int) -> None:
        """Make one huge page of the small ones at `place`; an old kernel does not."""
        self.libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(HUGE), MADV_COLLAPSE)


def of_size(size: int) -> Any:
    """An object that takes so many bytes, a multiple of `STEP`."""
    if size == STEP:
        return object()
    return float(size) if size == 2 * STEP else bytes(size - EMPTY)
