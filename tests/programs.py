"""Programs for the sandbox's tests, and a look at what they leave behind."""

import asyncio
import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from opencodeinstruct.tools.ports import Limits, Program, RunResult
from opencodeinstruct.tools.sandbox import Sandbox
from opencodeinstruct.tools.sandbox.policy import Policy

SHORT = Limits(cpu_seconds=0.5, wall_seconds=2.0, memory_mib=128)
ADD = "def add(a, b):\n    return a + b\n"


class Open:
    """A sandbox that is open, for tests that are no coroutines."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self._runner, self._sandbox = runner, sandbox

    def result(
        self, code: str, *tests: str, limits: Limits = SHORT, entry_point: str | None = None
    ) -> RunResult:
        """What the sandbox says about one program."""
        program = Program(code, tests, entry_point=entry_point, limits=limits)
        return self._runner.run(self._sandbox(program))

    def verdicts(
        self, code: str, *tests: str, limits: Limits = SHORT, entry_point: str | None = None
    ) -> list[str]:
        """The verdicts alone."""
        result = self.result(code, *tests, limits=limits, entry_point=entry_point)
        return [verdict.verdict for verdict in result.verdicts]


def start_all(box: Open) -> None:
    """Have the sandbox start all of its fork servers: two processes cannot be asked this."""
    own = "class Own:\n    size = 3\nassert size(Own()) == 3"
    assert box.result("def size(x): return x.size", own).trust == "shared"


@contextmanager
def opened(policy: Policy = "confirm") -> Iterator[Open]:
    """A sandbox until the block ends."""
    with asyncio.Runner() as runner:
        sandbox = Sandbox(workers=1, policy=policy)
        runner.run(sandbox.__aenter__())
        yield Open(runner, sandbox)
        runner.run(sandbox.__aexit__(None, None, None))


def adopt_orphans() -> frozenset[int]:
    """Become the parent of orphaned descendants, so that `descendants` finds them.

    The process ids of those that other tests or libraries started before.
    """
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    return frozenset(descendants())


def descendants() -> dict[int, str]:
    """The command lines of all processes below this one, by process id."""
    parents, names = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                names[int(folder.name)] = (folder / "cmdline").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
    below, found = {os.getpid()}, True
    while found:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        below, found = below | more, bool(more)
    return {pid: names[pid] for pid in below - {os.getpid()}}


def nothing_is_left(before: frozenset[int]) -> bool:
    """Whether all processes below this one but those of `before` end; orphans are reaped."""
    for _ in range(500):
        left = set(descendants()) - before
        if not left:
            return True
        for pid in left:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.02)
    return False
