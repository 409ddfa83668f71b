"""Running untrusted programs: `Sandbox` is the `Run` port, behind walls that bubblewrap builds.

What is covered. A program has no network, no /proc, no environment of yours, no file of yours to
read, and none to write but in a /tmp of 64 MiB and 4,096 files that is emptied after it. It is in
namespaces of its own (user, pid, mount, network, ipc, uts, cgroup), without capabilities, and not
as the host's root. A filter lets through some 150 system calls: no new process, no exec, no socket,
no signal, trace or limit for another process, no namespace, no mount. It is held to its CPU and
wall time for each test and in all, to its memory, to 64 threads, to 256 open files, to 64 MiB for a
file; what it prints is cut. When a call returns, by whatever way, its processes have been killed.
Where the walls cannot be built, or do not hold when they are tried, nothing is run (`Missing`).

What a `pass` is worth. Tests and solution run in two processes: the one with the tests alone holds
the verdict file and what is expected, and runs no line of the solution; the other answers calls
with data. `trust` says how a pass was seen: `split`, so; `object_eq`, where an operator of the
solution's own object (`==`, `in`, `isinstance`) decided; `shared`, where a test cannot be asked
across two processes (it hands over an object of its own class, patches something around the
solution, derives from its class) and was seen to pass twice in one, which a hostile solution can
forge.

What is steady. Hash seed, `random`, time zone and locale are fixed. A program that names a source
of chance is run again under another hash seed; one whose equal runs differ is `flaky`. Time is not
fixed.

What is not covered. Bugs of the kernel that the allowed calls can reach, of the interpreter or of
JSON in the process with the tests, and what can be learned from timing: for programs of people who
wish you ill, put the whole of it into a virtual machine. A solution can always answer what a test
wants to hear if the question gives it away. Memory is bounded for each of the two processes. Only
the standard library can be imported, and what is named (`packages`).
"""

from opencodeinstruct.tools.sandbox.check import Walls, check_walls, describe
from opencodeinstruct.tools.sandbox.policy import Policy
from opencodeinstruct.tools.sandbox.pool import Sandbox

__all__ = ["Policy", "Sandbox", "Walls", "check_walls", "describe"]
