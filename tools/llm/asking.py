"""The `Ask` that a run is wired with: roles, endpoints and the journal behind one coroutine.

A request is answered from the journal where it can be; only one that cannot starts a server. So a
finished run that is run again needs neither weights nor network.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.llm.journal import Asked, Journal, asked
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.oversight import Oversight
from opencodeinstruct.tools.llm.servers import Client, Servers, served_name
from opencodeinstruct.tools.llm.weights import Progress, no_progress
from opencodeinstruct.tools.ports import Answer, Ask, Message, Request, Role, Sampling
from opencodeinstruct.tools.stop import Stop

OnServers = Callable[[Servers], None]
"""Handed the servers of a run when it begins."""

OnAnswer = Callable[[Request, Answer, bool], None]
"""Told of each answer; the flag says that it was not paid for: recorded, or shared."""


@asynccontextmanager
async def asking(
    models: Mapping[Role, ModelSettings],
    journal_path: Path,
    *,
    progress: Progress = no_progress,
    on_answer: OnAnswer | None = None,
    oversight: Oversight | None = None,
    on_servers: OnServers | None = None,
) -> AsyncIterator[Ask]:
    """Yield the `Ask` that puts each role's requests to its model and records every answer.

    Roles with the same server share it and its limit. Servers of this machine are started by the
    first request that needs them and are gone afterwards; `progress` hears of that, in another
    thread. The journal is this run's alone: `RunFolderError` when another run has it.
    """
    with Journal(journal_path) as journal:
        async with recording(
            models,
            journal,
            progress=progress,
            on_answer=on_answer,
            oversight=oversight,
            on_servers=on_servers,
        ) as ask:
            yield ask


@asynccontextmanager
async def recording(
    models: Mapping[Role, ModelSettings],
    journal: Journal,
    *,
    progress: Progress = no_progress,
    on_answer: OnAnswer | None = None,
    oversight: Oversight | None = None,
    on_servers: OnServers | None = None,
) -> AsyncIterator[Ask]:
    """As `asking`, with a journal that is already open; `on_servers` is handed the servers.

    When the run is stopped, requests that are under way come to their end and are recorded before
    this ends; only a second interruption cuts them off.
    """
    over = oversight or Oversight()
    flights = _Flights(over.stop)
    names = {role: served_name(settings) for role, settings in models.items()}
    async with Servers(
        models.values(), log_folder=journal.path.parent, progress=progress, oversight=over
    ) as servers:
        if on_servers is not None:
            on_servers(servers)

        async def pay(request: Request, own: Asked) -> Answer:
            client = await servers.client(models[request.role])
            over.meter.in_flight += 1
            began = time.monotonic()
            try:
                answer = await client.ask(request, names[request.role])
            finally:
                over.meter.in_flight -= 1
            answer = replace(answer, seconds=round(time.monotonic() - began, 3))
            await journal.record(own, answer)
            over.meter.answered(request, answer, free=False)
            return answer

        async def ask(request: Request) -> Answer:
            own = asked(names[request.role], request)
            if request.instead_of:
                over.meter.unreadable[request.instead_of] += 1
            answer = journal.recall(own)
            free = answer is not None
            if answer is None:
                over.check()
                key = (own.key, own.max_tokens)
                free = key in flights.open
                answer = await flights.share(key, lambda: pay(request, own))
            if free:
                over.meter.answered(request, answer, free=True)
            if on_answer is not None:
                on_answer(request, answer, free)
            return answer

        try:
            yield ask
        finally:
            await flights.end()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a model's server says of itself.

    `tokens_per_second` are those of `requests` short requests at once, together; None where the
    endpoint does not count tokens.
    """

    name: str
    models: tuple[str, ...]
    seconds: float
    requests: int
    tokens_per_second: float | None


async def probe(
    settings: ModelSettings, *, progress: Progress = no_progress, servers: Servers | None = None
) -> Probe:
    """Ask the model a few short questions, once each; start its server if it is a local one.

    One that `servers`, those of a run, started or would start is theirs, and stays. Raises
    `Missing`, `ServiceError` or `Refused` as asking would.
    """
    if servers is not None and not settings.places():
        return await _tried(await servers.client(settings), settings)
    once = settings.model_copy(update={"attempts": 1})
    with TemporaryDirectory() as folder:
        async with Servers([once], log_folder=Path(folder), progress=progress) as own:
            return await _tried(await own.client(once), once)


async def _tried(client: Client, settings: ModelSettings) -> Probe:
    name, count = served_name(settings), min(settings.max_concurrent_requests, 8)
    try:
        models = await client.models()
    except ServiceError:
        models = ()  # some hosted endpoints list none; asking says more
    await client.ask(_short_request(count, 1), name)  # the first one also warms the server up
    began = time.perf_counter()
    answers = await asyncio.gather(
        *[client.ask(_short_request(seed), name) for seed in range(count)]
    )
    seconds = time.perf_counter() - began
    counts = [a.completion_tokens for a in answers if a.completion_tokens is not None]
    speed = sum(counts) / seconds if len(counts) == len(answers) else None
    return Probe(name, models, seconds, count, speed)


def _short_request(seed: int, tokens: int = 32) -> Request:
    text = f"Write the numbers from {seed + 1} to {seed + 40} in words, one a line."
    return Request("solver", (Message("user", text),), Sampling(max_tokens=tokens), seed)


_Key = tuple[bytes, int]


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[Answer]
    waiting: dict[asyncio.Future[Answer], None] = field(default_factory=dict)

    def tell(self) -> None:
        """Tell those who wait what came of it."""
        failure = None if self.task.cancelled() else self.task.exception()
        for waiter in self.waiting:
            if waiter.done():
                continue
            if self.task.cancelled():
                waiter.cancel()
            elif failure is not None:
                waiter.set_exception(failure)
            else:
                waiter.set_result(self.task.result())


@dataclass(slots=True)
class _Flights:
    """Requests under way; those with the same key share one answer, or one failure."""

    stop: Stop
    open: dict[_Key, _Flight] = field(default_factory=dict)
    tasks: set[asyncio.Task[Answer]] = field(default_factory=set)

    async def share(self, key: _Key, pay: Callable[[], Coroutine[None, None, Answer]]) -> Answer:
        """The answer to `key`, paid by whoever asks first; it goes on while anyone waits."""
        flight = self.open.get(key)
        if flight is None:
            flight = self.open[key] = _Flight(asyncio.create_task(pay()))
            self.tasks.add(flight.task)
            flight.task.add_done_callback(partial(self._land, key, flight))
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        flight.waiting[waiter] = None
        try:
            return await waiter
        finally:
            del flight.waiting[waiter]
            left_alone = not flight.waiting and not flight.task.done()
            if left_alone and self.stop.stopped is None:
                self._forget(key, flight.task)
                flight.task.cancel()

    async def end(self) -> None:
        """Wait for what a stopped run has under way; cancel what any other has, and wait."""
        if self.stop.stopped is None:
            for task in self.tasks:
                task.cancel()
        try:
            await asyncio.gather(*self.tasks, return_exceptions=True)
        except asyncio.CancelledError:  # stopped for good
            await asyncio.gather(*self.tasks, return_exceptions=True)
            raise

    def _land(self, key: _Key, flight: _Flight, task: asyncio.Task[Answer]) -> None:
        self.tasks.discard(task)
        self._forget(key, task)
        flight.tell()  # there may be nobody any more

    def _forget(self, key: _Key, task: asyncio.Task[Answer]) -> None:
        if key in self.open and self.open[key].task is task:
            del self.open[key]
