"""Plain HTTP/1.1 to one server, with as little of the client's CPU as can be.

Connections are kept and used again, the last one first. For all else (TLS, proxies, redirects,
cookies) there is aiohttp, which `endpoint` takes where `dialing` finds that more is needed.
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from opencodeinstruct.tools.llm.connection import Connection, Unheard
from opencodeinstruct.tools.llm.dialing import Dialer, Site
from opencodeinstruct.tools.llm.protocol import Failed, Reply

CONNECT = 10.0  # seconds
IDLE = 15.0  # seconds, then what lies between may have forgotten the connection
AT_ONCE = 5.0  # seconds in which a server that closed an idle connection is heard to have done so
BUFFER = 2**18  # bytes read at once


class Wire:
    """Exchanges with `site`, each within `timeout` seconds; `headers` come with every request."""

    def __init__(self, site: Site, headers: Mapping[str, str], timeout: float) -> None:
        self._site, self._timeout = site, timeout
        sent = {
            "Host": site.authority,
            "User-Agent": "opencodeinstruct",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **headers,
        }
        self._common = "".join(f"{name}: {_fit(value)}\r\n" for name, value in sent.items())
        self._heads: dict[tuple[str, str], bytes] = {}
        self._dialer = Dialer(site)
        self._buffer = memoryview(bytearray(BUFFER))
        self._idle: list[Connection] = []
        self._busy: dict[Connection, float] = {}  # until when it may take
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def exchange(self, method: str, url: str, body: bytes | None) -> Reply:
        """The reply, whatever its status; `Failed` when there was none, or not all of it.

        `url` is one of this server's. A server may close an idle connection just as a request
        comes; where not a byte of a reply was heard, that request is sent once more on a new one.
        """
        data = self._request(method, url, body)
        now = asyncio.get_running_loop().time()
        until = now + self._timeout
        connection = self._kept(now)
        if connection is not None:
            try:
                return await self._ask(connection, data, until)
            except Unheard:
                if asyncio.get_running_loop().time() - now > AT_ONCE:
                    raise
        return await self._ask(await self._new(until), data, until)

    async def close(self) -> None:
        """Close every connection; whoever waits is told."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in [*self._idle, *self._busy]:
            connection.end(_closed())
        self._idle.clear()
        await asyncio.sleep(0)  # in which the loop lets go of them

    async def _ask(self, connection: Connection, data: bytes, until: float) -> Reply:
        self._busy[connection] = until
        if self._timer is None or until < self._timer.when():
            self._look_at(until)
        try:
            reply = await connection.ask(data)
        except BaseException:
            connection.end()  # what may still come is for nobody
            raise
        finally:
            del self._busy[connection]
        if connection.is_usable and not self._closed:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.end()
        return reply

    def _kept(self, now: float) -> Connection | None:
        """The connection that was used last, if it is still good; those that are not are closed."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and now - connection.idle_since < IDLE:
                return connection
            connection.end()
        return None

    async def _new(self, until: float) -> Connection:
        self._check_open()
        now = asyncio.get_running_loop().time()
        place = self._site.authority
        try:
            async with asyncio.timeout_at(min(until, now + CONNECT)):
                connection = await self._dialer.dial(lambda: Connection(self._buffer))
        except TimeoutError as error:
            said = f"no answer within {self._timeout:g} s"
            if until > now + CONNECT:
                said = f"no connection to {place} within {CONNECT:g} s"
            raise Failed(said, timed_out=True) from error
        except (OSError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise Failed(f"Cannot connect to {place}: {said}", gone=True) from error
        try:
            self._check_open()
        except Failed:
            connection.end()
            raise
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise _closed()

    def _request(self, method: str, url: str, body: bytes | None) -> bytes:
        """The bytes of a request; its head is made once for all that have it in common."""
        head = self._heads.get((method, url))
        if head is None:
            path = urlsplit(url).path or "/"
            text = f"{method} {path} HTTP/1.1\r\n{self._common}"
            head = self._heads[method, url] = text.encode("ascii")
        if body is None:
            return head + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)

    def _look_at(self, when: float) -> None:
        """See at the time `when` what has taken too long."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._on_time)

    def _on_time(self) -> None:
        """End what has taken too long; one timer does for all, and goes off once in a while."""
        now = asyncio.get_running_loop().time()
        self._timer = None
        for connection in [one for one, until in self._busy.items() if until <= now]:
            connection.end(Failed(f"no answer within {self._timeout:g} s", timed_out=True))
        if self._busy and not self._closed:
            self._look_at(max(min(self._busy.values()), now + 0.001))


def _closed() -> Failed:
    return Failed("the endpoint was closed", gone=True)


def _fit(value: str) -> str:
    """`value`, which must not end its header."""
    if not value.isprintable() or not value.isascii():
        raise ValueError("a header of odd characters")
    return value
