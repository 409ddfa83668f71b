"""A process for tests that is used again: it judges program after program that leave no trace.

It never runs a line of a solution, and each solution has a process of its own, so what it knows of
one program's tests is out of reach for the next. A test that could leave something behind gets a
process of its own instead; a test that hangs costs this one, and another is started.
"""

from __future__ import annotations

import io
import os
import socket
import struct
import sys
from functools import partial

from opencodeinstruct.tools.sandbox.inside import tester
from opencodeinstruct.tools.sandbox.inside.codec import Unreadable, forget_classes
from opencodeinstruct.tools.sandbox.inside.enclosure import NULL_FD, Enclosure, Plan, close, fork
from opencodeinstruct.tools.sandbox.inside.handles import KINDS
from opencodeinstruct.tools.sandbox.inside.steps import Steps
from opencodeinstruct.tools.sandbox.inside.wire import Closed, Wire

DONE, LOST, BROKEN, UNFIT, GONE = b"d", b"l", b"b", b"u", b""
MOST_PROGRAMS = 500  # then another takes its place, so that nothing adds up
HEAD = struct.Struct("!II")  # the first test, the size of the tests' file


class Standing:
    """The server's end."""

    def __init__(self, enclosure: Enclosure, steps: Steps, memory: int) -> None:
        self.memory, self.programs = memory, 0
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = theirs.fileno()
        self.pid = fork(
            partial(stand, enclosure.plan(memory, NULL_FD, (fd,), receives=True), steps)
        )
        theirs.close()

    def begin(self, first: int, size: int, files: list[int]) -> bool:
        """Have it judge a program: files of tests, verdicts, output, and the line to the solution.

        False when it is gone.
        """
        self.programs += 1
        try:
            socket.send_fds(self.control, [HEAD.pack(first, size)], files)
        except OSError:
            return False
        return True

    def heard(self) -> bytes:
        """What came of it; `GONE` when it is gone."""
        try:
            return self.control.recv(1)
        except OSError:
            return GONE

    def fits(self, memory: int) -> bool:
        """Whether it can judge one more, under that limit."""
        return self.memory == memory and self.programs < MOST_PROGRAMS


def stand(plan: Plan, steps: Steps) -> None:
    """Judge what comes, until nothing does."""
    (control,) = close(plan)
    line = socket.socket(fileno=control)
    sys.stdin.close()
    while True:
        head, files, _, _ = socket.recv_fds(line, HEAD.size, 4)
        if not head:
            os._exit(0)
        steps.own = 0
        first, size = HEAD.unpack(head)
        answer = judge(first, size, files, steps)
        for file in files[:3]:
            os.close(file)
        line.send(answer)


def judge(first: int, size: int, files: list[int], steps: Steps) -> bytes:
    """Judge one program; what to answer."""
    tests, verdicts, output, solution = files
    wire = Wire(solution)
    streams = sys.stdout, sys.stderr
    raw = io.FileIO(output, "w", closefd=False)
    sys.stdout = sys.stderr = io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)
    try:
        asked = tester.prepared(os.pread(tests, size, 0), first)
        if asked is None:
            return UNFIT
        tester.judge_all(asked, first, verdicts, steps, wire)
    except Closed:
        return LOST
    except Unreadable:
        return BROKEN
    finally:
        sys.stdout, sys.stderr = streams  # before the file is closed, and its number another's
        sys.modules.pop("solution", None)
        wire.close()
        forget_classes()
        KINDS.clear()
    return DONE
