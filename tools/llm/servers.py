"""The servers behind a run's models: each is started, or connected to, when first asked.

Models with the same server share it, its client and its limit of concurrent requests.
"""

import asyncio
import threading
from collections.abc import Iterable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from types import TracebackType

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.llm.client import ChatClient
from opencodeinstruct.tools.llm.embedded import EmbeddedServer
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.vllm_server import VllmServer
from opencodeinstruct.tools.llm.weights import Progress, model_name, no_progress, resolve


def served_name(settings: ModelSettings) -> str:
    """The model's name in requests and in the journal; for weights, the file's without suffix."""
    if settings.service == "embedded":
        return model_name(settings.name)
    return settings.name.removeprefix("vllm:") if settings.service == "vllm" else settings.name


class Servers:
    """Clients of the servers of `models`; an async context manager that ends what it started."""

    def __init__(
        self,
        models: Iterable[ModelSettings],
        *,
        log_folder: Path,
        progress: Progress = no_progress,
    ) -> None:
        self._settings = _by_place(models)
        self._log_folder, self._progress = log_folder, progress
        self._clients: dict[str, ChatClient] = {}
        self._failures: dict[str, ProjectError] = {}
        self._locks = {place: asyncio.Lock() for place in self._settings}
        self._stop = threading.Event()

    async def __aenter__(self) -> "Servers":
        self._stack = AsyncExitStack()
        self._started = ExitStack()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        await asyncio.to_thread(self._started.close)

    async def client(self, settings: ModelSettings) -> ChatClient:
        """The client of the server of `settings`, started now if it was not.

        A start that failed fails again with the same error, without another try.
        """
        place = place_of(settings)
        if place in self._clients:
            return self._clients[place]
        async with self._locks[place]:
            if place in self._failures:
                raise self._failures[place]
            if place not in self._clients:
                try:
                    self._clients[place] = await self._connect(self._settings[place])
                except ProjectError as error:
                    self._failures[place] = error
                    raise
        return self._clients[place]

    async def _connect(self, settings: ModelSettings) -> ChatClient:
        base_url = settings.base_url
        if base_url is None:
            starting = asyncio.ensure_future(asyncio.to_thread(self._start, settings))
            try:
                base_url = await asyncio.shield(starting)
            except asyncio.CancelledError:
                self._stop.set()  # the next report of progress ends the start
                await asyncio.wait([starting])
                if not starting.cancelled():
                    starting.exception()
                raise
        return await self._stack.enter_async_context(ChatClient(settings, base_url=base_url))

    def _start(self, settings: ModelSettings) -> str:
        """Start the server of `settings`, in a thread of its own; the base URL it answers at."""
        if settings.service == "vllm":
            name = served_name(settings)
            log = self._log_folder / f"vllm-{name.replace('/', '--')}.log"
            return self._started.enter_context(
                VllmServer(name, log, progress=self._report)
            ).base_url
        path = resolve(settings.name, progress=self._report)
        self._report(0, 0, f"loading {path.name}")
        server = EmbeddedServer(
            path,
            slots=settings.max_concurrent_requests,
            context_tokens=settings.context_tokens,
        )
        return self._started.enter_context(server).base_url

    def _report(self, done: int, total: int, what: str) -> None:
        if self._stop.is_set():
            raise StartStopped
        self._progress(done, total, what)


class StartStopped(Exception):
    """Ends a start that nobody waits for any more; never leaves this module."""


def place_of(settings: ModelSettings) -> str:
    """What models on the same server have in common: its URL, or the weights it was started for."""
    if settings.base_url is not None:
        return f"{settings.base_url} {settings.api_key_env or ''}"
    if settings.service == "embedded":
        return f"embedded {model_name(settings.name)}"
    return settings.name


def _by_place(models: Iterable[ModelSettings]) -> dict[str, ModelSettings]:
    """One settings for each server: the largest of the limits that its models are given."""
    merged: dict[str, ModelSettings] = {}
    limits = ("max_concurrent_requests", "request_timeout_seconds", "attempts", "context_tokens")
    for settings in models:
        place = place_of(settings)
        other = merged.setdefault(place, settings)
        largest = {name: max(getattr(settings, name), getattr(other, name)) for name in limits}
        merged[place] = other.model_copy(update=largest)
    return merged
