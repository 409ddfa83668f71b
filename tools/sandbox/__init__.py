"""Running untrusted programs: `Sandbox` is the `Run` port, behind walls that bubblewrap builds.

What is covered. A program has no network, no /proc, no environment of yours, no file of yours to
read and none to write but in a /tmp of 64 MiB that ends with it. It is in namespaces of its own
(user, pid, mount, network, ipc, uts, cgroup), without capabilities, and not as the host's root. It
is held to its CPU and wall time for each test, to its memory for each process, to 32 processes, to
256 open files, to 64 MiB for a file; what it prints is cut. When a call returns, by whatever way,
its processes have been killed. Where the walls cannot be built, or do not hold when they are tried,
nothing is run (`Missing`). The same program gets the same verdicts: hash seed, `random`, time zone
and locale are fixed; time is not.

What is not covered. Tests and candidate share a process, so a hostile program can forge its own
verdicts (an `__eq__` that is always true, the caller's frame, the verdict pipe): it cannot reach
beyond them, but `pass` from a hostile program means nothing. Where the pipeline is not run by root
and kernel.yama.ptrace_scope is 0, it can also stop the driver, and so hold up one worker for a
minute and a half. System calls are not filtered, so bugs of the kernel are within reach. Memory is
bounded for each process, not for a program's processes together, and the number of files in /tmp is
not bounded. Only the standard library can be imported.
"""

from opencodeinstruct.tools.sandbox.check import Walls, check_walls, describe
from opencodeinstruct.tools.sandbox.pool import Sandbox

__all__ = ["Sandbox", "Walls", "check_walls", "describe"]
