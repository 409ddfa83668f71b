"""Rows of many parts through one window: the next part's rows fill the gaps of the one before.

However slow a single row is, as many others are under way as may be. A part is handed on when all
of its rows are done; until then only it is held, up to a limit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from opencodeinstruct.tools.in_order import end
from opencodeinstruct.tools.outcome import Outcome, Row

AHEAD = 32  # rows held for each that may be under way: a row may take so many times the mean


@dataclass(slots=True)
class _Part:
    """A part under way: what became of its rows, in their order; None where that is open."""

    number: int
    outcomes: list[Outcome | None]
    left: int


@dataclass(frozen=True, slots=True)
class Flow:
    """How rows flow: `load` reads a part's rows and `work` settles one, in any order.

    `done` is handed each part with the outcomes in the order of its rows; at most `at_once` rows
    are under way.
    """

    load: Callable[[int], list[Row]]
    work: Callable[[Row], Awaitable[Outcome]]
    done: Callable[[int, list[Outcome]], Awaitable[None]]
    at_once: int


async def flow_through(flow: Flow, parts: Sequence[int]) -> None:
    """Put the rows of `parts` through; when something raises, the rest is cancelled first."""
    window = _Window(flow)
    try:
        await window.feed(parts)
    finally:
        await window.end()


class _Window:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._slots = asyncio.Semaphore(max(flow.at_once, 1))
        self._most_held = AHEAD * max(flow.at_once, 1)
        self._held = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()

    async def feed(self, parts: Sequence[int]) -> None:
        reading: asyncio.Task[list[Row]] | None = None
        for position, number in enumerate(parts):
            reading = reading or self._read(number)
            rows = await self._unless_failed(reading)
            following = parts[position + 1 : position + 2]
            reading = self._read(following[0]) if following else None
            await self._start(_Part(number, [None] * len(rows), len(rows)), rows)
            await self._until(lambda: self._held < self._most_held)
        await self._until(lambda: not self._tasks)

    async def end(self) -> None:
        """Leave nothing under way."""
        await end(list(self._tasks))

    async def _start(self, part: _Part, rows: list[Row]) -> None:
        self._held += len(rows)
        if not rows:
            self._begin(self._finish(part))
        for index, row in enumerate(rows):
            await self._slots.acquire()
            if self._failure is not None:
                raise self._failure
            self._begin(self._one(part, index, row))

    async def _one(self, part: _Part, index: int, row: Row) -> None:
        try:
            part.outcomes[index] = await self._flow.work(row)
        finally:
            self._slots.release()
        part.left -= 1
        if not part.left:
            await self._finish(part)

    async def _finish(self, part: _Part) -> None:
        outcomes = [outcome for outcome in part.outcomes if outcome is not None]
        await self._flow.done(part.number, outcomes)
        self._held -= len(outcomes)

    def _read(self, number: int) -> asyncio.Task[list[Row]]:
        return self._begin(asyncio.to_thread(self._flow.load, number))

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and task.exception() is not None and self._failure is None:
            self._failure = task.exception()
            self._slots.release()  # whoever waits for a slot hears of it

    async def _unless_failed(self, task: asyncio.Task[list[Row]]) -> list[Row]:
        await self._until(task.done)
        return task.result()

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds`, or raise what a row or part failed with."""
        while True:
            if self._failure is not None:
                raise self._failure
            if holds():
                return
            self._changed.clear()
            await self._changed.wait()
