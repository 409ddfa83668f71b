"""Whether the walls hold on this machine: tried with a harmless program, before any other."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.ports import Limits, Program
from opencodeinstruct.tools.sandbox.execute import execute
from opencodeinstruct.tools.sandbox.inside.candidate import MOST_PROCESSES
from opencodeinstruct.tools.sandbox.namespace import NOBODY, open_namespace
from opencodeinstruct.tools.sandbox.walls import (
    Launch,
    find_bwrap,
    find_home,
    find_interpreter,
    plan,
)

PROBE = """
import os, socket, time

def connects(port):
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0

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

def forks(most):
    read, write = os.pipe()
    for count in range(most):
        try:
            if os.fork() == 0:
                os.close(write)
                os.read(read, 1)
                os._exit(0)
        except OSError:
            break
    else:
        count = most
    os.close(write)
    for _ in range(count):
        os.wait()
    return count
"""
ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Walls:
    """Whether the walls hold: how they are built, or else why they do not and what to do.

    `launch`, to be closed by whoever holds it, is None where they do not.
    """

    how: str = ""
    reason: str = ""
    advice: str = ""
    launch: Launch | None = None

    @property
    def ok(self) -> bool:
        """Whether untrusted programs may run."""
        return self.launch is not None


def check_walls(bwrap: Path | None = None) -> Walls:
    """Build the walls and try them; `bwrap` is another program than the wheel's to do it with.

    For code outside of an event loop. The walls' descriptors are closed already.
    """
    walls = asyncio.run(build_walls(bwrap))
    if walls.launch is not None:
        walls.launch.close()
    return walls


def describe(bwrap: Path | None = None) -> str:
    """One line for a person about the sandbox on this machine."""
    walls = check_walls(bwrap)
    if walls.ok:
        return f"sandbox: the walls hold ({walls.how})"
    return f"{walls.reason}. {walls.advice}"


async def build_walls(bwrap: Path | None = None) -> Walls:
    """As `check_walls`, with the launch still open."""
    try:
        chosen = bwrap or find_bwrap()
        find_interpreter()
    except Missing as error:
        reason, _, hint = str(error).partition(". ")
        return Walls(reason=reason, advice=hint)
    reasons = []
    for manner, start in ways(chosen):
        try:
            launch = start()
        except Missing as error:
            reasons.append(str(error))
            continue
        broken = await breach(launch)
        if broken is None:
            how = f"bubblewrap {chosen}, Python {find_interpreter()}, {manner}"
            return Walls(how=how, launch=launch)
        launch.close()
        reasons.append(broken)
    return Walls(reason=f"sandbox: {reasons[0]}", advice=advice())


def ways(bwrap: Path) -> Iterator[tuple[str, Callable[[], Launch]]]:
    """The ways to build the walls, in words and to start them, best first.

    The last two also serve the root of a container that is an ordinary user of its host; that
    they do not serve the host's root is for `breach` to find out.
    """
    if os.getuid() == 0:
        manner = f"started by root, run as user {NOBODY}"
        yield manner, lambda: plan(bwrap, namespace=open_namespace(), nesting=False)
    yield "run as this user", lambda: plan(bwrap, namespace=None, nesting=False)
    manner = "run as this user, who may make user namespaces within"
    yield manner, lambda: plan(bwrap, namespace=None, nesting=True)


async def breach(launch: Launch) -> str | None:
    """What a harmless program can do behind the walls that it must not; None if they hold."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        attempts = {
            f"not connects({server.getsockname()[1]})": "the network can be reached",
            f"not any(sees(path) for path in {private()!r})": "private files can be read",
            "not any(map(writes, ('/', '/dev', '/usr/lib', os.path.dirname(os.__file__))))": (
                "files outside of /tmp can be written"
            ),
            "writes('/tmp')": "/tmp cannot be written",
            f"forks({MOST_PROCESSES + 8}) <= {MOST_PROCESSES}": "processes are not limited",
        }
        tests = tuple(f"assert {attempt}" for attempt in attempts)
        try:
            result = await execute(launch, Program(PROBE, tests, limits=Limits(10.0, 30.0)))
        except ServiceError as error:
            return str(error).removeprefix("sandbox: ")
    for verdict, broken in zip(result.verdicts, attempts.values(), strict=True):
        if verdict.verdict == "fail":
            return broken
        if verdict.verdict != "pass":
            return f"the trial ended in {verdict.verdict} ({verdict.exception})"
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
