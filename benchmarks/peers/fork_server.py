"""A fork server without walls: what the sandbox would be if it kept nobody in.

One server process for each worker (`fork_server_process.py`), which has loaded the same modules as
the sandbox's. For each sample it forks a child, which runs program and tests and writes the verdict
to a pipe; it is held to CPU, memory and time and reaped. Nothing keeps a program from the machine.
"""

import json
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from benchmarks.harness import Case, Harness, Method, Seen, Setting, interpreter
from opencodeinstruct.tools.sandbox.inside.server import PRELOADED

PROGRAM = Path(__file__).with_name("fork_server_process.py")
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
}


@dataclass(slots=True)
class Server:
    """A server process, and the case that it is at work on."""

    jobs: IO[bytes]
    verdicts: IO[bytes]
    index: int = -1
    began: float = 0.0

    def send(self, index: int, case: Case) -> None:
        """Have it run `case`."""
        job = json.dumps([case.code, case.test]).encode()
        self.index, self.began = index, time.monotonic()
        self.jobs.write(len(job).to_bytes(4, "little") + job)
        self.jobs.flush()

    def receive(self) -> Seen:
        """What came of it."""
        length = int.from_bytes(self.verdicts.read(4), "little")
        why = self.verdicts.read(length).decode(errors="replace")
        return Seen(why == "pass", "" if why == "pass" else why, time.monotonic() - self.began)


@contextmanager
def opened(setting: Setting) -> Iterator[Harness]:
    """`workers` servers, all ready."""
    with ExitStack() as stack:
        servers = [stack.enter_context(served(setting)) for _ in range(setting.workers)]
        yield lambda cases, done: run(servers, cases, done)


@contextmanager
def served(setting: Setting) -> Iterator[Server]:
    """One server; it is gone afterwards."""
    limits = json.dumps(
        {
            "seconds": setting.seconds,
            "memory_mib": setting.memory_mib,
            "preloaded": PRELOADED,
        }
    )
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [interpreter(), "-s", "-P", "-S", "-B", str(PROGRAM), limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env=ENVIRONMENT,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            if process.stdout.read(5) != b"ready":
                raise OSError("the fork server did not start")
            yield Server(process.stdin, process.stdout)
        finally:
            process.stdin.close()
            process.send_signal(signal.SIGTERM)
            process.wait()
            process.stdout.close()


def run(servers: list[Server], cases: Sequence[Case], done: Callable[[], None]) -> list[Seen]:
    """Each case by whichever server is free."""
    waiting = iter(enumerate(cases))
    seen: dict[int, Seen] = {}
    with selectors.DefaultSelector() as selector:
        for server, (index, case) in zip(servers, waiting, strict=False):
            selector.register(server.verdicts, selectors.EVENT_READ, server)
            server.send(index, case)
        while len(seen) < len(cases):
            for key, _ in selector.select():
                server = key.data
                seen[server.index] = server.receive()
                done()
                for index, case in waiting:
                    server.send(index, case)
                    break
    return [seen[index] for index in range(len(cases))]


METHOD = Method(
    version=lambda: f"Python {sys.version.split()[0]}",
    open=opened,
)
