"""One connection to a plain HTTP server: a request out, a reply in, then the next.

aiohttp's client costs 0.3 ms of CPU for an exchange, which is what a busy server waits for; this
one costs a fifth of it. The parser is llhttp, the same as aiohttp's and as lenient.
"""

import asyncio
import zlib
from typing import cast

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpResponseParser,
)

from opencodeinstruct.tools.llm.protocol import Failed, Reply

LONGEST_BODY = 16 * 2**20  # bytes; 40,000 tokens are about 200 kB
LONGEST_HEAD = 2**16  # bytes in a row that belong to no body
_GZIP_OR_ZLIB = 47  # window bits: zlib finds out which


class Unheard(Failed):
    """The connection ended before a byte of the reply came: the server may not have seen it."""


class Connection(asyncio.BufferedProtocol):
    """Whoever asks is told: the reply, or `Failed`; a fault of ours is raised as it is.

    What comes in is read into `buffer`, which connections of one loop may share: it is parsed
    before anything else happens.
    """

    def __init__(self, buffer: memoryview) -> None:
        self.idle_since = 0.0
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._waiter: asyncio.Future[Reply] | None = None
        self._heard = False  # a byte of the reply came
        self._dry = 0  # bytes since the last one of a body
        self._keep = True  # another request may follow
        self._status = self._size = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._encoding = b""
        self._headed = False  # the head is whole
        self._framed = False  # it says where the body ends
        self._complete = False

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent, as far as is known."""
        return self._keep and self._waiter is None and self._transport is not None

    def ask(self, data: bytes) -> asyncio.Future[Reply]:
        """Send the request `data`; the reply, whatever its status, or `Failed`."""
        waiter: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            waiter.set_exception(Unheard("Server disconnected", gone=True))
            return waiter
        self._waiter, self._heard, self._dry = waiter, False, 0
        self._transport.write(data)
        return waiter

    def end(self, why: Failed | None = None) -> None:
        """Close the connection; whoever waits is told `why`."""
        self._keep = False
        if why is not None:
            self._tell(why)
        if self._transport is not None:
            self._transport.abort()

    # what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what came."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what came."""
        if self._waiter is None or self._parser is None:
            self.end()  # nobody asked for it
            return
        self._heard = True
        self._dry += nbytes
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except HttpParserCallbackError as error:
            raise error.__context__ or error from None
        except (HttpParserError, HttpParserUpgrade) as error:
            self._keep = False
            if not self._complete:
                self.end(Failed(f"the reply is not HTTP ({error})", gone=True))
        if self._complete:
            self._deliver()
        elif self._dry > LONGEST_HEAD:
            self.end(Failed(f"a head of more than {LONGEST_HEAD // 1024} kB", gone=True))

    def eof_received(self) -> bool:
        """The server sends nothing more: for a reply of no known length that is its end."""
        self._keep = False
        if self._waiter is not None and self._headed and not self._framed:
            self._deliver()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits; a fault of ours is not hidden behind the loss."""
        self._keep = False
        self._transport = self._parser = None  # which refers to this connection
        if exc is not None and not isinstance(exc, OSError):
            self._tell(exc)
            return
        said = f"the connection is gone ({exc})" if exc is not None else "Server disconnected"
        if self._heard:
            self._tell(Failed(f"{said} in the middle of its reply", gone=True))
        else:
            self._tell(Unheard(said, gone=True))

    # what the parser tells

    def on_message_begin(self) -> None:
        """A reply begins; one that nobody asked for spoils the connection."""
        if self._complete:
            self._keep = False
        else:
            self._forget()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; what follows a body is none of interest."""
        if self._headed:
            return
        self._headers.append((name, value))
        lowered = name.lower()
        if lowered == b"content-length":
            self._framed = True
        elif lowered == b"transfer-encoding":
            self._framed = self._framed or b"chunked" in value.lower()
        elif lowered == b"content-encoding":
            self._encoding = value.strip().lower()

    def on_headers_complete(self) -> None:
        """A body may follow."""
        assert self._parser is not None
        if not self._complete:
            self._headed, self._status = True, self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        if self._complete:
            return
        self._dry = 0
        self._size += len(body)
        if self._size > LONGEST_BODY:
            self.end(too_long())
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The reply is whole, unless it only said that another one comes."""
        if self._complete or (100 <= self._status < 200 and self._status != 101):
            return
        assert self._parser is not None
        self._complete = True
        self._keep = self._keep and self._parser.should_keep_alive()

    # and what comes of it

    def _forget(self) -> None:
        """Be ready for the next reply."""
        self._status = self._size = 0
        self._headers, self._body, self._encoding = [], [], b""
        self._headed = self._framed = self._complete = False

    def _deliver(self) -> None:
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in self._headers}
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        try:
            if self._encoding not in (b"", b"identity"):
                body = decoded(body, self._encoding)
        except Failed as failed:
            self.end(failed)
        else:
            self._tell(Reply(self._status, headers, body))
        self._forget()

    def _tell(self, outcome: Reply | Exception) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, Reply):
            waiter.set_result(outcome)
        else:
            waiter.set_exception(outcome)


def decoded(body: bytes, encoding: bytes) -> bytes:
    """A body that was compressed though nobody asked for that; `Failed` where it cannot be read."""
    said = encoding.decode("latin-1")
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise Failed(f"a reply in the encoding {said}, which was not asked for", gone=True)
    reader = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        whole = reader.decompress(body, LONGEST_BODY + 1)
    except zlib.error as error:
        raise Failed(f"the reply is not in the encoding {said}, as it says", gone=True) from error
    if len(whole) > LONGEST_BODY:
        raise too_long()
    if not reader.eof:
        raise Failed(f"the reply in the encoding {said} is cut off", gone=True)
    return whole


def too_long() -> Failed:
    """What is said of a reply that is longer than any answer."""
    return Failed(f"a reply of more than {LONGEST_BODY // 2**20} MB")
