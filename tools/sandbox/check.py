"""Whether the walls hold on this machine: tried with a harmless program, before any other."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.ports import Limits
from opencodeinstruct.tools.sandbox.fork_server import ForkServer, Work
from opencodeinstruct.tools.sandbox.inside.enclosure import MOST_THREADS, TMP_FILES
from opencodeinstruct.tools.sandbox.namespace import NOBODY, open_namespace
from opencodeinstruct.tools.sandbox.verdicts import verdicts_of
from opencodeinstruct.tools.sandbox.walls import (
    Frozen,
    Launch,
    Seat,
    find_bwrap,
    find_home,
    find_interpreter,
    plan,
)

PROBE = """
import ctypes, os, socket, threading, time

def refused(attempt, *arguments):
    try:
        attempt(*arguments)
    except OSError:
        return True
    return False

def network():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            return ours.getsockopt(socket.SOL_SOCKET, 71, 8)
        except OSError:
            return None

def sees(path):
    return os.path.lexists(path)

def writes(folder):
    path = os.path.join(folder, "opencodeinstruct-probe-%d" % time.time_ns())
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except OSError:
        return False
    os.unlink(path)
    return True

def threads(most):
    go = threading.Event()
    started = []
    try:
        for _ in range(most):
            started.append(threading.Thread(target=go.wait))
            started[-1].start()
    except RuntimeError:
        started.pop()
    go.set()
    for thread in started:
        thread.join()
    return len(started)

def files(most):
    for count in range(most):
        try:
            os.close(os.open("/tmp/%d" % count, os.O_CREAT))
        except OSError:
            return count
    return most

def unshares():
    return ctypes.CDLL(None).unshare(0x10000000) == 0
"""
ROOT = Path("/")
NETNS_COOKIE = 71  # SO_NETNS_COOKIE, Linux 5.14
Builder = Callable[[Seat], Launch]
"""How to make the launch of a fork server; the launch is for one start."""


@dataclass(frozen=True, slots=True)
class Walls:
    """Whether the walls hold: how they are built, or else why they do not and what to do."""

    how: str = ""
    reason: str = ""
    advice: str = ""
    build: Builder | None = None

    @property
    def ok(self) -> bool:
        """Whether untrusted programs may run."""
        return self.build is not None


def check_walls(bwrap: Path | None = None) -> Walls:
    """Build the walls and try them; `bwrap` is another program than the wheel's to do it with.

    For code outside of an event loop.
    """
    return asyncio.run(build_walls(bwrap))


def describe(bwrap: Path | None = None) -> str:
    """One line for a person about the sandbox on this machine."""
    walls = check_walls(bwrap)
    if walls.ok:
        return f"sandbox: the walls hold ({walls.how})"
    return f"{walls.reason}. {walls.advice}"


async def build_walls(bwrap: Path | None = None, frozen: Frozen | None = None) -> Walls:
    """As `check_walls`, for programs that may import the packages of `frozen`."""
    try:
        chosen = bwrap or find_bwrap()
        find_interpreter()
    except Missing as error:
        reason, _, hint = str(error).partition(". ")
        return Walls(reason=reason, advice=hint)
    reasons = []
    for manner, build in ways(chosen, frozen or Frozen()):
        broken = await breach(build)
        if broken is None:
            how = f"bubblewrap {chosen}, Python {find_interpreter()}, {manner}"
            return Walls(how=how, build=build)
        reasons.append(broken)
    return Walls(reason=f"sandbox: {reasons[0]}", advice=advice())


def ways(bwrap: Path, frozen: Frozen) -> Iterator[tuple[str, Builder]]:
    """The ways to build the walls, in words and to start them, best first.

    The last also serves the root of a container that is an ordinary user of its host; that it does
    not serve the host's root is for `breach` to find out.
    """

    def as_nobody(seat: Seat) -> Launch:
        return plan(bwrap, namespace=open_namespace(), seat=seat, frozen=frozen)

    def as_user(seat: Seat) -> Launch:
        return plan(bwrap, namespace=None, seat=seat, frozen=frozen)

    if os.getuid() == 0:
        yield f"started by root, run as user {NOBODY}", as_nobody
    yield "run as this user", as_user


async def breach(build: Builder) -> str | None:
    """What a harmless program can do behind the walls that it must not; None if they hold."""
    attempts = {
        f"network() is None or network() != {network()!r}": "the network is not another one",
        "refused(socket.socket)": "the network can be reached",
        f"not any(sees(path) for path in {private()!r})": "private files can be read",
        "not any(map(writes, ('/', '/dev', '/usr/lib', os.path.dirname(os.__file__))))": (
            "files outside of /tmp can be written"
        ),
        "refused(os.utime, '/dev/null')": "devices can be changed",
        "0 not in (*os.getresuid(), *os.getresgid())": "programs run as root",
        "writes('/tmp')": "/tmp cannot be written",
        f"threads({MOST_THREADS + 8}) < {MOST_THREADS}": "threads are not limited",
        f"files({TMP_FILES + 8}) < {TMP_FILES}": "the number of files is not limited",
        "refused(os.fork)": "processes can be started",
        "not unshares()": "system calls are not filtered",
    }
    tests = tuple(f"assert {attempt}" for attempt in attempts)
    limits = Limits(10.0, 30.0)
    work = Work(PROBE, tests, entry_point=None, limits=limits, split=False)
    try:
        server = ForkServer(await asyncio.to_thread(build, Seat()))
        await server.start()
        told = await server.run(work)
        await server.close()
    except (Missing, ServiceError) as error:
        return str(error).removeprefix("sandbox: ")
    for verdict, broken in zip(verdicts_of(told, len(tests)), attempts.values(), strict=True):
        if verdict is None or verdict.verdict == "fail":
            return broken
        if verdict.verdict != "pass":
            return f"the trial ended in {verdict.verdict} ({verdict.exception})"
    return None


def network() -> bytes | None:
    """The kernel's name for the network that this process is in; None where it has none for it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            return ours.getsockopt(socket.SOL_SOCKET, NETNS_COOKIE, 8)
        except OSError:
            return None


def private() -> list[str]:
    """Files that a program must not see: the user's, where there are any, and those in /etc."""
    home, interpreter = find_home(), find_interpreter()
    try:
        own = sorted(home.iterdir())[:50] if home and home != ROOT else []
    except OSError:
        own = []
    hidden = [str(path) for path in own if not interpreter.is_relative_to(path)]
    return [*hidden, "/etc/passwd", "/proc/self", "/sys/kernel"]


def advice(root: Path = ROOT) -> str:
    """What to do on this machine, whose files lie below `root`, so that walls can be built."""

    def setting(name: str) -> str | None:
        path = root / "proc/sys" / name
        return path.read_text(encoding="ascii").strip() if path.is_file() else None

    if setting("kernel/unprivileged_userns_clone") == "0":
        return "Allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if setting("user/max_user_namespaces") == "0":
        return "Allow user namespaces: sudo sysctl -w user.max_user_namespaces=15000"
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor (Ubuntu 23.10 and later) forbids user namespaces: give bubblewrap a profile "
            "with `userns,`, or: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return (
            "A container needs --security-opt seccomp=unconfined --security-opt "
            "apparmor=unconfined, and as root also --cap-add SYS_ADMIN"
        )
    return (
        "The kernel must allow user namespaces (CONFIG_USER_NS, no seccomp filter against "
        "them), and bubblewrap must be an executable program"
    )
