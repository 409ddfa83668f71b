"""The sandbox as the pipeline holds it: the `Run` port, a bounded number of programs at once."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.ports import Program, RunResult, TestVerdict
from opencodeinstruct.tools.sandbox.check import build_walls
from opencodeinstruct.tools.sandbox.packages import freeze
from opencodeinstruct.tools.sandbox.policy import Policy, judge
from opencodeinstruct.tools.sandbox.worker import Worker

MOST_TEXT = 1_000_000  # characters of code and tests; a longer program is refused


class Sandbox:
    """A `Run` port, open within `async with`; at most `workers` programs run at once.

    Opening it tries the walls, and raises `Missing` when they do not hold: nothing is ever run
    without them. `packages` are the distributions that programs may import; the attribute of that
    name has, once it is open, their versions and those of all that they need. Cancelling a call
    kills its program; leaving the block kills all that still run.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        bwrap: Path | None = None,
        packages: Sequence[str] = (),
        policy: Policy = "confirm",
    ) -> None:
        self._count = workers or len(os.sched_getaffinity(0))
        self._bwrap, self._wanted, self._policy = bwrap, tuple(packages), policy
        self._free: asyncio.Queue[Worker] | None = None
        self._workers: list[Worker] = []
        self._running: set[asyncio.Task[RunResult]] = set()
        self.packages: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        frozen = freeze(self._wanted)
        walls = await build_walls(self._bwrap, frozen)
        if walls.build is None:
            raise Missing(f"{walls.reason}. {walls.advice}")
        self.packages = dict(frozen.versions)
        cpus = sorted(os.sched_getaffinity(0))
        self._workers = [Worker(walls.build, cpus[n % len(cpus)]) for n in range(self._count)]
        self._free = asyncio.Queue()
        for worker in self._workers:
            self._free.put_nowait(worker)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._free = None
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def __call__(self, program: Program) -> RunResult:
        """A verdict for each test of `program`; `ServiceError` when the sandbox failed twice."""
        free = self._opened()
        refused = refusal(program)
        if refused is not None:
            return RunResult((refused,) * len(program.tests), 0.0)
        worker = await free.get()
        try:
            self._opened()
            task = asyncio.create_task(self._attempt(program, worker))
            self._running.add(task)
            try:
                return await task
            except asyncio.CancelledError:
                task.cancel()
                if self._free is not None or cancelled():
                    raise
                raise ServiceError("sandbox: it was closed while the program ran") from None
            finally:
                self._running.discard(task)
        finally:
            free.put_nowait(worker)

    async def _attempt(self, program: Program, worker: Worker) -> RunResult:
        """What the policy comes to on one worker."""
        started = time.monotonic()
        finding = await judge(program, worker.look, self._policy)
        return RunResult(
            tuple(finding.verdicts),
            time.monotonic() - started,
            finding.printed,
            finding.cpu_seconds,
            finding.flaky,
        )

    def _opened(self) -> "asyncio.Queue[Worker]":
        """The workers that are free; `ServiceError` before the block is entered and after it."""
        if self._free is None:
            raise ServiceError("sandbox: it is not open. Use it within `async with`.")
        return self._free


def refusal(program: Program) -> TestVerdict | None:
    """The verdict on a program that is not run at all."""
    size = len(program.code) + sum(map(len, program.tests))
    if size > MOST_TEXT:
        reason = f"code and tests have {size} characters, at most {MOST_TEXT} are run"
        return TestVerdict("refused", reason)
    return None


def cancelled() -> bool:
    """Whether somebody has cancelled the task that asks."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
