"""Pid 1 behind the walls: forks a child for a job's tests, and again after each that it loses.

It refuses to do anything unless it is pid 1 of a namespace without /proc, because it ends each
child by killing every process that it can see. A test that hangs or kills its child costs only
its own verdict. Exit codes and printed text are never verdicts. When the other end of the job's
pipe closes, the driver exits, and the kernel ends everything that it started.
"""

from __future__ import annotations

import contextlib
import itertools
import marshal
import os
import resource
import select
import signal
import sys
import time

from opencodeinstruct.tools.sandbox.inside.candidate import enclose, limit, run
from opencodeinstruct.tools.sandbox.inside.records import (
    CRASH,
    DONE,
    FORGED,
    HELLO,
    LOADED,
    OUTPUT,
    PASS,
    TIMEOUT,
    VERDICT,
    Forged,
    Job,
    Record,
    records_of,
)

SANDBOX_ID = 1000  # user and group behind the walls
LOOK_SECONDS = 0.25  # how often the driver looks whether a silent child still lives


class Child:
    """A child of the driver and the pipes to it; `ended` is its wait status once it is reaped."""

    def __init__(self, job: Job, first: int) -> None:
        self.nonce = os.urandom(16)
        self.ended: int | None = None
        self.records, records = os.pipe()
        self.output, output = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                enclose(job, records, output)
                run(job, first, self.nonce)
            finally:
                os._exit(70)
        os.close(records)
        os.close(output)
        os.set_blocking(self.output, False)
        self.begin()

    def begin(self) -> None:
        """Start the clocks of a step."""
        self.wall_from, self.cpu_from = time.monotonic(), self.cpu()

    def cpu(self) -> float:
        """Seconds of CPU that the child has used; 0 once it is gone."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)  # the clock of another process
        except OSError:
            return 0.0

    def left(self, job: Job) -> float:
        """Seconds that must pass before this step can have used up its time."""
        wall = job.wall - (time.monotonic() - self.wall_from)
        return min(wall, job.cpu - (self.cpu() - self.cpu_from))

    def reap(self, *, wait: bool = False) -> None:
        """Collect the processes that have ended, and with `wait` all there are."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0 if wait else os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.ended = status

    def sweep(self) -> None:
        """Kill and collect every process in the namespace but the driver."""
        with contextlib.suppress(ProcessLookupError):  # there is none
            os.kill(-1, signal.SIGKILL)
        self.reap(wait=True)

    def close(self) -> None:
        """Close the pipes."""
        os.close(self.records)
        os.close(self.output)


class Driver:
    """Runs a job's tests in order, and sends their verdicts to `out`; ends when `leash` does."""

    def __init__(self, job: Job, out: int, leash: int) -> None:
        self.job, self.out, self.leash = job, out, leash
        self.done = 0  # tests that have their verdict
        self.printed = bytearray()

    def run(self) -> None:
        """Send a verdict for each test, what was printed, and the end."""
        self.send(Record(HELLO))
        while self.done < len(self.job.tests):
            self.attempt()
        for start in range(0, len(self.printed), 32768):
            self.send(Record(OUTPUT, text=bytes(self.printed[start : start + 32768])))
        self.send(Record(DONE))

    def send(self, record: Record) -> None:
        """Write one record to the supervisor."""
        data = record.packed(self.job.nonce)
        while data:
            data = data[os.write(self.out, data) :]

    def verdict(self, record: Record, *, rest: bool = False) -> None:
        """Give the next test, or all the `rest`, the verdict in `record`."""
        last = len(self.job.tests) if rest else self.done + 1
        for index in range(self.done, last):
            self.send(Record(VERDICT, record.verdict, index, record.line, record.text))
        self.done = last

    def attempt(self) -> None:
        """Go on from the first test without a verdict, as far as one child comes."""
        child = Child(self.job, self.done)
        loaded, forged, late = False, False, False
        try:
            buffer = bytearray()
            while self.done < len(self.job.tests) and not late:
                received = self.listen(child)
                if received is None:
                    break
                buffer += received
                for record in records_of(buffer, child.nonce):
                    self.accept(record, loaded=loaded)
                    loaded = True
                    child.begin()
                late = child.left(self.job) <= 0
        except Forged:
            forged = True
        child.sweep()
        self.absorb(child)
        child.close()
        if forged:
            self.send(Record(FORGED))
            self.done = len(self.job.tests)
        elif self.done < len(self.job.tests):
            self.verdict(epitaph(child, late=late), rest=not loaded)

    def listen(self, child: Child) -> bytes | None:
        """What the child wrote on its verdict pipe; nothing yet is b"", nothing ever again None."""
        patience = max(0.0, min(child.left(self.job), LOOK_SECONDS))
        watched = [child.records, child.output, self.leash]
        ready, _, _ = select.select(watched, [], [], patience)
        if self.leash in ready:
            os._exit(0)
        if child.output in ready:
            self.absorb(child)
        if child.records in ready:
            return os.read(child.records, 65536) or None
        if child.ended is not None:
            return None
        child.reap()
        return b""

    def absorb(self, child: Child) -> None:
        """Keep what was printed, as far as the limit goes, and throw away the rest."""
        for _ in range(16):
            try:
                text = os.read(child.output, 65536)
            except BlockingIOError:
                return
            if not text:
                return
            self.printed += text[: max(0, self.job.output - len(self.printed))]

    def accept(self, record: Record, *, loaded: bool) -> None:
        """Take the child's next record; one out of order raises `Forged`."""
        if record.kind != (VERDICT if loaded else LOADED) or record.index != self.done:
            raise Forged
        if loaded:
            self.verdict(record)
        elif record.verdict != PASS:
            self.verdict(record, rest=True)


def epitaph(child: Child, *, late: bool) -> Record:
    """The verdict on a test whose child gave none."""
    if late:
        return Record(VERDICT, TIMEOUT, text=b"it took longer than it may")
    status = child.ended or 0
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.strsignal(number) or "unknown"
        return Record(VERDICT, CRASH, text=f"killed by signal {number} ({name})".encode())
    code = os.waitstatus_to_exitcode(status)
    return Record(VERDICT, CRASH, text=f"exit with code {code} before a verdict".encode())


def receive(source: int) -> Job:
    """The job that the supervisor sends."""
    return Job(**marshal.loads(exactly(source, int.from_bytes(exactly(source, 8), "big"))))


def exactly(source: int, size: int) -> bytes:
    """`size` bytes from `source`; exits when it ends before."""
    data = bytearray()
    while len(data) < size:
        part = os.read(source, min(size - len(data), 1 << 20))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def main() -> None:
    """Check that these are walls, give up what is not needed, and run the job."""
    if os.getpid() != 1 or os.path.exists("/proc/self"):  # noqa: PTH110 - pathlib is slow to load
        sys.exit("not behind walls")
    out, leash = os.dup(1), os.dup(0)
    edges = sorted({0, 1, 2, out, leash, min(os.sysconf("SC_OPEN_MAX"), 1 << 20)})
    for low, high in itertools.pairwise(edges):
        os.closerange(low + 1, high)
    if os.getuid() == 0:  # RLIMIT_NPROC does not bind the user 0 of the host
        os.setgroups([])
        os.setresgid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID)
        os.setresuid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit(resource.RLIMIT_CORE, 0)
    Driver(receive(leash), out, leash).run()
