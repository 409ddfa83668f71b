"""Many jobs at once, their results in the order of the jobs, and few of either in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WINDOW = 4096
"""Results that may wait for one before them: a program that takes a minute stops no others."""


async def one_by_one(items: Iterable[Item]) -> AsyncIterator[Item]:
    """`items`, for whom takes them from an asynchronous source."""
    for item in items:
        yield item


async def in_order(
    items: AsyncIterator[Item],
    work: Callable[[Item], Awaitable[Result]],
    emit: Callable[[Result], None],
    *,
    at_once: int,
) -> None:
    """Hand `emit` the result of `work` for each of `items`, in order, `at_once` under way.

    The next item is taken when one can be worked on. Whatever raises, or being cancelled, ends all
    that is under way before it goes on to the caller.
    """
    free, window = asyncio.Semaphore(at_once), asyncio.Semaphore(WINDOW)
    started: asyncio.Queue[asyncio.Task[Result] | None] = asyncio.Queue()
    under_way: set[asyncio.Task[Result]] = set()

    async def one(item: Item) -> Result:
        try:
            return await work(item)
        finally:
            free.release()

    def over(task: asyncio.Task[Result]) -> None:
        under_way.discard(task)
        if not task.cancelled():
            task.exception()  # the first failure is raised below; others have nobody to tell

    async def feed() -> None:
        try:
            async for item in items:
                await window.acquire()
                await free.acquire()
                task = asyncio.create_task(one(item))
                under_way.add(task)
                task.add_done_callback(over)
                started.put_nowait(task)
        finally:
            started.put_nowait(None)

    feeder = asyncio.create_task(feed())
    try:
        while (task := await started.get()) is not None:
            emit(await task)
            window.release()
        await feeder
    finally:
        await end([feeder, *under_way])


async def together(works: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """The results of all `works`, in order; whatever raises ends the others before it goes on."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await end(tasks)


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel what of `tasks` goes on, and wait until nothing does; what failed is told nobody."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
