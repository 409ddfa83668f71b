"""One program behind walls, from its start to its verdicts, and nothing left of it afterwards."""

import asyncio
import contextlib
import os
import re
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable
from pathlib import Path

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.ports import Program, RunResult, TestVerdict
from opencodeinstruct.tools.sandbox.inside import records
from opencodeinstruct.tools.sandbox.inside.records import Job, Record
from opencodeinstruct.tools.sandbox.walls import Launch

MOST_TEXT = 1_000_000  # characters of code and tests; a longer program is refused
START_SECONDS = 60.0  # for the interpreter to start on a busy machine
GRACE_SECONDS = 2.0  # for the driver to end by itself when its leash is cut
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


async def execute(launch: Launch, program: Program) -> RunResult:
    """A verdict for each test of `program`; every process that it started has been killed.

    Raises `ServiceError` when the sandbox failed before it had begun with the program.
    """
    started = time.monotonic()
    if not program.tests:
        return RunResult((), 0.0)
    size = len(program.code) + sum(map(len, program.tests))
    if size > MOST_TEXT:
        reason = f"code and tests have {size} characters, at most {MOST_TEXT} are run"
        return RunResult((TestVerdict("refused", reason),) * len(program.tests), 0.0)
    job = job_of(program)
    answer = await converse(launch, job, patience(program))
    found, forged = understood(answer.told, job.nonce)
    if not found:
        said = readable(bytes(answer.complaint)).strip().replace("\n", "; ") or "it said nothing"
        raise ServiceError(f"sandbox: it failed before it had begun ({said})")
    verdicts = judged(found, len(program.tests), forged=forged, late=answer.late)
    printed = b"".join(record.text for record in found if record.kind == records.OUTPUT)
    return RunResult(verdicts, time.monotonic() - started, readable(printed))


def job_of(program: Program) -> Job:
    """The program as the driver reads it, with a new nonce."""
    limits = program.limits
    return Job(
        code=program.code,
        tests=list(program.tests),
        nonce=os.urandom(16),
        cpu=float(limits.cpu_seconds),
        wall=float(limits.wall_seconds),
        memory=limits.memory_mib << 20,
        output=limits.output_bytes,
    )


def patience(program: Program) -> float:
    """Seconds of silence that the driver, which keeps a test's limits, cannot need.

    It tells a verdict at least each time that the code was loaded and a test was run.
    """
    return START_SECONDS + 2 * program.limits.wall_seconds


class Answer:
    """What came back: bytes of the verdict pipe, bubblewrap's complaints, and whether too late."""

    def __init__(self) -> None:
        self.told, self.complaint, self.late = bytearray(), bytearray(), False


async def converse(launch: Launch, job: Job, seconds: float) -> Answer:
    """Start the driver, send it the job and hear it out; no process is left, however this ends."""
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            pass_fds=launch.descriptors,
            start_new_session=True,
            env={},
        )
    except OSError as error:
        raise ServiceError(f"sandbox: {launch.command[0]} cannot be started ({error})") from error
    assert process.stdout is not None and process.stderr is not None  # both are pipes
    answer = Answer()
    most = job.output + 2048 * (len(job.tests) + 64)
    complaints = asyncio.create_task(hear(process.stderr, answer.complaint, 4096, None))
    try:
        await feed(process, job.packed())
        await hear(process.stdout, answer.told, most, seconds)
    except TimeoutError:
        answer.late = True
    finally:
        rest = hear(process.stdout, answer.told, most, None)
        await asyncio.shield(asyncio.create_task(end(process, complaints, rest)))
    return answer


async def hear(
    stream: asyncio.StreamReader, heard: bytearray, most: int, seconds: float | None
) -> None:
    """Add what comes from `stream` to `heard`, up to `most` bytes, until the stream ends.

    Raises `TimeoutError` when nothing comes for `seconds`.
    """
    while True:
        async with asyncio.timeout(seconds):
            part = await stream.read(65536)
        if not part:
            return
        heard += part[: max(0, most - len(heard))]


async def feed(process: Process, data: bytes) -> None:
    """Write `data` and leave the pipe open: it is the leash on which the driver is held."""
    assert process.stdin is not None  # it is a pipe
    with contextlib.suppress(ConnectionError):  # it has ended already, and stderr says why
        process.stdin.write(data)
        async with asyncio.timeout(START_SECONDS):
            await process.stdin.drain()


async def end(process: Process, *readers: Awaitable[None]) -> None:
    """Cut the leash, kill what does not end by that, and wait until all of it is gone."""
    assert process.stdin is not None  # it is a pipe
    if not process.stdin.is_closing():
        process.stdin.transport.abort()
    done = asyncio.gather(*readers, process.wait())
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await asyncio.shield(done)
    except TimeoutError:
        kill(process.pid)
        await done


def kill(pid: int) -> None:
    """Kill bubblewrap's group, and first its child, with which the whole namespace dies.

    In root's namespace the child has changed its user, and so is not killed with its parent.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(OSError):  # a kernel without that file, or the child is gone
        for child in children.read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def understood(told: bytearray, nonce: bytes) -> tuple[list[Record], bool]:
    """The driver's records, none unless the first is its greeting; and whether any is foreign."""
    try:
        found = records.records_of(told, nonce)
    except records.Forged:
        return [], True
    if not found or found[0].kind != records.HELLO:
        return [], False
    return found, any(record.kind == records.FORGED for record in found)


def judged(found: list[Record], tests: int, *, forged: bool, late: bool) -> tuple[TestVerdict, ...]:
    """A verdict for each test: as told, or `timeout` or `crash` where nothing was told."""
    if forged:
        reason = "the program wrote verdicts of its own"
        return (TestVerdict("refused", reason),) * tests
    lost = TestVerdict("timeout" if late else "crash", "the sandbox ended before a verdict")
    verdicts = [lost] * tests
    for record in found:
        if record.kind == records.VERDICT:
            verdicts[record.index] = TestVerdict(
                records.VERDICTS[record.verdict],
                readable(record.text) or None,
                record.line or None,
            )
    return tuple(verdicts)


def readable(text: bytes) -> str:
    """`text` decoded, and without memory addresses, which differ from run to run."""
    return ADDRESS.sub("at 0x...", text.decode("utf-8", "replace"))
