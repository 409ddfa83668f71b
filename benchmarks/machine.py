"""The facts that a figure means nothing without: machine, versions, command."""

import os
import platform
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.harness import version_of
from benchmarks.outer_wall import ROOT, bubblewrap

ROUNDS, TRIES = 5_000_000, 3


def a_while() -> float:
    """CPU seconds that this machine needs for a loop of some million rounds, the median.

    A time limit told in these is as much for a program on a fast machine as on a slow one.
    """
    return median(one_while() for _ in range(TRIES))


def one_while() -> float:
    """CPU seconds of the loop, once."""
    before, total = time.process_time(), 0
    for number in range(1, ROUNDS):
        if ROUNDS % number == 0:
            total += number
    return time.process_time() - before


def machine_facts() -> dict[str, object]:
    """Processor, cores in use, memory, kernel, load at the start, Python, commit, command, date."""
    return {
        "command": shlex.join([Path(sys.executable).name, *sys.argv]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_at_start": os.getloadavg()[0],
        "user": "root" if os.getuid() == 0 else "not root",
        "python": platform.python_version(),
        "bubblewrap": bubblewrap().version,
        "opencodeinstruct": version_of("opencodeinstruct"),
        "numpy": version_of("numpy"),
    }


def processor() -> str:
    """The processor's name as the kernel has it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def commit() -> str:
    """The commit that is checked out, with `+` where files differ from it; empty outside of git."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return said.stdout.strip()
