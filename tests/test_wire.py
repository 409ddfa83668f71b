"""The plain HTTP client against real servers that cut, dribble, stall, lie and go away."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opencodeinstruct.tools.llm import connection, wire
from opencodeinstruct.tools.llm.connection import LONGEST_BODY, Connection
from opencodeinstruct.tools.llm.dialing import Site, direct_site
from opencodeinstruct.tools.llm.endpoint import Endpoint
from opencodeinstruct.tools.llm.limit import Limit
from opencodeinstruct.tools.llm.protocol import Failed, Reply
from opencodeinstruct.tools.llm.wire import Wire


@dataclass(slots=True)
class Peer:
    """The server's end of the connection of this number, and what it was asked."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes] = field(default_factory=list)

    async def request(self) -> bytes:
        """The next request, whole; `IncompleteReadError` when the client has gone."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
        body = await self.reader.readexactly(int(length[0].split()[1])) if length else b""
        self.requests.append(head + body)
        return head + body

    async def send(self, *segments: bytes) -> None:
        for segment in segments:
            self.writer.write(segment)
            await asyncio.sleep(0.002)


Serve = Callable[[Peer], Awaitable[None]]


@dataclass(slots=True)
class Served:
    """A server under way."""

    port: int
    peers: list[Peer]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/x"

    @property
    def requests(self) -> list[int]:
        """How many requests each connection brought."""
        return [len(peer.requests) for peer in self.peers]


@asynccontextmanager
async def served(serve: Serve, host: str = "127.0.0.1") -> AsyncIterator[Served]:
    """`serve` is run for each connection, which is closed when it returns."""
    peers: list[Peer] = []
    tasks: set[asyncio.Task[None]] = set()

    async def one(peer: Peer) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await serve(peer)
        finally:
            peer.writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(Peer(len(peers), reader, writer))
        tasks.add(asyncio.ensure_future(one(peers[-1])))

    server = await asyncio.start_server(connected, host, 0, backlog=2048)
    try:
        yield Served(server.sockets[0].getsockname()[1], peers)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def wired(
    port: int, host: str = "127.0.0.1", timeout: float = 30.0, **headers: str
) -> AsyncIterator[Wire]:
    made = Wire(Site(host, port), headers, timeout)
    try:
        yield made
    finally:
        await made.close()


def talk(
    serve: Serve,
    use: Callable[[Wire, Served], Awaitable[Any]],
    timeout: float = 30.0,
) -> Served:
    """Have `use` ask the server; nothing may be said of tasks, sockets or callbacks afterwards."""
    complaints: list[Any] = []

    async def main() -> Served:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        async with served(serve) as server, wired(server.port, timeout=timeout) as own:
            await asyncio.wait_for(use(own, server), 60)
        return server

    server = asyncio.run(main())
    assert complaints == []
    return server


def saying(*segments: bytes, then: str = "close") -> Serve:
    """Answer every request with these bytes; `then` close the connection or wait for the next."""

    async def serve(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*segments)
            if then == "close":
                return

    return serve


def fine(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


OK = fine(b"hello")


def outcome_of(serve: Serve, timeout: float = 30.0) -> Reply | Failed:
    found: list[Reply | Failed] = []

    async def use(own: Wire, server: Served) -> None:
        try:
            found.append(await own.exchange("POST", server.url, b"{}"))
        except Failed as failed:
            found.append(failed)

    talk(serve, use, timeout)
    return found[0]


def test_a_request_is_written_as_http_has_it() -> None:
    async def main() -> list[bytes]:
        async with served(saying(OK, then="next")) as server:
            async with wired(server.port, Authorization="Bearer k") as own:
                await own.exchange("POST", server.url, b'{"a": 1}')
                await own.exchange("GET", f"http://127.0.0.1:{server.port}", None)
            assert len(server.peers) == 1
            return server.peers[0].requests

    posted, got = asyncio.run(main())
    head, _, body = posted.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    port = lines[1].rpartition(":")[2]
    assert lines == [
        "POST /v1/x HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: opencodeinstruct",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Authorization: Bearer k",
        "Content-Length: 8",
    ]
    assert body == b'{"a": 1}'
    assert got.startswith(b"GET / HTTP/1.1\r\n")
    assert b"Content-Length" not in got


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00", "é"])
def test_a_header_cannot_hold_the_end_of_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="odd characters"):
        Wire(Site("h", 80), {"Authorization": value}, 1.0)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WITHOUT_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
REPLIES = {
    OK: Reply(200, {"Content-Length": "5"}, b"hello"),
    fine(b""): Reply(200, {"Content-Length": "0"}),
    b"HTTP/1.1 100 Continue\r\n\r\n" + EARLY + OK: Reply(200, {"Content-Length": "5"}, b"hello"),
    CHUNKED + b"3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n": Reply(
        200, {"Transfer-Encoding": "chunked"}, b"hello"
    ),
    WITHOUT_END + b"hello": Reply(200, {"Content-Type": "text/plain"}, b"hello"),
    b"HTTP/1.0 200 OK\r\n\r\nhello": Reply(200, {}, b"hello"),
    b"HTTP/1.1 204 No Content\r\n\r\n": Reply(204),
    b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n": Reply(
        302, {"Location": "/b", "Content-Length": "0"}
    ),
    b"HTTP/1.1 500 \r\nContent-Length: 2\r\n\r\nno": Reply(500, {"Content-Length": "2"}, b"no"),
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok": Reply(200, {"Content-Length": "2"}, b"ok"),
    fine(b"ok", b"Upgrade: h2c", b"Connection: Upgrade"): Reply(
        200, {"Content-Length": "2", "Upgrade": "h2c", "Connection": "Upgrade"}, b"ok"
    ),
}


@pytest.mark.parametrize("data", REPLIES)
def test_a_reply_comes_back_whole(data: bytes) -> None:
    assert outcome_of(saying(data)) == REPLIES[data]
    assert outcome_of(saying(*[bytes([byte]) for byte in data])) == REPLIES[data]


class Line(asyncio.Transport):
    """A transport without a network: what is written is forgotten, its end is told at once."""

    def __init__(self, protocol: Connection) -> None:
        super().__init__()
        self._protocol, self._over = protocol, False

    def write(self, data: object) -> None:
        pass

    def abort(self) -> None:
        if not self._over:
            self._over = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def is_over(self) -> bool:
        return self._over


def heard(segments: list[bytes]) -> Reply | Failed:
    """What a connection makes of a reply that comes in these segments, then ends."""

    async def main() -> Reply | Failed:
        own = Connection(memoryview(bytearray(2**16)))
        line = Line(own)
        own.connection_made(line)
        waiter = own.ask(b"")
        for segment in segments:
            if segment and not line.is_over():
                own.get_buffer(-1)[: len(segment)] = segment
                own.buffer_updated(len(segment))
        if not line.is_over():
            own.eof_received()
            line.abort()
        try:
            return await asyncio.wait_for(waiter, 5)
        except Failed as failed:
            return failed

    return asyncio.run(main())


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(st.sampled_from(sorted(REPLIES)), st.lists(st.integers(0, 500), max_size=12))
def test_however_a_reply_is_cut_into_segments_it_is_the_same(data: bytes, at: list[int]) -> None:
    assert heard(cut_at(data, at)) == REPLIES[data]


@given(st.lists(st.binary(max_size=200), max_size=6))
@example([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1"])
@example([OK + OK])
@example([b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nbytes"])
def test_whatever_bytes_come_there_is_a_reply_or_it_failed(segments: list[bytes]) -> None:
    assert isinstance(heard(segments), Reply | Failed)


@given(
    st.sampled_from(sorted(REPLIES)),
    st.integers(0, 500),
    st.integers(0, 20),
    st.binary(max_size=20),
    st.lists(st.integers(0, 500), max_size=4),
)
def test_whatever_is_changed_in_a_reply_there_is_a_reply_or_it_failed(
    data: bytes, at: int, gone: int, new: bytes, cuts: list[int]
) -> None:
    place = at % len(data)
    damaged = data[:place] + new + data[place + gone :]
    assert isinstance(heard(cut_at(damaged, cuts)), Reply | Failed)


def compressed(body: bytes, encoding: bytes = b"gzip") -> bytes:
    return fine(body, b"Content-Encoding: " + encoding)


@pytest.mark.parametrize(
    ("data", "says", "gone"),
    [
        (b"", "disconnected", True),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "middle of its reply", True),
        (OK[:-1], "middle of its reply", True),
        (CHUNKED + b"5\r\nhel", "middle of its reply", True),
        (CHUNKED + b"5\r\nhello\r\n", "middle of its reply", True),  # the last chunk is lacking
        (CHUNKED + b"zz\r\nhello\r\n", "not HTTP", True),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP", True),
        (b"\x15\x03\x03\x00\x02\x02P", "not HTTP", True),  # TLS where none was asked for
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "not HTTP", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "not HTTP", True),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**17, "a head of more than 64 kB", True),
        (EARLY * 3000, "a head of more than 64 kB", True),
        (fine(b"x" * (LONGEST_BODY + 1)), "a reply of more than 16 MB", False),
        (CHUNKED + b"100000\r\n" + b"x" * 2**20 + b"\r\n" + b"100000\r\n", "middle of", True),
        (compressed(b"plain"), "not in the encoding gzip", True),
        (compressed(gzip.compress(b"whole")[:-4]), "gzip is cut off", True),
        (compressed(b"x", b"br"), "the encoding br, which was not asked for", True),
        (
            compressed(gzip.compress(b"x" * (LONGEST_BODY + 1))),
            "a reply of more than 16 MB",
            False,
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_reply_that_is_none_fails_and_says_why(data: bytes, says: str, gone: bool) -> None:
    outcome = outcome_of(saying(data))
    assert isinstance(outcome, Failed)
    assert says in str(outcome)
    assert (outcome.gone, outcome.timed_out) == (gone, False)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [(b"gzip", gzip.compress(b"hello")), (b"DEFLATE", zlib.compress(b"hello"))],
)
def test_a_reply_that_is_compressed_unasked_is_read(encoding: bytes, body: bytes) -> None:
    outcome = outcome_of(saying(compressed(body, encoding)))
    assert isinstance(outcome, Reply)
    assert outcome.body == b"hello"


async def ask_times(own: Wire, server: Served, count: int) -> None:
    for _ in range(count):
        assert (await own.exchange("POST", server.url, b"{}")).body == b"hello"


async def ten(own: Wire, server: Served) -> None:
    await ask_times(own, server, 10)


@pytest.mark.parametrize(
    ("data", "requests"),
    [
        (OK, [10]),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", [10]),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, [10]),
        (OK + b"\r\n", [10]),  # a line too many does no harm
        (fine(b"hello", b"Connection: close"), [1] * 10),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", [1] * 10),
        (OK + OK, [1] * 10),  # whose reply is the second?
        (OK + b"\x00", [1] * 10),
        (fine(b"hello", b"Content-Encoding: identity"), [10]),
    ],
)
def test_a_connection_is_used_again_where_the_server_keeps_it(
    data: bytes, requests: list[int]
) -> None:
    assert talk(saying(data, then="next"), ten).requests == requests


def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    async def use(own: Wire, server: Served) -> None:
        for _ in range(3):
            await ask_times(own, server, 1)
            await asyncio.sleep(0.02)

    assert talk(saying(OK), use).requests == [1, 1, 1]


def test_what_nobody_asked_for_spoils_an_idle_connection() -> None:
    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await asyncio.sleep(0.01)
        await peer.send(fine(b"a late one"))
        await peer.request()

    async def use(own: Wire, server: Served) -> None:
        for _ in range(2):
            await ask_times(own, server, 1)
            await asyncio.sleep(0.05)

    assert talk(serve, use).requests == [1, 1]


def test_a_connection_that_lay_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE", 0.0)
    assert talk(saying(OK, then="next"), ten).requests == [1] * 10


def closing_at(first: int, cut: bytes = b"") -> Serve:
    """Answer one request on each connection before `first`, then close as the next one comes."""

    async def serve(peer: Peer) -> None:
        if peer.number < first:
            await peer.request()
            await peer.send(OK)
        await peer.request()
        await peer.send(cut)

    return serve


def test_a_request_that_met_a_closing_connection_is_sent_once_more_on_a_new_one() -> None:
    async def use(own: Wire, server: Served) -> None:
        await ask_times(own, server, 1)
        await ask_times(own, server, 1)

    assert talk(closing_at(2), use).requests == [2, 1]


@pytest.mark.parametrize(
    ("cut", "at_once", "requests"),
    [
        (b"", 5.0, [2, 1]),  # the new one closed, too
        (b"H", 5.0, [2]),  # it had begun to answer
        (b"", -1.0, [2]),  # it had the request for long: it died of it
    ],
)
def test_a_request_is_not_sent_more_often_than_that(
    cut: bytes, at_once: float, requests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "AT_ONCE", at_once)

    async def use(own: Wire, server: Served) -> None:
        await ask_times(own, server, 1)
        with pytest.raises(Failed, match="disconnected") as caught:
            await own.exchange("POST", server.url, b"{}")
        assert caught.value.gone

    assert talk(closing_at(1, cut), use).requests == requests


async def never(peer: Peer) -> None:
    await peer.request()
    await peer.request()


async def dribbling(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await peer.send(b"x")


@pytest.mark.parametrize("serve", [never, dribbling])
def test_what_takes_too_long_is_given_up(serve: Serve) -> None:
    outcome = outcome_of(serve, timeout=0.1)
    assert isinstance(outcome, Failed)
    assert outcome.timed_out
    assert "no answer within 0.1 s" in str(outcome)


def test_each_of_many_is_given_up_at_its_own_time_and_a_quick_one_is_not() -> None:
    async def serve(peer: Peer) -> None:
        request = await peer.request()
        if request.endswith(b"quick"):
            await peer.send(OK)
        await peer.request()

    async def use(own: Wire, server: Served) -> None:
        async def later(number: int) -> bool:
            await asyncio.sleep(number / 100)
            with pytest.raises(Failed, match="no answer within"):
                await own.exchange("POST", server.url, b"slow")
            return (await own.exchange("POST", server.url, b"quick")).status == 200

        assert all(await asyncio.gather(*[later(number) for number in range(20)]))

    talk(serve, use, timeout=0.3)


def test_a_request_that_nobody_waits_for_closes_its_connection() -> None:
    gone: list[bool] = []

    async def serve(peer: Peer) -> None:
        if (await peer.request()).endswith(b"{}"):
            await peer.send(OK)
        gone.append(await peer.reader.read() == b"")

    async def use(own: Wire, server: Served) -> None:
        task = asyncio.ensure_future(own.exchange("POST", server.url, b"slow"))
        while server.requests != [1]:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while not gone:
            await asyncio.sleep(0.001)
        await ask_times(own, server, 1)

    assert talk(serve, use).requests == [1, 1]
    assert gone[0]


def test_cancelled_at_any_moment_it_leaves_nothing_behind() -> None:
    async def use(own: Wire, server: Served) -> None:
        for turns in range(60):
            task = asyncio.ensure_future(own.exchange("POST", server.url, b"{}"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await ask_times(own, server, 3)

    talk(saying(OK, then="next"), use)


def test_when_it_is_closed_whoever_waits_is_told() -> None:
    async def use(own: Wire, server: Served) -> None:
        asked = [own.exchange("POST", server.url, b"{}") for _ in range(5)]
        waiting = asyncio.gather(*asked, return_exceptions=True)
        while server.requests != [1] * 5:
            await asyncio.sleep(0.001)
        await own.close()
        assert {type(one) for one in await waiting} == {Failed}
        with pytest.raises(Failed, match="closed"):
            await own.exchange("POST", server.url, b"{}")

    assert talk(never, use).requests == [1] * 5


def test_a_thousand_at_once_each_have_their_own_answer() -> None:
    async def serve(peer: Peer) -> None:
        while True:
            asked = (await peer.request()).rpartition(b"\r\n\r\n")[2]
            await asyncio.sleep(0.05)
            peer.writer.write(fine(asked))

    async def use(own: Wire, server: Served) -> None:
        async def three(number: int) -> None:
            for turn in range(3):
                said = b"%d %d " % (number, turn) * (number % 300)
                assert (await own.exchange("POST", server.url, said)).body == said

        await asyncio.gather(*[three(number) for number in range(400)])

    server = talk(serve, use)
    assert sum(server.requests) == 1200
    assert len(server.peers) <= 400


def test_a_body_larger_than_what_a_socket_takes_at_once_is_sent_whole() -> None:
    async def serve(peer: Peer) -> None:
        await peer.send(fine(b"%d" % len(await peer.request())))

    async def use(own: Wire, server: Served) -> None:
        large = b"x" * (8 * 2**20)
        assert int((await own.exchange("POST", server.url, large)).body) > len(large)

    talk(serve, use)


def test_a_reply_before_the_whole_request_was_read_does_not_hang() -> None:
    async def serve(peer: Peer) -> None:
        await peer.reader.read(10)
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async def use(own: Wire, server: Served) -> None:
        with suppress(Failed):
            assert (await own.exchange("POST", server.url, b"x" * 2**24)).status == 413

    talk(serve, use)


def test_a_server_that_is_not_there_is_gone() -> None:
    async def use(own: Wire, server: Served) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        async with wired(port) as other:
            with pytest.raises(Failed, match=f"Cannot connect to 127.0.0.1:{port}") as caught:
                await other.exchange("POST", f"http://127.0.0.1:{port}/", b"{}")
            assert caught.value.gone

    talk(saying(OK), use)


def test_a_server_that_takes_no_connection_is_given_up_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "CONNECT", 0.1)

    async def main(port: int) -> Failed:
        async with wired(port) as own:
            with pytest.raises(Failed) as caught:
                await own.exchange("POST", f"http://127.0.0.1:{port}/", b"{}")
            return caught.value

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
        failed = asyncio.run(main(port))
        for other in others:
            other.close()
    assert failed.timed_out
    assert f"no connection to 127.0.0.1:{port} within 0.1 s" in str(failed)


@pytest.mark.parametrize(
    ("host", "bound", "said"), [("localhost", "127.0.0.1", "localhost"), ("::1", "::1", "[::1]")]
)
def test_names_and_ipv6_addresses_are_reached(host: str, bound: str, said: str) -> None:
    async def main() -> list[bytes]:
        try:
            async with served(saying(OK), bound) as server, wired(server.port, host) as own:
                url = f"http://{said}:{server.port}/v1/x"
                asked = [own.exchange("POST", url, b"{}") for _ in range(5)]
                assert {reply.body for reply in await asyncio.gather(*asked)} == {b"hello"}
                return [peer.requests[0] for peer in server.peers]
        except OSError as error:
            pytest.skip(f"{bound} is not on this machine: {error}")

    for request in asyncio.run(main()):
        assert b"Host: %s:" % said.encode() in request


def test_a_fault_of_ours_is_raised_and_not_taken_for_the_server_s() -> None:
    class Faulty(Connection):
        def on_body(self, body: bytes) -> None:
            raise RuntimeError("a bug")

    async def main() -> None:
        told: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        async with served(saying(OK)) as server:
            _, own = await loop.create_connection(
                lambda: Faulty(memoryview(bytearray(1000))), "127.0.0.1", server.port
            )
            with pytest.raises(RuntimeError, match="a bug"):
                await asyncio.wait_for(own.ask(b"GET / HTTP/1.1\r\n\r\n"), 5)
        assert [str(error) for error in told] == ["a bug"]

    asyncio.run(main())


LOGIN = "machine logged.in login me password secret\n"


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("http://127.0.0.1:8000/v1", Site("127.0.0.1", 8000)),
        ("http://node-17.cluster:8000/v1", Site("node-17.cluster", 8000)),
        ("http://Model", Site("model", 80)),
        ("http://[::1]:8000/v1", Site("::1", 8000)),
        ("https://127.0.0.1/v1", None),
        ("http://me:secret@127.0.0.1/v1", None),
        ("http://127.0.0.1/v1?a=b", None),
        ("http://127.0.0.1/a b", None),
        ("http://127.0.0.1/%7e", None),  # is to be quoted anew
        ("http://127.0.0.1/../v1", None),
        ("http://127.0.0.1:99999/v1", None),
        ("http://möbius/v1", None),
        ("http://model./v1", None),
        ("http://127.0.0.1/v1\r\nX: y", None),
        ("http://127.0.0.1/v1\n", None),
        ("http://logged.in/v1", None),  # with a login of ~/.netrc
    ],
)
def test_what_takes_more_than_a_connection_is_left_to_aiohttp(
    url: str, site: Site | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text(LOGIN)
    assert direct_site(url) == site


def test_a_proxy_leads_to_other_machines_and_not_to_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("no_proxy", "inside.cluster")

    async def main() -> bytes:
        async with served(saying(OK)) as server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
            assert direct_site("http://127.0.0.1:8000/v1") == Site("127.0.0.1", 8000)
            assert direct_site("http://inside.cluster/v1") == Site("inside.cluster", 80)
            base_url = "http://outside.invalid/v1"
            async with Endpoint(base_url, limit=Limit(1, 1)) as endpoint:
                reply = await endpoint.exchange("GET", f"{base_url}/models", None)
            assert reply.body == b"hello"
            return server.peers[0].requests[0]

    assert asyncio.run(main()).startswith(b"GET http://outside.invalid/v1/models HTTP/1.1\r\n")


def test_the_limits_are_those_that_are_said() -> None:
    assert (LONGEST_BODY, connection.LONGEST_HEAD) == (16 * 2**20, 2**16)
