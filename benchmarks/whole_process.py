"""What a whole process cost: CPU seconds of it and all its children, the peak of its memory."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opencodeinstruct.builder.errors import ProjectError

_WATCHED = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""
"""Starts a program from a process so small that its own memory does not count as the program's."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process and its children: seconds by the clock and of CPU, bytes at the peak."""

    wall: float
    cpu: float
    peak: int


def cost_of(
    name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """Run `command`, the path of a program first, and measure it; what it prints goes to `log`.

    Raises `ProjectError` with `name` and its last words if it fails.
    """
    usage = log.with_suffix(".usage")
    began = time.monotonic()
    with log.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _WATCHED, str(usage), *command],
            stdout=file,
            stderr=file,
            env=environment,
            check=False,
        )
    wall = time.monotonic() - began
    if done.returncode:
        said = " | ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
        raise ProjectError(f"{name}: ended with {done.returncode} ({said}).")
    cpu, peak = usage.read_text(encoding="ascii").split()
    return Cost(wall, float(cpu), int(peak) * 1024)
