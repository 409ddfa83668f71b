"""What the kernel says about processes: CPU, memory, descriptors of a whole tree of them.

Counted from /proc and not with getrusage: the CPU of a process that is still running, or whose
parent left it to another to be reaped (bubblewrap does), would be missing there.
"""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Process:
    """A process as /proc/PID/stat has it; `cpu` and `cpu_reaped` in seconds, user and system.

    `cpu_reaped` is that of its children that ended, with theirs.
    """

    pid: int
    parent: int
    state: str
    cpu: float
    cpu_reaped: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Of several processes together, in bytes.

    `pss` shares pages out among those who share them; None where the kernel does not let us read
    it. `rss` counts them in each.
    """

    rss: int
    pss: int | None

    @property
    def best(self) -> int:
        """`pss` where there is one."""
        return self.rss if self.pss is None else self.pss


def become_subreaper() -> None:
    """Orphans among the descendants of this process become its children, and stay in its tree."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def read_process(pid: int) -> Process | None:
    """The process `pid`, or None when it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, parent, *rest = text.rpartition(")")[2].split()
    user, system, reaped_user, reaped_system = map(int, rest[9:13])
    return Process(
        pid,
        int(parent),
        state,
        (user + system) / TICKS,
        (reaped_user + reaped_system) / TICKS,
    )


def processes() -> Iterator[Process]:
    """All processes that can be seen."""
    for path in PROC.iterdir():
        if path.name.isdigit() and (process := read_process(int(path.name))) is not None:
            yield process


def descendants(root: int) -> list[Process]:
    """The processes below `root`, without it, zombies too."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(root, []))
    for process in found:  # grows while it is walked
        found.extend(children.get(process.pid, []))
    return found


def cpu_below(root: int) -> float:
    """CPU seconds so far of all that `root` ever started, running or ended."""
    itself = read_process(root)
    reaped = itself.cpu_reaped if itself is not None else 0.0
    return reaped + sum(process.cpu + process.cpu_reaped for process in descendants(root))


def machine_cpu() -> float:
    """CPU seconds since the start of the machine, of all its processes."""
    line = (PROC / "stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, _idle, _wait, interrupts, soft = map(int, line.split()[1:8])
    return (user + nice + system + interrupts + soft) / TICKS


def memory_of(pids: list[int]) -> Memory:
    """The memory of the processes `pids` together; those that are gone have none."""
    rss, pss = 0, 0
    readable = True
    for pid in pids:
        try:
            rss += int((PROC / str(pid) / "statm").read_text().split()[1])
            pss += proportional(pid)
        except PermissionError:
            readable = False
        except OSError:  # it ended meanwhile
            continue
    return Memory(rss * os.sysconf("SC_PAGE_SIZE"), pss if readable else None)


def proportional(pid: int) -> int:
    """The proportional set size of `pid` in bytes."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def descriptors_of(pids: list[int]) -> int | None:
    """How many descriptors `pids` have open together; None where the kernel does not say."""
    count = 0
    for pid in pids:
        try:
            count += sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
        except PermissionError:
            return None
        except OSError:
            continue
    return count


def reap_orphans(spare: int) -> None:
    """Wait for every ended child of this process but `spare`, which somebody else waits for."""
    for process in descendants(os.getpid()):
        if process.parent == os.getpid() and process.state == "Z" and process.pid != spare:
            os.waitpid(process.pid, os.WNOHANG)
