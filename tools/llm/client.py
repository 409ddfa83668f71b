"""A thin client of the OpenAI chat protocol: vLLM, SGLang, llama.cpp, Ollama and hosted endpoints.

One POST and one GET. What it adds is what a run of many hours needs: failures that may pass are
tried again while their slot serves others, and an endpoint that is dead costs seconds, not hours.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.protocol import (
    Failed,
    answer_of,
    body_of,
    message_of,
    models_of,
    seconds_to_wait,
)
from opencodeinstruct.tools.ports import Answer, Refused, Request

LONGEST_BODY = 16 * 2**20  # bytes; 40,000 tokens are about 200 kB
LONGEST_WAIT = 120.0  # seconds between two attempts, whatever Retry-After says
DOWN_AFTER = 8  # requests in a row that failed with all their attempts
COOL_DOWN = 30.0  # seconds in which a dead endpoint is asked nothing
RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})
REFUSED = frozenset({400, 413, 422})
TIMEOUTS = 2  # attempts that may end in a timeout: each costs minutes


@dataclass(slots=True)
class _Health:
    """What is known about an endpoint: failures since the last answer, and pauses."""

    failures: int = 0
    down_until: float = 0.0
    quiet_until: float = 0.0
    guided: bool = True  # takes response_format
    last_cause: str = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class ChatClient:
    """Asks the endpoint at `base_url`, at most `max_concurrent_requests` at a time.

    An async context manager, to be entered in the event loop that asks. Several roles may share
    one: the model's name comes with each request.
    """

    def __init__(
        self, settings: ModelSettings, *, base_url: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._base_url, self._clock = settings, base_url, clock
        self._slots = asyncio.Semaphore(settings.max_concurrent_requests)
        self._health = _Health()
        self._jitter = random.Random()  # spreads load; nothing that is stored depends on it
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "ChatClient":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._authorization(),
            timeout=aiohttp.ClientTimeout(
                total=self._settings.request_timeout_seconds, sock_connect=10
            ),
            trust_env=not _is_local(self._base_url),  # proxies do not lead to this machine
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, request: Request, name: str) -> Answer:
        """The answer of the model `name` to `request`.

        Raises `Refused` when the endpoint will never serve this request, `Missing` when the key or
        the model is wrong, `ServiceError` when all attempts failed or the endpoint is down.
        """
        timeouts = 0
        cause = Failed("no attempt was made")
        for attempt in range(self._settings.attempts):
            self._check_circuit()
            await self._wait_until_quiet()
            try:
                answer = await self._attempt(request, name)
            except Failed as failed:
                cause = failed
                timeouts += failed.timed_out
                if failed.final or timeouts >= TIMEOUTS or attempt + 1 == self._settings.attempts:
                    break
                await asyncio.sleep(self._pause(failed, attempt))
            else:
                self._health.failures = 0
                self._health.down_until = 0.0
                return answer
        self._note_failure(cause)
        raise ServiceError(self._failure(cause)) from cause

    async def models(self) -> tuple[str, ...]:
        """Names of the models the endpoint serves; `ServiceError` when it does not say."""
        url = f"{self._base_url}/models"
        try:
            reply = await self._exchange("GET", url, None)
            self._check_login(reply)
            return models_of(reply.status, reply.body)
        except Failed as failed:
            raise ServiceError(f"{url}: {failed}. Is an OpenAI endpoint there?") from failed

    async def _attempt(self, request: Request, name: str) -> Answer:
        """One POST, or two where the endpoint does not take response_format."""
        guided = self._health.guided and request.schema is not None
        reply = await self._post(body_of(request, name, guided=guided))
        if guided and reply.status in REFUSED:
            plain = await self._post(body_of(request, name, guided=False))
            if plain.status == 200:
                self._health.guided = False
            reply = plain
        if reply.status == 200:
            return answer_of(reply.body, name)
        if reply.status in REFUSED:
            raise Refused(message_of(reply.body) or f"HTTP {reply.status}")
        self._check_login(reply)
        if reply.status == 404:
            await self._say_what_is_missing(name, reply)
        raise self._failed(reply)

    async def _post(self, body: dict[str, Any]) -> _Reply:
        async with self._slots:
            return await self._exchange("POST", f"{self._base_url}/chat/completions", body)

    async def _exchange(self, method: str, url: str, body: dict[str, Any] | None) -> _Reply:
        """The reply, whatever its status; `Failed` when there was none, or not all of it."""
        assert self._session is not None, "enter the client first"
        try:
            async with self._session.request(
                method, url, json=body, allow_redirects=False
            ) as response:
                content = bytearray()
                async for chunk in response.content.iter_chunked(2**16):
                    content += chunk
                    if len(content) > LONGEST_BODY:
                        response.close()
                        raise Failed(f"a reply of more than {LONGEST_BODY // 2**20} MB")
                return _Reply(response.status, dict(response.headers), bytes(content))
        except TimeoutError as error:
            seconds = self._settings.request_timeout_seconds
            raise Failed(f"no answer within {seconds:g} s", timed_out=True) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Failed(str(error) or type(error).__name__) from error

    def _failed(self, reply: _Reply) -> Failed:
        said = message_of(reply.body)
        if 300 <= reply.status < 400:
            place = next((v for k, v in reply.headers.items() if k.lower() == "location"), "?")
            return Failed(f"HTTP {reply.status}: it redirects to {place}")
        what = f"HTTP {reply.status}" + (f": {said}" if said else "")
        wait = seconds_to_wait(reply.headers)
        if reply.status == 429:  # the limit is the endpoint's, not this request's
            pause = min(wait if wait is not None else self._settings.first_wait_seconds, 120.0)
            until = self._clock() + pause
            self._health.quiet_until = max(self._health.quiet_until, until)
        return Failed(what, wait=wait, final=reply.status not in RETRIED)

    def _pause(self, failed: Failed, attempt: int) -> float:
        """Seconds until the next attempt: doubled each time, or what the endpoint asks for."""
        grown = min(self._settings.first_wait_seconds * 2.0**attempt, 30.0)
        wait = grown * self._jitter.uniform(0.5, 1.0)
        if failed.wait is None:
            return wait
        return min(failed.wait, LONGEST_WAIT) + wait / 4

    async def _wait_until_quiet(self) -> None:
        """Wait while the endpoint has asked all of us for a pause."""
        left = self._health.quiet_until - self._clock()
        if left > 0:
            await asyncio.sleep(left * self._jitter.uniform(1.0, 1.25))

    def _check_circuit(self) -> None:
        """Fail at once while the endpoint is down; one request may look when that is over."""
        if self._health.failures < DOWN_AFTER:
            return
        now = self._clock()
        if now < self._health.down_until:
            raise ServiceError(self._failure(self._health.last_cause))
        self._health.down_until = now + COOL_DOWN  # this request looks, the others wait for it

    def _note_failure(self, cause: Failed) -> None:
        self._health.failures += 1
        self._health.last_cause = str(cause)
        if self._health.failures >= DOWN_AFTER:
            self._health.down_until = self._clock() + COOL_DOWN

    def _failure(self, cause: object) -> str:
        return (
            f"{self._base_url} gives no answer ({cause}). Run the same command again when it works."
        )

    def _authorization(self) -> dict[str, str]:
        variable = self._settings.api_key_env
        if variable is None:
            return {}
        key = os.environ.get(variable, "").strip()
        if not key:
            raise Missing(
                f"{self._base_url} needs a key: the environment variable {variable} is not set. "
                f"Run: export {variable}=..."
            )
        if not key.isprintable() or not key.isascii():
            raise Missing(f"The environment variable {variable} holds no key: odd characters.")
        return {"Authorization": f"Bearer {key}"}

    def _check_login(self, reply: _Reply) -> None:
        if reply.status not in (401, 403):
            return
        variable = self._settings.api_key_env
        what = f"check the key in ${variable}" if variable else "name a key with api_key_env"
        said = message_of(reply.body)
        raise Missing(
            f"{self._base_url} refuses the login (HTTP {reply.status}"
            + (f": {said}" if said else "")
            + f"): {what}."
        )

    async def _say_what_is_missing(self, name: str, reply: _Reply) -> None:
        """Raise `Missing` for a 404: the model is absent there, or the URL is wrong."""
        try:
            served = await self.models()
        except ServiceError:
            raise Missing(
                f"{self._base_url}/chat/completions is not there (HTTP 404: "
                f"{message_of(reply.body) or 'no reason given'}). base_url usually ends in /v1."
            ) from None
        raise Missing(
            f"{self._base_url} does not serve the model {name!r}; "
            f"it serves: {', '.join(served) or 'none'}. Name one of these."
        )


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"
