"""A fork server behind walls, as seen from outside: started, given programs, killed.

What it says is believed as to time and ends; verdicts come from the file that only the process
with the tests could write. Whatever happens, no process of it is left when it is closed.
"""

import asyncio
import contextlib
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.ports import Limits
from opencodeinstruct.tools.sandbox.inside.records import (
    HELLO,
    NONCE_BYTES,
    Order,
    Report,
    packed_tests,
)
from opencodeinstruct.tools.sandbox.walls import Launch

START_SECONDS = 60.0  # for the interpreter to start on a busy machine
GRACE_SECONDS = 2.0  # for the server to end by itself when its socket is closed
MOST_REPORT = 1 << 17
COMPLAINT = 4096  # bytes that are kept of what bubblewrap and Python say


@dataclass(frozen=True, slots=True)
class Work:
    """One run of a program; `split` puts its tests in a process of their own."""

    code: str
    tests: tuple[str, ...]
    entry_point: str | None
    limits: Limits
    split: bool

    def order(self, code: int, asked: int) -> Order:
        """What the fork server is told; `code` and `asked` are the sizes of its files."""
        limits = self.limits
        return Order(
            split=self.split,
            tests=len(self.tests),
            cpu=float(limits.cpu_seconds),
            wall=float(limits.wall_seconds),
            total_cpu=float(limits.total_seconds),
            total_wall=self.total_wall(),
            memory=limits.memory_mib << 20,
            code=code,
            asked=asked,
        )

    def total_wall(self) -> float:
        """Seconds for the whole program: as much longer than its CPU time as for a test."""
        slack = max(1.0, self.limits.wall_seconds / self.limits.cpu_seconds)
        return max(self.limits.total_seconds, self.limits.cpu_seconds) * slack


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a run: the report, the file for verdicts, its nonce, what was printed."""

    report: Report
    verdicts: bytes
    nonce: bytes
    printed: bytes


class ServerDied(ServiceError):
    """The fork server ended, fell silent, or could not be started; no verdict says so."""


class ForkServer:
    """One fork server; `start` it, `run` one program at a time, `close` it.

    `patience` is the seconds of silence that it may need beyond a program's own time.
    """

    def __init__(self, launch: Launch, *, patience: float = START_SECONDS) -> None:
        self._launch, self._patience = launch, patience
        self._process: Process | None = None
        self._control: socket.socket | None = None
        self._heard: asyncio.Future[bytes] | None = None
        self._complaint = bytearray()

    async def start(self) -> None:
        """Start it and wait until it is ready; raises `ServerDied`, and nothing of it is left."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with theirs:
                self._process = await self._spawn(theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            self._launch.close()
        self._control = ours
        self._complaints = asyncio.create_task(self._listen(self._process))
        asyncio.get_running_loop().add_reader(ours, self._readable)
        try:
            hello = await self._next(self._patience)
        except BaseException:
            await asyncio.shield(asyncio.create_task(self.close()))
            raise
        if hello != HELLO:
            await self.close()
            raise ServerDied(f"sandbox: it failed before it had begun ({self._said()})")

    async def _spawn(self, control: socket.socket) -> Process:
        command = self._launch.command
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=control.fileno(),
                stdout=DEVNULL,
                stderr=PIPE,
                pass_fds=self._launch.descriptors,
                start_new_session=True,
                env={},
            )
        except OSError as error:
            raise ServerDied(f"sandbox: {command[0]} cannot be started ({error})") from error

    async def run(self, work: Work) -> Told:
        """Have a program run; raises `ServerDied`, and on any failure the server is closed."""
        assert self._control is not None  # it was started
        nonce = os.urandom(NONCE_BYTES)
        code = work.code.encode("utf-8", "surrogatepass")
        tests = packed_tests(nonce, list(work.tests), work.entry_point)
        with files(code, tests, b"", b"") as held:
            try:
                socket.send_fds(self._control, [work.order(len(code), len(tests)).packed()], held)
                report = await self._next(work.total_wall() + self._patience)
            except OSError:
                report = b""
            except BaseException:
                await asyncio.shield(asyncio.create_task(self.close(kill=True)))
                raise
            if not report:
                await self.close(kill=True)
                raise ServerDied(f"sandbox: it ended while a program ran ({self._said()})")
            verdicts = content(held[2], os.fstat(held[2]).st_size)
            printed = content(held[3], work.limits.output_bytes)
        return Told(Report.unpacked(report), verdicts, nonce, printed)

    async def close(self, *, kill: bool = False) -> None:
        """Close the socket, at which it ends; kill what does not, and wait until all is gone."""
        control, self._control = self._control, None
        if control is not None:
            asyncio.get_running_loop().remove_reader(control)
            control.close()
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            end(process.pid)
        done = asyncio.gather(self._complaints, process.wait())
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await asyncio.shield(done)
        except TimeoutError:
            end(process.pid)
            await done

    @property
    def alive(self) -> bool:
        """Whether it was started and has not been closed."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The process id of its bubblewrap, while it lives."""
        return self._process.pid if self._process is not None else None

    async def _next(self, seconds: float) -> bytes:
        """The next message; b"" when it has ended, or says nothing for so long."""
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[bytes] = loop.create_future()
        self._heard = heard
        alarm = loop.call_later(seconds, fall_silent, heard)
        try:
            return await heard
        finally:
            alarm.cancel()
            self._heard = None

    def _readable(self) -> None:
        if self._control is None:
            return
        try:
            data = self._control.recv(MOST_REPORT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._control)
        if self._heard is not None and not self._heard.done():
            self._heard.set_result(data)

    async def _listen(self, process: Process) -> None:
        assert process.stderr is not None  # it is a pipe
        while part := await process.stderr.read(65536):
            self._complaint += part[: max(0, COMPLAINT - len(self._complaint))]

    def _said(self) -> str:
        text = self._complaint.decode("utf-8", "replace").strip().replace("\n", "; ")
        return text or "it said nothing"


def fall_silent(heard: "asyncio.Future[bytes]") -> None:
    """Nothing was heard in time."""
    if not heard.done():
        heard.set_result(b"")


@contextlib.contextmanager
def files(*contents: bytes) -> Iterator[list[int]]:
    """Files in memory that hold `contents`, without a name, until the block ends."""
    held: list[int] = []
    try:
        for data in contents:
            held.append(os.memfd_create("sandbox", os.MFD_CLOEXEC))
            view = memoryview(data)
            while view:
                view = view[os.write(held[-1], view) :]
        yield held
    finally:
        for file in held:
            os.close(file)


def content(file: int, most: int) -> bytes:
    """The first bytes of a file."""
    return os.pread(file, most, 0)


def end(pid: int) -> None:
    """Kill bubblewrap's group, and first its child, with which the whole namespace dies.

    In root's namespace the child has changed its user, and so is not killed with its parent.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(OSError):  # a kernel without that file, or the child is gone
        for child in children.read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
