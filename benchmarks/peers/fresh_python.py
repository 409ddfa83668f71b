"""A new interpreter for each sample: `python -I -c`, bare or with bubblewrap around it.

The verdict is the exit code; a program that calls `exit(0)` passes. The time limit is wall time and
includes the start of the interpreter.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks.harness import Case, Harness, Method, Seen, Setting, interpreter
from benchmarks.measure import become_subreaper
from benchmarks.outer_wall import bubblewrap, kept_visible

WALLS = ("--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/")
INSIDE = ("--dev", "/dev", "--proc", "/proc", "--chdir", "/tmp")


@dataclass(frozen=True, slots=True)
class Running:
    """A process at work on case `index` since `began`; what it writes to stderr is in `errors`."""

    index: int
    began: float
    errors: int


@contextmanager
def opened(setting: Setting, before: tuple[str, ...]) -> Iterator[Harness]:
    """Starts `before`, then the interpreter, for each sample; up to `workers` at once."""
    become_subreaper()  # bubblewrap leaves the process inside to whoever reaps its orphans
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    command = [*before, interpreter(), "-I", "-c"]

    def run(cases: Sequence[Case], done: Callable[[], None]) -> list[Seen]:
        seen: dict[int, Seen] = {}
        running: dict[int, Running] = {}
        for index, case in enumerate(cases):
            while len(running) >= setting.workers:
                seen.update(ended(running, setting.seconds, done))
            running.update([start([*command, case.script], index)])
        while running:
            seen.update(ended(running, setting.seconds, done))
        reap_all()
        return [seen[index] for index in range(len(cases))]

    yield run


def start(command: list[str], index: int) -> tuple[int, Running]:
    """`command` in a process group of its own, with nothing to read and nowhere to print."""
    errors = os.memfd_create("stderr")
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, errors, 2),
    ]
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=actions, setpgroup=0, setsigmask=[]
    )
    return pid, Running(index, time.monotonic(), errors)


def ended(
    running: dict[int, Running], seconds: float, done: Callable[[], None]
) -> Iterator[tuple[int, Seen]]:
    """Wait until something ends or is overdue, and is killed; what those that ended came to."""
    first = min(one.began for one in running.values())
    signal.sigtimedwait([signal.SIGCHLD], max(0.0, first + seconds - time.monotonic()))
    now = time.monotonic()
    overdue = {pid for pid, one in running.items() if now >= one.began + seconds}
    for pid in overdue:
        os.killpg(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG) if running else (0, 0)
        if pid == 0:
            return
        one = running.pop(pid, None)
        if one is None:  # what bubblewrap left
            continue
        done()
        yield one.index, verdict(one, status, timed_out=pid in overdue)


def verdict(one: Running, status: int, *, timed_out: bool) -> Seen:
    """What a process that ended with `status` says of its case."""
    taken = time.monotonic() - one.began
    with os.fdopen(one.errors, "rb") as errors:
        errors.seek(0)
        last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return Seen(passed=True, seconds=taken)
    return Seen(passed=False, why="timeout" if timed_out else last or f"exit {code}", seconds=taken)


def reap_all() -> None:
    """Nothing that was started is left, so that its CPU has been counted."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def version() -> str:
    """The version of the interpreter that is started."""
    return f"Python {sys.version.split()[0]}"


def version_behind_walls() -> str:
    """The versions of bubblewrap and of the interpreter."""
    return f"{bubblewrap().version}, {version()}"


@contextmanager
def opened_behind_walls(setting: Setting) -> Iterator[Harness]:
    """As `opened`, with a bubblewrap of its own around each sample."""
    before = (str(bubblewrap().path), *WALLS, "--tmpfs", "/tmp", *kept_visible(), *INSIDE)
    with opened(setting, before) as run:
        yield run


BARE = Method(
    version=version,
    open=partial(opened, before=()),
)
BEHIND_WALLS = Method(
    version=version_behind_walls,
    open=opened_behind_walls,
)
