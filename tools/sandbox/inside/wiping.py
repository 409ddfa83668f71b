"""Leaves /tmp as empty as it was, whatever a program has made of it.

Only the fork server calls this, which has made sure that it is behind walls; by then every process
of the program is dead.
"""

from __future__ import annotations

import os
import time

from opencodeinstruct.tools.sandbox.inside.enclosure import TMP


def wipe(*, own: bool) -> None:
    """Leave /tmp, where the server is, as empty as it was, and as open if it is its `own`.

    Raises what the kernel does where that cannot be done: the server ends of it, and is replaced.
    """
    if own:  # so the program could change it as well
        os.chmod(TMP, 0o1777)
    while names := os.listdir(TMP):
        for name in names:
            remove(name)


def remove(name: str) -> None:
    """Delete a file of /tmp; of a folder, bring what it holds up here, then delete it.

    So no path is ever long, however deep the folders lie. No link is followed.
    """
    try:
        os.unlink(name)
        return
    except IsADirectoryError:
        pass
    os.chmod(name, 0o700)
    for number, inner in enumerate(os.listdir(name)):
        path = f"{name}/{inner}"
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            os.rename(path, f".{time.monotonic_ns()}-{number}")
        else:
            os.unlink(path)
    os.rmdir(name)
