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
import socket
import sys
import time
import warnings

from opencodeinstruct.tools.sandbox.inside import machine_code, seeding
from opencodeinstruct.tools.sandbox.inside.children import LOOK_FIRST, Child, Means
from opencodeinstruct.tools.sandbox.inside.enclosure import NULL_FD, Enclosure, fork
from opencodeinstruct.tools.sandbox.inside.endless import allow, listen
from opencodeinstruct.tools.sandbox.inside.footing import Footing
from opencodeinstruct.tools.sandbox.inside.immortal import immortalize
from opencodeinstruct.tools.sandbox.inside.records import (
    ENDED,
    FORGER,
    HELLO,
    LATE,
    SPENT,
    Order,
    Report,
    Stretch,
)
from opencodeinstruct.tools.sandbox.inside.rehearsal import rehearse
from opencodeinstruct.tools.sandbox.inside.steps import Steps
from opencodeinstruct.tools.sandbox.inside.wiping import wipe

# Modules that solutions import most; an import costs more than the rest of a program.
PRELOADED = (
    *("abc", "bisect", "cmath", "collections", "collections.abc", "contextlib", "copy"),
    *("dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "heapq", "io"),
    *("itertools", "json", "math", "numbers", "operator", "random", "re", "statistics", "string"),
    *("time", "traceback", "types", "typing", "numpy", "numpy.random", "pandas"),
)
MOST_CHILDREN = 1000  # of one program, one after the other
LOOK_SECONDS = 0.25  # how often it looks whether a silent child has used up its time


class Sample:
    """Runs one program: an attempt, and another after each test that a process is lost on."""

    def __init__(self, order: Order, files: list[int], control: int, means: Means) -> None:
        self.order, self.files, self.control, self.means = order, files, control, means
        self.stretches: list[Stretch] = []
        self.cpu, self.since = 0.0, time.monotonic()
        allow(order.cpu)

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
        """One attempt, from the test `first` on, as far as it comes."""
        child = Child(self.order, self.files, first, self.means, self.control)
        cause = self.watch(child)
        steps = self.means.steps.count()
        upto = min(first + max(0, steps - 1), self.order.tests)
        if cause == ENDED and steps > self.order.tests - first + 1:
            cause = FORGER
        if cause == ENDED and steps <= self.order.tests - first:
            child.settle()
        used, ends = child.cpu(), dict(child.ends)
        child.sweep(late=cause != ENDED)
        wipe(own=self.means.own_tmp)
        status = 0
        if cause == ENDED and upto < self.order.tests:
            cause, status = child.epitaph(ends)
        self.cpu += used
        size = os.fstat(self.files[2]).st_size
        return Stretch(first, upto, loaded=steps > 0, cause=cause, status=status, size=size)

    def watch(self, child: Child) -> int:
        """Follow it until it ends or must be ended: `ENDED`, or why it must be.

        Most end before the first look at their clocks.
        """
        most = max(0.0, self.order.total_cpu - self.cpu)
        patience = min(self.order.cpu, self.order.wall, LOOK_FIRST, most)
        child.started(fork(child.work))
        while True:
            ready = child.poll.poll(1000 * patience)
            if ready:
                if len(ready) > 1 or ready[0][0] == self.control:
                    os._exit(0)  # nothing is sent meanwhile: the supervisor is gone
                if child.over():
                    return ENDED
            child.look()
            left = child.left()
            if left <= 0:
                return LATE
            if self.spent(child):
                return SPENT
            patience = min(left, LOOK_SECONDS, child.wonder())

    def spent(self, child: Child) -> bool:
        """Whether the whole program has used up its time."""
        cpu = self.cpu + child.cpu()
        return cpu > self.order.total_cpu or time.monotonic() - self.since > self.order.total_wall


def preload() -> None:
    """Import what many programs import, so far as it is here, and put it out of the way of gc."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    warnings.filterwarnings("ignore", category=SyntaxWarning)  # a remark, wherever it is printed
    rehearse()
    for name in [name for name in sys.modules if name.partition(".")[0] == "opencodeinstruct"]:
        del sys.modules[name]  # a candidate finds the standard library and itself
    sys.argv = ["solution.py"]
    os.environ.pop("LD_BIND_NOW", None)
    seeding.again()


def main(footing: Footing, *, cpu: int | None) -> None:
    """Check that these are walls, give up what is not needed, and serve; on one CPU if given."""
    if os.getpid() != 1 or os.path.exists("/proc/self"):
        sys.exit("not behind walls")
    if cpu is not None:
        with contextlib.suppress(OSError):  # it was taken away meanwhile
            os.sched_setaffinity(0, {cpu})
    preload()
    gc.collect()  # first, as it makes gaps
    footing.firm()
    machine_code.settle()
    listen()
    means = Means(Enclosure(), Steps())
    control = socket.socket(fileno=os.dup(0))
    control.send(HELLO)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in {*range(NULL_FD + 1)} - {control.fileno(), null}:
        os.dup2(null, fd)
    os.closerange(NULL_FD + 1, os.sysconf("SC_OPEN_MAX"))
    gc.collect()
    immortalize()
    gc.freeze()  # so that a child's collector does not touch, and thereby copy, what is here
    while True:
        data, files, _, _ = socket.recv_fds(control, Order.LAYOUT.size, 4)
        if not data:
            os._exit(0)
        report = Sample(Order.unpacked(data), files, control.fileno(), means).run()
        for file in files:
            os.close(file)
        control.send(report.packed())
