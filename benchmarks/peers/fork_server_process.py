"""The fork server itself: a program of its own, which imports the standard library only.

Its argument is JSON: `seconds`, `memory_mib`, and `preloaded`, the modules to load first. stdin:
jobs, each 4 bytes of length, then JSON [program, tests]. stdout: "ready", then for each job
4 bytes of length and "pass" or what went wrong.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import time
import types
from pathlib import Path

MOST_FILES = 256
MOST_FILE_BYTES = 64 << 20
WALL_FACTOR = 10  # wall seconds for each second of CPU, for a program that sleeps


def main() -> None:
    """Serve jobs until stdin ends."""
    limits = json.loads(sys.argv[1])
    for name in limits.pop("preloaded"):
        with contextlib.suppress(ImportError):  # packages are not in sight, as in the sandbox
            importlib.import_module(name)
    sys.modules["solution"] = types.ModuleType("solution")
    nowhere = os.open(os.devnull, os.O_RDWR)
    jobs, verdicts = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    verdicts.write(b"ready")
    verdicts.flush()
    gc.collect()
    gc.freeze()
    gc.disable()
    while len(length := jobs.read(4)) == 4:
        why = served(jobs.read(int.from_bytes(length, "little")), limits)
        verdicts.write(len(why).to_bytes(4, "little") + why)
        verdicts.flush()


def served(job: bytes, limits: dict[str, float]) -> bytes:
    """The verdict on `job`; its process and its files are gone."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        child(job, write, limits)
    os.close(write)
    try:
        why = watched(pid, read, limits["seconds"])
    finally:
        os.close(read)
        reap(pid)
        wipe()
    return why


def watched(pid: int, pipe: int, seconds: float) -> bytes:
    """What `pid` writes, or "timeout": all CPU time used up, or ten times that by the wall."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    clock = (~pid << 3) | 2  # the CPU clock of another process
    end = time.monotonic() + WALL_FACTOR * seconds
    left = seconds
    while not poll.poll(max(1, left * 1000)):
        left = min(seconds - time.clock_gettime(clock), end - time.monotonic())
        if left <= 0:
            return b"timeout"
    return os.read(pipe, 4096) or b"crash"


def reap(pid: int) -> None:
    """`pid` and the processes that it started are gone."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # before its setsid
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def wipe() -> None:
    """The folder that programs start in is empty."""
    for path in Path().iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def child(job: bytes, pipe: int, limits: dict[str, float]) -> None:
    """Run `job`, write its verdict and end; never returns."""
    os.setsid()
    memory, seconds = int(limits["memory_mib"]) << 20, int(limits["seconds"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE_BYTES, MOST_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    gc.enable()
    random.seed(0)
    why = b"pass"
    try:
        code, test = json.loads(job)
        names = sys.modules["solution"].__dict__
        exec(compile(code, "<solution>", "exec"), names)
        exec(compile(test, "<test>", "exec"), names)
    except BaseException as error:  # noqa: BLE001 - the verdict on a program that raised
        why = f"{type(error).__name__}: {error}".encode(errors="replace")[:4000]
    os.write(pipe, why)
    os._exit(0)


if __name__ == "__main__":
    main()
