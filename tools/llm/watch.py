"""A program of its own: run a command and end it, with all it started, when our parent is gone.

    python watch.py COMMAND [ARGUMENT ...]

Parents that end in order close our stdin; parents that are killed, -9 included, leave it closed by
the system, or leave us with another parent. Exits as the command does. Nothing but the standard
library is imported, so that it starts at once.
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

SECONDS_TO_END = 15.0  # between SIGTERM and SIGKILL


def main() -> int:
    """Run the command; 128 + signal, or its exit status, or 0 when we ended it."""
    parent = os.getppid()
    for ending in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        while child.poll() is None:
            readable, _, _ = select.select([0], [], [], 0.1)
            if (readable and not os.read(0, 1)) or os.getppid() != parent:
                break
    finally:
        _end_group(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """Ask the command's process group to end, then make it."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    until = time.monotonic() + SECONDS_TO_END
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _interrupt(number: int, frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
