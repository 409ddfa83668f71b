"""A model in this process without a server: requests join an engine while it works on others.

One thread owns the engine and does nothing but step it; whoever asks waits for its answer. The
engine is a port, of which `vllm_engine.py` has the real one.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Protocol

from opencodeinstruct.builder.errors import ProjectError, ServiceError
from opencodeinstruct.tools.ports import Answer, Refused, Request, Stopped
from opencodeinstruct.tools.stop import again


class Engine(Protocol):
    """Works on many requests at once; all calls come from one thread.

    Any exception but those that are named here means that the engine is broken.
    """

    def add(self, key: str, request: Request) -> None:
        """Begin with `request`; `Refused` when it never can be served."""

    def drop(self, key: str) -> None:
        """Forget the request of `key`, if it is still there."""

    def is_busy(self) -> bool:
        """Whether any request is unfinished."""

    def step(self) -> list[tuple[str, Answer | ProjectError]]:
        """Work a little on all requests; those that are finished now, each with its key."""


Load = Callable[[], Engine]
OnWait = Callable[[], None]
"""Called every tenth of a second while the engine is loaded; what it raises ends the wait."""


class VllmOffline:
    """Asks the engine that `load` makes, `most` requests at once; the model is called `name`.

    A context manager. Entering returns when the engine is loaded, and raises what `load` raises;
    leaving ends the engine's thread, and with it whatever it still works on.
    """

    def __init__(self, name: str, load: Load, *, most: int, on_wait: OnWait) -> None:
        self._name, self._load, self._on_wait = name, load, on_wait
        self._places = asyncio.Semaphore(most)
        self._inbox: SimpleQueue[tuple[str, Request | None]] = SimpleQueue()
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._keys = count()
        self._loaded, self._closed = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._stopped: Stopped | None = None
        # A daemon: an interrupted command ends though weights are still being loaded.
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)

    def __enter__(self) -> "VllmOffline":
        self._thread.start()
        try:
            while not self._loaded.wait(0.1):
                self._on_wait()
        except BaseException:
            self._closed.set()
            raise
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._inbox.put(("", None))
        self._thread.join()

    async def ask(self, request: Request, name: str) -> Answer:
        """The engine's answer to `request`.

        Raises `Refused` when it will never serve this request, `ServiceError` when the engine is
        broken, `Stopped` when the run is to end and this request has not begun.
        """
        async with self._places:
            if self._stopped is not None:
                raise again(self._stopped)
            key = str(next(self._keys))
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._waiting[key] = future
            try:
                if self._failure is not None:  # looked at only now: from here on we would be told
                    raise self._broken()
                self._inbox.put((key, request))
                return await future
            finally:
                if self._waiting.pop(key, None) is not None:
                    self._inbox.put((key, None))

    async def models(self) -> tuple[str, ...]:
        """The one model that is loaded."""
        return (self._name,)

    def stop(self, stopped: Stopped) -> None:
        """Begin with no request any more; those under way come to their end."""
        self._stopped = stopped

    def _work(self) -> None:
        """The life of the engine's thread."""
        try:
            engine = self._load()
            self._loaded.set()
            while not self._closed.is_set():
                self._take(engine)
                for key, outcome in engine.step() if engine.is_busy() else ():
                    self._settle(key, outcome)
        except Exception as error:  # noqa: BLE001 - whatever broke it, all who wait must hear of it
            self._failure = error
            self._loaded.set()
            for key in list(self._waiting):
                self._settle(key, self._broken())

    def _take(self, engine: Engine) -> None:
        """Hand on all that was asked for meanwhile; wait for something where nothing is to do."""
        wait = not engine.is_busy()
        with suppress(Empty):
            while True:
                key, request = self._inbox.get(block=wait)
                wait = False
                if request is None:
                    engine.drop(key)
                    continue
                try:
                    engine.add(key, request)
                except Refused as refused:
                    self._settle(key, refused)

    def _settle(self, key: str, outcome: Answer | Exception) -> None:
        """Let whoever waits for `key` go on; nobody does after a cancellation."""
        future = self._waiting.pop(key, None)
        if future is not None:
            with suppress(RuntimeError):  # the loop is closed: its command was cut off
                future.get_loop().call_soon_threadsafe(_finish, future, outcome)

    def _broken(self) -> ServiceError:
        said = " ".join(str(self._failure).split())[:300] or type(self._failure).__name__
        return ServiceError(
            f"vLLM broke while it worked on {self._name} ({said}). Run the same command again."
        )


def _finish(future: "asyncio.Future[Answer]", outcome: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Answer):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
