"""A user namespace for a sandbox that is started by root.

The kernel does not hold the host's user 0 to RLIMIT_NPROC, so a program must run as somebody else;
but somebody else may not be let into the folder of root's interpreter. So root makes a namespace
that knows itself and one other user: the walls are built as root, and the driver changes over to
the other user before it reads a program.
"""

import os
import subprocess
import sys
from pathlib import Path

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.sandbox.inside.enclosure import SANDBOX_ID

NOBODY = 65534  # the host's user that programs of root run as
HELPER = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000):
    raise SystemExit("unshare(CLONE_NEWUSER): error %d" % ctypes.get_errno())
sys.stdout.write("made")
sys.stdout.flush()
sys.stdin.read(1)
try:
    with open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")  # in the new namespace only: none can be made within it
except OSError:
    pass
sys.stdout.write("done")
"""


def open_namespace() -> int:
    """A descriptor of a new user namespace of root and `NOBODY`; the caller closes it.

    Raises `Missing` when the kernel, or the container that this runs in, does not let it.
    """
    command = [sys.executable, "-I", "-S", "-c", HELPER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as helper:
        assert helper.stdin is not None and helper.stdout is not None  # both are pipes
        if helper.stdout.read(4) != b"made":
            said = helper.communicate()[1].decode("utf-8", "replace").strip()
            raise Missing(f"no user namespace can be made ({said[-200:]})")
        try:
            for kind in ("uid", "gid"):
                text = f"0 0 1\n{SANDBOX_ID} {NOBODY} 1\n"
                Path(f"/proc/{helper.pid}/{kind}_map").write_text(text, encoding="ascii")
            namespace = os.open(f"/proc/{helper.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Missing(f"user {NOBODY} cannot be used in a user namespace ({error})") from error
        helper.communicate(b"x")
    return namespace
