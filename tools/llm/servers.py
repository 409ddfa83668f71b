"""The servers behind a run's models: each is started, or connected to, when first asked.

Models with the same endpoint share it, its connections and its limit of concurrent requests.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from opencodeinstruct.builder.errors import Missing, ProjectError
from opencodeinstruct.tools.llm.client import ChatClient
from opencodeinstruct.tools.llm.collecting import seldom
from opencodeinstruct.tools.llm.embedded import EmbeddedServer
from opencodeinstruct.tools.llm.endpoint import Endpoint
from opencodeinstruct.tools.llm.limit import Limit
from opencodeinstruct.tools.llm.model_settings import EndpointSettings, ModelSettings, for_vllm
from opencodeinstruct.tools.llm.oversight import Oversight
from opencodeinstruct.tools.llm.replay import Replay
from opencodeinstruct.tools.llm.routing import Member
from opencodeinstruct.tools.llm.steering import steer
from opencodeinstruct.tools.llm.vllm_engine import load_engine
from opencodeinstruct.tools.llm.vllm_offline import VllmOffline
from opencodeinstruct.tools.llm.vllm_server import VllmServer, last_words
from opencodeinstruct.tools.llm.weights import Progress, model_name, no_progress, resolve

Client = ChatClient | Replay | VllmOffline

_Started = TypeVar("_Started")


def served_name(settings: ModelSettings) -> str:
    """The model's name in requests and in the journal.

    For weights, the file's name without suffix; for a folder that vLLM loads, the folder's.
    """
    if settings.service == "embedded":
        return model_name(settings.name)
    if settings.service in ("vllm", "vllm-offline"):
        return for_vllm(settings)[1]
    return settings.name


class Servers:
    """Clients of the servers of `models`; an async context manager that ends what it started."""

    def __init__(
        self,
        models: Iterable[ModelSettings],
        *,
        log_folder: Path,
        progress: Progress = no_progress,
        oversight: Oversight | None = None,
    ) -> None:
        self._settings = _by_server(models)
        self._log_folder, self._progress = log_folder, progress
        self._oversight = oversight or Oversight()
        self._clients: dict[str, Client] = {}
        self._known: dict[int, tuple[ModelSettings, Client]] = {}  # by id: every request looks
        self._members: dict[str, Member] = {}
        self._failures: dict[str, ProjectError] = {}
        self._locks = {server: asyncio.Lock() for server in self._settings}
        self._steering: list[asyncio.Task[None]] = []
        self._stop = threading.Event()

    async def __aenter__(self) -> "Servers":
        self._stack = AsyncExitStack()
        self._stack.enter_context(seldom())
        self._started = ExitStack()
        self._oversight.stop.tell(self._stop_clients)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        for task in self._steering:
            task.cancel()
        await asyncio.gather(*self._steering, return_exceptions=True)
        await self._stack.aclose()
        await asyncio.to_thread(self._started.close)

    async def client(self, settings: ModelSettings) -> Client:
        """The client of the server of `settings`, started now if it was not.

        A start that failed fails again with the same error, without another try.
        """
        known = self._known.get(id(settings))
        if known is not None:
            return known[1]
        server = server_of(settings)
        async with self._locks[server]:
            if server in self._failures:
                raise self._failures[server]
            if server not in self._clients:
                try:
                    self._clients[server] = await self._connect(self._settings[server])
                except ProjectError as error:
                    self._failures[server] = error
                    raise
        self._known[id(settings)] = settings, self._clients[server]
        return self._clients[server]

    async def _connect(self, settings: ModelSettings) -> Client:
        if settings.service == "replay":
            return self._started.enter_context(Replay(settings.name))
        if settings.service == "vllm-offline":
            engine = await self._in_thread(lambda: self._load(settings))
            if self._oversight.stop.stopped is not None:
                engine.stop(self._oversight.stop.stopped)
            return engine
        places = settings.places() or (await self._started_here(settings),)
        members = [(await self._member(place, settings), place.weight) for place in places]
        client = ChatClient(settings, members, on_failure=self._oversight.meter.failed)
        self._stack.callback(client.close)
        if self._oversight.stop.stopped is not None:
            client.stop(self._oversight.stop.stopped)
        return client

    async def _started_here(self, settings: ModelSettings) -> EndpointSettings:
        base_url = await self._in_thread(lambda: self._start(settings))
        most = settings.max_concurrent_requests
        return EndpointSettings(base_url=base_url, max_concurrent_requests=most)

    async def _in_thread(self, start: Callable[[], _Started]) -> _Started:
        """What `start` returns; when nobody waits any more, its next report of progress ends it."""
        starting = asyncio.ensure_future(asyncio.to_thread(start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait([starting])
            if not starting.cancelled():
                starting.exception()
            raise

    async def _member(self, place: EndpointSettings, settings: ModelSettings) -> Member:
        """The endpoint at `place`, shared by all clients that ask it."""
        key = f"{place.base_url} {place.api_key_env or ''}"
        if key in self._members:
            return self._members[key]
        most = self._most_at(place) or settings.max_concurrent_requests
        endpoint = Endpoint(
            place.base_url,
            limit=Limit(most, settings.first_concurrent_requests or most),
            api_key_env=place.api_key_env,
            timeout=self._longest_timeout(place),
        )
        member = Member(await self._stack.enter_async_context(endpoint))
        member.on_event = self._oversight.on_event
        self._members[key] = member
        self._steering.append(asyncio.create_task(self._steer(member)))
        return member

    async def _steer(self, member: Member) -> None:
        with suppress(ProjectError):
            queues, every = self._oversight.meter.queues, self._oversight.steer_every
            await steer(member, queues.__setitem__, every=every)

    def _sharing(self, place: EndpointSettings) -> list[tuple[ModelSettings, EndpointSettings]]:
        """All models that are asked at `place`, each with what it says of it."""
        return [
            (settings, own)
            for settings in self._settings.values()
            for own in settings.places()
            if (own.base_url, own.api_key_env) == (place.base_url, place.api_key_env)
        ]

    def _most_at(self, place: EndpointSettings) -> int:
        limits = [own.max_concurrent_requests or 0 for _, own in self._sharing(place)]
        return max([place.max_concurrent_requests or 0, *limits])

    def _longest_timeout(self, place: EndpointSettings) -> float:
        sharing = [settings.request_timeout_seconds for settings, _ in self._sharing(place)]
        return max(sharing, default=3600.0)

    def _stop_clients(self, stopped: object) -> None:
        for client in self._clients.values():
            if not isinstance(client, Replay) and self._oversight.stop.stopped is not None:
                client.stop(self._oversight.stop.stopped)

    def _start(self, settings: ModelSettings) -> str:
        """Start the server of `settings`, in a thread of its own; the base URL it answers at."""
        if settings.service == "vllm":
            weights, name, log = self._for_vllm(settings)
            return self._started.enter_context(
                VllmServer(weights, log, name=name, progress=self._report)
            ).base_url
        path = resolve(settings.name, progress=self._report)
        self._report(0, 0, f"loading {path.name}")
        server = EmbeddedServer(
            path,
            slots=settings.max_concurrent_requests,
            context_tokens=settings.context_tokens,
        )
        return self._started.enter_context(server).base_url

    def _load(self, settings: ModelSettings) -> VllmOffline:
        """vLLM with the model of `settings` in this process, loaded."""
        weights, name, log = self._for_vllm(settings)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        engine = VllmOffline(
            name,
            lambda: load_engine(weights, name, log),
            most=settings.max_concurrent_requests,
            on_wait=lambda: self._report(0, 0, f"loading into vLLM: {last_words(log)}"),
        )
        return self._started.enter_context(engine)

    def _for_vllm(self, settings: ModelSettings) -> tuple[str, str, Path]:
        """What vLLM loads, what that is called, and where its log goes."""
        weights, name = for_vllm(settings)
        if weights.startswith("/") and not Path(weights).is_dir():
            raise Missing(f"{weights} is no folder of a model. Name another one, or a model.")
        return weights, name, self._log_folder / f"vllm-{name.replace('/', '--')}.log"

    def _report(self, done: int, total: int, what: str) -> None:
        if self._stop.is_set():
            raise StartStopped
        self._progress(done, total, what)


class StartStopped(Exception):
    """Ends a start that nobody waits for any more; never leaves this module."""


def server_of(settings: ModelSettings) -> str:
    """What models on the same server have in common: its URLs, or the weights it was started for.

    Models at the same endpoints that are paced differently have clients of their own.
    """
    if settings.service == "endpoint":
        places = [f"{p.base_url} {p.api_key_env or ''} {p.weight}" for p in settings.places()]
        pace = (settings.attempts, settings.first_wait_seconds, settings.patience_seconds)
        return f"{', '.join(places)} {pace}"
    if settings.service == "embedded":
        return f"embedded {model_name(settings.name)}"
    return settings.name


def _by_server(models: Iterable[ModelSettings]) -> dict[str, ModelSettings]:
    """One settings for each server: the largest of the limits that its models are given."""
    merged: dict[str, ModelSettings] = {}
    limits = ("max_concurrent_requests", "request_timeout_seconds", "attempts", "context_tokens")
    for settings in models:
        server = server_of(settings)
        other = merged.setdefault(server, settings)
        largest = {name: max(getattr(settings, name), getattr(other, name)) for name in limits}
        merged[server] = other.model_copy(update=largest)
    return merged
