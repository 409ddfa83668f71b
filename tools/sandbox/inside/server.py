"""Pid 1 behind the walls: a fork server, one program at a time, in one process or in two.

It refuses to do anything unless it is pid 1 of a namespace without /proc, because it ends each
program by killing every process that it can see. A test that hangs or kills its process costs only
its own verdict. Exit codes and printed text are never verdicts. It never reads a program, a test or
a verdict: it hands descriptors on, counts the steps that are done, and keeps the time. So nothing
of one program can be found in the memory of the next. When the other end of its socket closes, it
exits, and the kernel ends everything that it started.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from opencodeinstruct.tools.sandbox.inside import candidate, seeding, tester, together
from opencodeinstruct.tools.sandbox.inside.enclosure import NULL_FD, Enclosure
from opencodeinstruct.tools.sandbox.inside.records import (
    ENDED,
    FORGER,
    HELLO,
    KILLED,
    LATE,
    LEFT,
    MUTE,
    SPENT,
    Order,
    Report,
    Stretch,
)
from opencodeinstruct.tools.sandbox.inside.rehearsal import rehearse
from opencodeinstruct.tools.sandbox.inside.wiping import wipe

# Modules that solutions import most; an import costs more than the rest of a program.
PRELOADED = (
    *("abc", "bisect", "cmath", "collections", "collections.abc", "contextlib", "copy"),
    *("dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "heapq", "io"),
    *("itertools", "json", "math", "numbers", "operator", "random", "re", "statistics", "string"),
    *("time", "traceback", "types", "typing", "numpy", "numpy.random", "pandas"),
)
SETTLE_LOOKS, SETTLE_SECONDS = 100, 0.001
MOST_CHILDREN = 1000  # of one program, one after the other
LOOK_SECONDS = 0.25  # how often it looks whether a silent child has used up its time


class Child:
    """A child that judges tests, and in split mode its `peer`, which runs the candidate."""

    def __init__(self, order: Order, files: list[int], first: int, enclosure: Enclosure) -> None:
        self.order, self.first = order, first
        self.peer = 0
        self.ends: dict[int, int] = {}
        code, tests, verdicts, output = files
        self.ticks, ticks = os.pipe()
        if order.split:
            ours, theirs = socket.socketpair()
            self.peer = fork(
                lambda: candidate.run(
                    os.pread(code, order.code, 0),
                    *enclosure.close(order.memory, output, (theirs.fileno(),)),
                )
            )
            self.pid = fork(
                lambda: tester.run(
                    os.pread(tests, order.asked, 0),
                    first,
                    *enclosure.close(order.memory, output, (verdicts, ticks, ours.fileno())),
                )
            )
            ours.close()
            theirs.close()
        else:
            self.pid = fork(
                lambda: together.run(
                    os.pread(code, order.code, 0),
                    os.pread(tests, order.asked, 0),
                    first,
                    *enclosure.close(order.memory, output, (verdicts, ticks)),
                )
            )
        os.close(ticks)
        self.steps = 0
        self.begin()

    def begin(self) -> None:
        """Start the clocks of a step."""
        self.wall_from, self.cpu_from = time.monotonic(), self.cpu()

    def cpu(self) -> float:
        """Seconds of CPU that the child and its peer have used."""
        return cpu_of(self.pid) + (cpu_of(self.peer) if self.peer else 0.0)

    def left(self) -> float:
        """Seconds that must pass before this step can have used up its time."""
        wall = self.order.wall - (time.monotonic() - self.wall_from)
        return min(wall, self.order.cpu - (self.cpu() - self.cpu_from))

    def reap(self, *, wait: bool) -> None:
        """Collect the processes that have ended, and with `wait` all there are."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0 if wait else os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.ends.setdefault(pid, status)

    def settle(self) -> None:
        """Learn how child and peer ended, of which one has; the other may be about to."""
        pids = {self.pid, self.peer} - {0}
        for _ in range(SETTLE_LOOKS):
            self.reap(wait=False)
            if pids <= set(self.ends):
                return
            time.sleep(SETTLE_SECONDS)

    def sweep(self) -> None:
        """Kill and collect every process in the namespace but the server."""
        os.close(self.ticks)
        with contextlib.suppress(ProcessLookupError):  # there is none
            os.kill(-1, signal.SIGKILL)
        self.reap(wait=True)


def fork(work: Callable[[], None]) -> int:
    """Do `work` in a child; the child's process id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(70)
    return pid


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used; 0 once it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the clock of another process
    except OSError:
        return 0.0


class Sample:
    """Runs one program: forks, and again after each test that a child is lost on."""

    def __init__(
        self, order: Order, files: list[int], control: socket.socket, enclosure: Enclosure
    ) -> None:
        self.order, self.files, self.control, self.enclosure = order, files, control, enclosure
        self.stretches: list[Stretch] = []
        self.cpu, self.since = 0.0, time.monotonic()

    def run(self) -> Report:
        """Go on until each test has its verdict, or nothing more can be had."""
        done = 0
        while done < self.order.tests:
            part = self.attempt(done)
            self.stretches.append(part)
            if part.cause in (SPENT, FORGER) or not part.loaded:
                break
            if len(self.stretches) == MOST_CHILDREN:
                part.cause = SPENT
                break
            done = part.upto if part.cause == ENDED else part.upto + 1
        return Report(self.stretches, self.cpu)

    def attempt(self, first: int) -> Stretch:
        """One child, from the test `first` on, as far as it comes."""
        child = Child(self.order, self.files, first, self.enclosure)
        cause = self.watch(child)
        if cause == ENDED and child.steps <= self.order.tests - first:
            child.settle()
        used = child.cpu()
        before = dict(child.ends)
        child.sweep()
        wipe()
        upto = min(first + max(0, child.steps - 1), self.order.tests)
        status = 0
        if cause == ENDED and upto < self.order.tests:
            cause, status = self.epitaph(child, before)
        self.cpu += used
        size = os.fstat(self.files[2]).st_size
        loaded = child.steps > 0
        return Stretch(first, upto, loaded=loaded, cause=cause, status=status, size=size)

    def watch(self, child: Child) -> int:
        """Follow the child's steps until it ends or must be ended: `ENDED`, or why it must be."""
        steps = self.order.tests - child.first + 1
        while child.steps < steps:
            patience = child.left()
            if patience <= 0:
                return LATE
            if self.spent(child):
                return SPENT
            watched = [child.ticks, self.control.fileno()]
            ready, _, _ = select.select(watched, [], [], min(patience, LOOK_SECONDS))
            if self.control.fileno() in ready:  # nothing is sent meanwhile: the supervisor is gone
                os._exit(0)
            if ready:
                ticks = len(os.read(child.ticks, 4096))
                if not ticks:
                    return ENDED
                child.steps += ticks
                child.begin()
        return ENDED if child.steps == steps else FORGER

    def spent(self, child: Child) -> bool:
        """Whether the whole program has used up its time."""
        cpu = self.cpu + child.cpu()
        return cpu > self.order.total_cpu or time.monotonic() - self.since > self.order.total_wall

    def epitaph(self, child: Child, ends: dict[int, int]) -> tuple[int, int]:
        """Why a child ended by itself before it had judged its test, and the number to that.

        In split mode it is the candidate's end that counts, if the candidate ended.
        """
        status = ends.get(child.peer, ends.get(child.pid))
        if status is None or (child.peer and ends.get(child.pid) == tester.BROKEN << 8):
            return MUTE, 0
        if os.WIFSIGNALED(status):
            return KILLED, os.WTERMSIG(status)
        return LEFT, os.waitstatus_to_exitcode(status)


def preload() -> None:
    """Import what many programs import, so far as it is here, and put it out of the way of gc."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    rehearse()
    for name in [name for name in sys.modules if name.partition(".")[0] == "opencodeinstruct"]:
        del sys.modules[name]  # a candidate finds the standard library and itself
    sys.argv = ["solution.py"]
    seeding.again()


def main() -> None:
    """Check that these are walls, give up what is not needed, and serve."""
    if os.getpid() != 1 or os.path.exists("/proc/self"):
        sys.exit("not behind walls")
    preload()
    enclosure = Enclosure()
    control = socket.socket(fileno=os.dup(0))
    control.send(HELLO)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in {*range(NULL_FD + 1)} - {control.fileno(), null}:
        os.dup2(null, fd)
    os.closerange(NULL_FD + 1, os.sysconf("SC_OPEN_MAX"))
    gc.collect()
    gc.freeze()  # so that a child's collector does not touch, and thereby copy, what is here
    while True:
        data, files, _, _ = socket.recv_fds(control, Order.LAYOUT.size, 4)
        if not data:
            os._exit(0)
        report = Sample(Order.unpacked(data), files, control, enclosure).run()
        for file in files:
            os.close(file)
        control.send(report.packed())
