"""One endpoint of the OpenAI chat protocol: a single attempt at a time, and how the endpoint fares.

vLLM, SGLang, llama.cpp, Ollama and hosted services. Whom to ask when, and whether to ask again, is
decided in `client`.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

import aiohttp

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.llm.connection import LONGEST_BODY, too_long
from opencodeinstruct.tools.llm.dialing import direct_site, is_local
from opencodeinstruct.tools.llm.limit import Limit
from opencodeinstruct.tools.llm.protocol import (
    Failed,
    Reply,
    answer_of,
    blames_schema,
    body_of,
    message_of,
    models_of,
    runs_blank,
    seconds_to_wait,
)
from opencodeinstruct.tools.llm.wire import Wire
from opencodeinstruct.tools.ports import Answer, Refused, Request

LONGEST_WAIT = 120.0  # seconds between two attempts, whatever Retry-After says
SHORT_WAIT = 0.5  # seconds for all of us after a 429 that does not say how long
RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})
REFUSED = frozenset({400, 413, 422})
MOST_BLANKS = 3  # in a row, then guided decoding does more harm there than good
BUSY = frozenset({429, 503, 529})  # it is there, but has no room now


class Endpoint:
    """The endpoint at `base_url`; an async context manager, entered in the loop that asks.

    `limit` says how many requests it is given at once and `open` how many it has now. Whoever
    gives it one counts; what the attempts come to is noted here.
    """

    def __init__(
        self,
        base_url: str,
        *,
        limit: Limit,
        api_key_env: str | None = None,
        timeout: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url, self.limit, self.clock = base_url, limit, clock
        self.open = 0
        self.quiet_until = 0.0  # the endpoint asked all of us for a pause
        self._api_key_env, self._timeout = api_key_env, timeout
        self._guided = True  # takes response_format
        self._blanks = 0  # guided answers in a row that ran out in white space
        self._wire: Wire | None = None  # where a connection is all it takes
        self._session: aiohttp.ClientSession | None = None  # where it takes more

    async def __aenter__(self) -> "Endpoint":
        headers = {"Content-Type": "application/json", **self._authorization()}
        site = direct_site(self.base_url)
        if site is not None:
            self._wire = Wire(site, headers, self._timeout)
            return self
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=10),
            trust_env=not is_local(self.base_url),  # proxies do not lead to this machine
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            await self._wire.close()
        if self._session is not None:
            await self._session.close()

    async def attempt(self, request: Request, name: str) -> Answer:
        """One POST, or two where response_format is not taken, or makes it write white space.

        Raises `Failed` where it may be tried again, `Refused` where this request never will be
        served, `Missing` where the key or the model is wrong.
        """
        guided = self._guided and request.schema is not None
        reply = await self._post(request, name, guided=guided)
        if guided and (reply.status in REFUSED or blames_schema(reply.status, reply.body)):
            plain = await self._post(request, name, guided=False)
            if plain.status == 200:
                self._guided = False
            reply = plain
        if reply.status == 200:
            answer = answer_of(reply.body, name)
            return await self._of_use(answer, request, name) if guided else answer
        if reply.status in REFUSED:
            raise Refused(message_of(reply.body) or f"HTTP {reply.status}")
        self._check_login(reply)
        if reply.status == 404:
            await self._say_what_is_missing(name, reply)
        raise self._failed(reply)

    async def _post(self, request: Request, name: str, *, guided: bool) -> Reply:
        url = f"{self.base_url}/chat/completions"
        return await self.exchange("POST", url, body_of(request, name, guided=guided))

    async def _of_use(self, guided: Answer, request: Request, name: str) -> Answer:
        """`guided`, or where it ran out in white space the plain answer, with the tokens of both.

        JSON allows any white space between its parts, so a grammar of it does; a small model that
        may not write what it likes best then writes blanks to the end. Seen with vLLM.
        """
        if not runs_blank(guided):
            self._blanks = 0
            return guided
        self._blanks += 1
        self._guided = self._guided and self._blanks < MOST_BLANKS
        reply = await self._post(request, name, guided=False)
        if reply.status != 200:
            return guided
        plain = answer_of(reply.body, name)
        return replace(
            plain,
            prompt_tokens=_sum(plain.prompt_tokens, guided.prompt_tokens),
            completion_tokens=_sum(plain.completion_tokens, guided.completion_tokens),
        )

    async def models(self) -> tuple[str, ...]:
        """Names of the models the endpoint serves; `ServiceError` when it does not say."""
        url = f"{self.base_url}/models"
        try:
            reply = await self.exchange("GET", url, None)
            self._check_login(reply)
            return models_of(reply.status, reply.body)
        except Failed as failed:
            raise ServiceError(f"{url}: {failed}. Is an OpenAI endpoint there?") from failed

    async def exchange(self, method: str, url: str, body: bytes | None) -> Reply:
        """The reply, whatever its status; `Failed` when there was none, or not all of it."""
        if self._wire is not None:
            return await self._wire.exchange(method, url, body)
        assert self._session is not None, "enter the endpoint first"
        try:
            async with self._session.request(
                method, url, data=body, allow_redirects=False
            ) as response:
                return Reply(response.status, response.headers, await _content(response))
        except TimeoutError as error:
            raise Failed(f"no answer within {self._timeout:g} s", timed_out=True) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Failed(str(error) or type(error).__name__, gone=True) from error

    def _failed(self, reply: Reply) -> Failed:
        said = message_of(reply.body)
        if 300 <= reply.status < 400:
            place = next((v for k, v in reply.headers.items() if k.lower() == "location"), "?")
            return Failed(f"HTTP {reply.status}: it redirects to {place}")
        what = f"HTTP {reply.status}" + (f": {said}" if said else "")
        wait = seconds_to_wait(reply.headers)
        if reply.status == 429:  # the limit is the endpoint's, not this request's
            pause = min(SHORT_WAIT if wait is None else wait, LONGEST_WAIT)
            self.quiet_until = max(self.quiet_until, self.clock() + pause)
        return Failed(
            what,
            wait=wait,
            busy=reply.status in BUSY,
            gone=reply.status >= 500 and reply.status not in BUSY,
            final=reply.status not in RETRIED,
        )

    def _authorization(self) -> dict[str, str]:
        variable = self._api_key_env
        if variable is None:
            return {}
        key = os.environ.get(variable, "").strip()
        if not key:
            raise Missing(
                f"{self.base_url} needs a key: the environment variable {variable} is not set. "
                f"Run: export {variable}=..."
            )
        if not key.isprintable() or not key.isascii():
            raise Missing(f"The environment variable {variable} holds no key: odd characters.")
        return {"Authorization": f"Bearer {key}"}

    def _check_login(self, reply: Reply) -> None:
        if reply.status not in (401, 403):
            return
        variable = self._api_key_env
        what = f"check the key in ${variable}" if variable else "name a key with api_key_env"
        said = message_of(reply.body)
        raise Missing(
            f"{self.base_url} refuses the login (HTTP {reply.status}"
            + (f": {said}" if said else "")
            + f"): {what}."
        )

    async def _say_what_is_missing(self, name: str, reply: Reply) -> None:
        """Raise `Missing` for a 404: the model is absent there, or the URL is wrong."""
        try:
            served = await self.models()
        except ServiceError:
            raise Missing(
                f"{self.base_url}/chat/completions is not there (HTTP 404: "
                f"{message_of(reply.body) or 'no reason given'}). base_url usually ends in /v1."
            ) from None
        raise Missing(
            f"{self.base_url} does not serve the model {name!r}; "
            f"it serves: {', '.join(served) or 'none'}. Name one of these."
        )


async def _content(response: aiohttp.ClientResponse) -> bytes:
    """The body of a reply; `Failed` where it is longer than any answer."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > LONGEST_BODY:
            response.close()
            raise too_long()
    return bytes(content)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
