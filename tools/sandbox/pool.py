"""The sandbox as the pipeline holds it: the `Run` port, a bounded number of programs at once."""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.ports import Program, RunResult
from opencodeinstruct.tools.sandbox.check import build_walls
from opencodeinstruct.tools.sandbox.execute import execute
from opencodeinstruct.tools.sandbox.walls import Launch


class Sandbox:
    """A `Run` port, open within `async with`; at most `workers` programs run at once.

    Opening it tries the walls, and raises `Missing` when they do not hold: nothing is ever run
    without them. Cancelling a call kills its program; leaving the block kills all that still run.
    """

    def __init__(self, *, workers: int | None = None, bwrap: Path | None = None) -> None:
        self._workers = workers or os.cpu_count() or 1
        self._bwrap = bwrap
        self._launch: Launch | None = None
        self._running: set[asyncio.Task[RunResult]] = set()

    async def __aenter__(self) -> Self:
        walls = await build_walls(self._bwrap)
        if walls.launch is None:
            raise Missing(f"{walls.reason}. {walls.advice}")
        self._launch = walls.launch
        self._free = asyncio.Semaphore(self._workers)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        launch, self._launch = self._launch, None
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        if launch is not None:
            launch.close()

    async def __call__(self, program: Program) -> RunResult:
        """A verdict for each test of `program`; `ServiceError` when the sandbox failed twice."""
        self._opened()
        async with self._free:
            task = asyncio.create_task(self._attempt(program))
            self._running.add(task)
            try:
                return await task
            except asyncio.CancelledError:
                if self._launch is not None or cancelled():
                    raise
                raise ServiceError("sandbox: it was closed while the program ran") from None
            finally:
                self._running.discard(task)

    async def _attempt(self, program: Program) -> RunResult:
        """Execute, and once more if the sandbox itself failed; a verdict is never asked twice."""
        try:
            return await execute(self._opened(), program)
        except ServiceError:
            return await execute(self._opened(), program)

    def _opened(self) -> Launch:
        """How to start a program; `ServiceError` before the block is entered and after it."""
        if self._launch is None:
            raise ServiceError("sandbox: it is not open. Use it within `async with`.")
        return self._launch


def cancelled() -> bool:
    """Whether somebody has cancelled the task that asks."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
