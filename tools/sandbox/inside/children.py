"""One attempt at a program: the processes that it takes, how they get on, and their end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from functools import partial

from opencodeinstruct.tools.sandbox.inside import candidate, standing, tester, together
from opencodeinstruct.tools.sandbox.inside.enclosure import TMP, Enclosure, fork
from opencodeinstruct.tools.sandbox.inside.endless import LOOK
from opencodeinstruct.tools.sandbox.inside.records import KILLED, LEFT, MUTE, NONSENSE, Order
from opencodeinstruct.tools.sandbox.inside.standing import Standing
from opencodeinstruct.tools.sandbox.inside.steps import Steps

KILL = int(signal.SIGKILL)
SETTLE_LOOKS, SETTLE_SECONDS = 100, 0.001
# seconds of CPU until a child is first asked whether it will ever end; and, at most, once more
LOOK_FIRST, LOOK_AFTER = 0.005, 0.05


class Means:
    """What all attempts are made with; `standing` is there from the first program that needs it."""

    def __init__(self, enclosure: Enclosure, steps: Steps) -> None:
        self.enclosure, self.steps = enclosure, steps
        self.standing: Standing | None = None
        self.own_tmp = os.stat(TMP).st_uid == os.getuid()
        self.solution = candidate.Candidate()  # each fork has it fresh

    def stand(self, memory: int) -> Standing:
        """A standing process for tests under that limit."""
        if self.standing is not None and not self.standing.fits(memory):
            self.dismiss()
        if self.standing is None:
            self.standing = Standing(self.enclosure, self.steps, memory)
        return self.standing

    def dismiss(self) -> None:
        """End the standing process."""
        gone, self.standing = self.standing, None
        if gone is not None:
            gone.control.close()
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(gone.pid, signal.SIGKILL)
                os.waitpid(gone.pid, 0)


class Child:
    """A process that judges tests, and in split mode its `peer`, which runs the candidate.

    Fork, have `work` done in the fork, and say that it has `started`; until it ends do as little as
    can be, since each page of memory that the server writes meanwhile is copied. `poll` tells when
    `watched`, a descriptor, can be read: it has ended, or has something to say.
    """

    def __init__(
        self, order: Order, files: list[int], first: int, means: Means, control: int
    ) -> None:
        self.order, self.files, self.first, self.means = order, files, first, means
        self.pid = self.peer = 0
        self.watched, self.poll = -1, select.poll()
        self.poll.register(control, select.POLLIN)
        self.ends: dict[int, int] = {}
        self.spent: dict[int, float] = {}  # seconds of CPU of those that ended
        self.broken = False
        self.line = self.theirs = -1
        self.seen = 0
        self.before = 0.0  # seconds of CPU that the process with the tests had used before
        self.unasked = True  # whether it will ever end
        self.wall_from, self.cpu_from, self.look_at = time.monotonic(), 0.0, LOOK_FIRST
        means.steps.clear()
        if order.split:
            self.line, self.theirs = (end.detach() for end in socket.socketpair())
            self.tests_apart()
        self.work = self.solution_apart() if order.split else self.beside()

    def follow(self, watched: int) -> None:
        """From here on it is `watched` that tells when it has ended."""
        if self.watched >= 0:
            self.poll.unregister(self.watched)
        self.watched = watched
        self.poll.register(watched, select.POLLIN)

    def started(self, pid: int) -> None:
        """Its work is done by the process `pid` now."""
        if self.line >= 0:
            self.peer = pid
            os.close(self.theirs)
        else:
            self.pid = pid
            self.follow(os.pidfd_open(pid))

    def beside(self) -> Callable[[], None]:
        """Tests and solution in one process."""
        order, means = self.order, self.means
        code, tests, verdicts, output = self.files
        plan = means.enclosure.plan(order.memory, output, (verdicts,))
        program = (code, order.code), (tests, order.asked), self.first
        return partial(together.run, *program, plan, means.steps)

    def solution_apart(self) -> Callable[[], None]:
        """The solution in a process of its own."""
        order, means = self.order, self.means
        code, _, _, output = self.files
        plan = means.enclosure.plan(order.memory, output, (self.theirs,))
        return partial(candidate.run, means.solution, code, order.code, plan, means.steps.forget)

    def tests_apart(self) -> None:
        """The tests where many are judged, to begin with; they wait for the solution."""
        order, means = self.order, self.means
        _, tests, verdicts, output = self.files
        standing_by = means.stand(order.memory)
        self.before = cpu_of(standing_by.pid)
        if standing_by.begin(self.first, order.asked, [tests, verdicts, output, self.line]):
            self.follow(standing_by.control.fileno())
        else:
            means.dismiss()
            self.by_itself()

    def by_itself(self) -> None:
        """The tests in a process of their own."""
        order, means = self.order, self.means
        _, tests, verdicts, output = self.files
        plan = means.enclosure.plan(order.memory, output, (verdicts, self.line))
        self.pid = fork(partial(tester.run, (tests, order.asked), self.first, plan, means.steps))
        self.before = 0.0
        self.follow(os.pidfd_open(self.pid))

    def over(self) -> bool:
        """Whether it has ended, now that `watched` can be read."""
        if self.pid or self.means.standing is None:
            return True
        word = self.means.standing.heard()
        if word == standing.DONE:  # all is judged: from here on no memory is shared with it
            self.end(self.peer)
            return True
        if word == standing.UNFIT:
            self.by_itself()
            return False
        self.broken = word == standing.BROKEN
        if word == standing.GONE:
            self.pid, self.means.standing.pid = self.means.standing.pid, 0
            self.follow(os.pidfd_open(self.pid))
            self.means.standing.control.close()
            self.means.standing = None
        return True

    def begin(self) -> None:
        """Start the clocks of a step."""
        self.wall_from, self.cpu_from = time.monotonic(), self.cpu()
        self.look_at = LOOK_FIRST

    def look(self) -> None:
        """Start them anew where a step was done since."""
        steps = self.means.steps.count()
        if steps != self.seen:
            self.seen = steps
            self.begin()

    def judge(self) -> int:
        """The process that runs the tests."""
        if self.pid:
            return self.pid
        return self.means.standing.pid if self.means.standing is not None else 0

    def cpu(self) -> float:
        """Seconds of CPU that both processes have used for this."""
        judging = max(0.0, self.cpu_of(self.judge()) - self.before)
        return judging + self.cpu_of(self.peer)

    def cpu_of(self, pid: int) -> float:
        """Seconds of CPU that a process has used, or had until it was collected."""
        return self.spent[pid] if pid in self.spent else cpu_of(pid)

    def left(self) -> float:
        """Seconds that must pass before this step can have used up its time."""
        wall = self.order.wall - (time.monotonic() - self.wall_from)
        return min(wall, self.order.cpu - (self.cpu() - self.cpu_from))

    def wonder(self) -> float:
        """Have it see whether it will ever end, where it is time; seconds until it is again.

        It is asked first by all that it has used: when the step began is known no better.
        """
        used = self.cpu() - (0.0 if self.unasked else self.cpu_from)
        if used >= 0.9 * self.look_at:
            self.unasked = False
            used = max(used, self.look_at)
            self.look_at = min(4 * used, used + LOOK_AFTER)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.peer or self.pid, LOOK)
        return max(self.look_at - used, SETTLE_SECONDS)

    def reap(self, pid: int) -> None:
        """Collect a process if it has ended."""
        if pid not in self.ends:
            found, status, usage = os.wait4(pid, os.WNOHANG)
            if found:
                self.ends[pid] = status
                self.spent[pid] = usage.ru_utime + usage.ru_stime

    def end(self, pid: int) -> None:
        """Kill and collect a process, if there is one that has not been."""
        if pid and pid not in self.ends:
            os.kill(pid, KILL)  # it is there, ended or not, until it is collected
            _, self.ends[pid], usage = os.wait4(pid, 0)
            self.spent[pid] = usage.ru_utime + usage.ru_stime

    def settle(self) -> None:
        """Learn how child and peer ended, of which one has; the other may be about to."""
        pids = {self.pid, self.peer} - {0}
        for _ in range(SETTLE_LOOKS):
            for pid in pids:
                self.reap(pid)
            if pids <= set(self.ends):
                return
            time.sleep(SETTLE_SECONDS)

    def sweep(self, *, late: bool) -> None:
        """Kill and collect its processes; a `late` test's standing process too.

        None of them can have started another; where none stands by, all that there are are killed.
        """
        if late and not self.pid:
            self.means.dismiss()
        if self.pid:
            os.close(self.watched)
        for pid in (self.pid, self.peer):
            self.end(pid)
        if self.line >= 0:
            os.close(self.line)  # not before: the solution's process would wake to see it
        if self.means.standing is None:
            with contextlib.suppress(ProcessLookupError):  # there is none
                os.kill(-1, signal.SIGKILL)

    def epitaph(self, ends: dict[int, int]) -> tuple[int, int]:
        """Why it ended by itself before it had judged its test, and the number to that.

        In split mode it is the candidate's end that counts, if the candidate ended.
        """
        status = ends.get(self.peer, ends.get(self.pid))
        broken = self.broken or (self.peer and ends.get(self.pid) == tester.BROKEN << 8)
        if broken:
            return NONSENSE, 0
        if status is None:
            return MUTE, 0
        if os.WIFSIGNALED(status):
            return KILLED, os.WTERMSIG(status)
        return LEFT, os.waitstatus_to_exitcode(status)


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used; 0 for none, and once it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2) if pid else 0.0  # the clock of another process
    except OSError:
        return 0.0
