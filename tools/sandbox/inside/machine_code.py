"""Python's own machine code in huge pages, which each fork then has without asking for any of it.

A child maps the code that it runs anew, 64 KiB at a time, and gives it back in pages of 4 KiB when
it ends: a twentieth of what it costs. So the code, and the constants beside it, are copied into
memory of the server's own, of huge pages, which is put in their place: each byte is what it was. A
fork copies one entry for 2 MiB of it; nobody ever writes to it. Where the kernel has no huge pages
for it, all stays as it is.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator

PAGE, HUGE = 4096, 2 << 20  # bytes of a page
READ_WRITE, READ_EXECUTE = 3, 5  # protections
ANONYMOUS = 0x22  # MAP_PRIVATE | MAP_ANONYMOUS
MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25
MOVE_TO = 3  # MREMAP_MAYMOVE | MREMAP_FIXED
FAILED = ctypes.c_void_p(-1).value
# of an ELF file of 64 bits: where its table of segments is, bytes of an entry, entries; an entry
TABLE, ENTRY_SIZE, ENTRIES = 0x20, 0x36, 0x38
SEGMENT = struct.Struct("<IIQQQQQQ")
LOADED, READABLE, WRITABLE = 1, 4, 2
MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian


class Found(ctypes.Structure):
    """`Dl_info` of `dladdr`: of the file that an address belongs to, the name and the place."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def settle() -> int:
    """Put Python's machine code into huge pages; how many that were."""
    libc = ctypes.CDLL(None)
    for name in ("mmap", "mremap"):
        getattr(libc, name).restype = ctypes.c_void_p
    found = Found()
    own = ctypes.cast(ctypes.pythonapi.Py_GetVersion, ctypes.c_void_p)
    if not libc.dladdr(own, ctypes.byref(found)) or not found.base:
        return 0
    return sum(moved(libc, place) for place in whole_pages(runs(found.base)))


def runs(base: int) -> Iterator[tuple[int, int]]:
    """Where memory begins and ends that the ELF file at `base` has for reading only."""
    if ctypes.string_at(base, len(MAGIC)) != MAGIC:
        return
    table = base + int.from_bytes(ctypes.string_at(base + TABLE, 8), "little")
    size = int.from_bytes(ctypes.string_at(base + ENTRY_SIZE, 2), "little")
    count = int.from_bytes(ctypes.string_at(base + ENTRIES, 2), "little")
    entries = SEGMENT.iter_unpack(ctypes.string_at(table, size * count))
    loaded = [entry for entry in entries if entry[0] == LOADED]
    shift = base - loaded[0][3] // PAGE * PAGE
    start = end = 0
    for _, flags, _, address, _, _, length, _ in loaded:
        if flags & (READABLE | WRITABLE) == READABLE:
            first = (shift + address) // PAGE * PAGE
            if first != end:
                yield start, end
                start = first
            end = -(-(shift + address + length) // PAGE) * PAGE
    yield start, end


def whole_pages(ranges: Iterator[tuple[int, int]]) -> Iterator[int]:
    """Where huge pages begin that lie within one of `ranges`."""
    for start, end in ranges:
        yield from range(-(-start // HUGE) * HUGE, end - HUGE + 1, HUGE)


def moved(libc: ctypes.CDLL, place: int) -> bool:
    """Put a huge page with what is at `place` there; false where there is none to be had."""
    size = ctypes.c_size_t(HUGE)
    got = libc.mmap(None, ctypes.c_size_t(2 * HUGE), READ_WRITE, ANONYMOUS, -1, ctypes.c_long(0))
    if got == FAILED:
        return False
    copy = -(-got // HUGE) * HUGE
    libc.madvise(ctypes.c_void_p(copy), size, MADV_HUGEPAGE)
    ctypes.memmove(copy, place, HUGE)
    done = (
        not libc.mprotect(ctypes.c_void_p(copy), size, READ_EXECUTE)
        and not libc.madvise(ctypes.c_void_p(copy), size, MADV_COLLAPSE)
        and libc.mremap(ctypes.c_void_p(copy), size, size, MOVE_TO, ctypes.c_void_p(place)) == place
    )
    for start, end in ((got, copy), (copy, copy + HUGE), (copy + HUGE, got + 2 * HUGE)):
        if end > start and not (done and start == copy):
            libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(end - start))
    return done
