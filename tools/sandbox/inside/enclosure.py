"""What the fork server gives up, and what each of its children gives up on top of that."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from _signal import (  # type: ignore[import-not-found]  # the wrapper around it touches much memory
    SIG_IGN,
    SIGINT,
    default_int_handler,
)
from _signal import signal as on_signal
from collections.abc import Callable
from os import O_RDONLY, closerange, devnull, dup2
from os import open as opened
from resource import RLIMIT_AS, setrlimit

from opencodeinstruct.tools.sandbox.inside.syscalls import Filter, Parts, impose

# What is looked up as an attribute costs a child pages of memory for its name and for where it is.
Plan = tuple[int, tuple[int, ...], tuple[int, int], Parts]

SANDBOX_ID = 1000  # user and group behind the walls
TMP = "/tmp"
TMP_BYTES, TMP_FILES = 64 << 20, 4096
MOST_THREADS = 64  # of one program, and what little else runs in its namespace
MOST_FILES = 256  # open at a time
MOST_FILE_BYTES = 64 << 20
STACK_BYTES = 8 << 20
FIRST_FD = 3  # of those that a child is left
NEW_FDS = (FIRST_FD, FIRST_FD + 1, FIRST_FD + 2)
NULL_FD = 8  # the server holds /dev/null up to here, so that what it is sent has higher numbers


def fail(reason: str) -> None:
    """End with a complaint to the supervisor."""
    sys.exit(reason)


def mount() -> None:
    """A /tmp that is bounded in bytes and in files, and devices whose dates cannot be changed.

    bubblewrap can do neither.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    nosuid, nodev, noexec, read_only, remount, bind = 2, 4, 8, 1, 32, 4096
    options = f"size={TMP_BYTES},nr_inodes={TMP_FILES},mode=1777".encode()
    if libc.mount(b"tmpfs", TMP.encode(), b"tmpfs", nosuid | nodev, options):
        fail(f"/tmp cannot be mounted: {os.strerror(ctypes.get_errno())}")
    sealed = nosuid | noexec | read_only | remount | bind
    for name in os.listdir("/dev"):
        if libc.mount(None, f"/dev/{name}".encode(), None, sealed, None):
            fail(f"/dev/{name} cannot be sealed: {os.strerror(ctypes.get_errno())}")
    os.chdir(TMP)


def limit(kind: int, most: int) -> None:
    """Lower a resource limit to `most`, or to what it already is."""
    _, hard = resource.getrlimit(kind)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (value, value))


def drop_powers() -> None:
    """From root of the namespace to its user, who is nobody outside; then no capabilities."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID)
        os.setresuid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID)
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    libc.prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        fail(f"capabilities cannot be given up: {os.strerror(ctypes.get_errno())}")
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: nobody may trace or read this process


def settle() -> int:
    """Give up all that the fork server does not need; bytes of address space it has."""
    mount()
    drop_powers()
    on_signal(SIGINT, SIG_IGN)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, MOST_FILES)
    limit(resource.RLIMIT_FSIZE, MOST_FILE_BYTES)
    limit(resource.RLIMIT_STACK, STACK_BYTES)
    limit(resource.RLIMIT_NPROC, MOST_THREADS)
    return address_space()


def address_space() -> int:
    """Bytes of address space in use, to the page: the least limit that leaves room for one more.

    There is no /proc to read it from.
    """
    import mmap

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    low, high = 0, 1 << 40
    while high - low > mmap.PAGESIZE:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except OSError:
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return high


class Enclosure:
    """What is put upon each child before it reads a line that was not written here.

    Each page of memory that a child touches is copied for it, so all that can be is done before the
    fork, in `plan`.
    """

    def __init__(self) -> None:
        self.own = settle()
        self.calls = Filter(server=False)
        self.more_calls = Filter(server=False, receives=True)
        server = Filter(server=True)
        impose(*server.parts)

    def plan(
        self, memory: int, output: int, kept: tuple[int, ...], *, receives: bool = False
    ) -> Plan:
        """For `close`: leave the child its output and the descriptors `kept`.

        With `receives` it can be sent files.
        """
        most = self.own + memory
        calls = self.more_calls if receives else self.calls
        return (output, kept, (most, most), calls.parts)


def close(plan: Plan) -> tuple[int, ...]:
    """Do in a child what was planned; from here on it is under its limits and its filter.

    The new numbers of the descriptors that were kept.
    """
    output, kept, limits, parts = plan
    on_signal(SIGINT, default_int_handler)
    dup2(opened(devnull, O_RDONLY), 0)  # its own: flags of a file are shared with it
    dup2(output, 1)
    dup2(output, 2)
    end = FIRST_FD
    for fd in kept:
        dup2(fd, end, False)  # not inheritable; by its name it would cost more
        end += 1
    closerange(end, MOST_FILES)
    setrlimit(RLIMIT_AS, limits)
    impose(*parts)
    return NEW_FDS[: len(kept)]


def fork(work: Callable[[], None]) -> int:
    """Do `work` in a child; the child's process id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(70)
    return pid
