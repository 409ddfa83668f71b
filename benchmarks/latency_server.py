"""A chat endpoint that answers after a known time and knows how full it was: for benchmarks.

    python -m benchmarks.latency_server --latency fixed:0.2

writes its port to stdout. The time of an answer is fixed, or log-normal with the given mean (sigma
0.8) and a function of the request, so that every client meets the same times. GET /stats says what
came, GET /reset forgets it. One thread, no framework: it must not be what is measured.
"""

import argparse
import asyncio
import json
import math
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from typing import Any

SIGMA = 0.8


@dataclass(slots=True)
class Seen:
    """Requests by content, and when each came and went."""

    bodies: Counter[bytes] = field(default_factory=Counter)
    came: list[float] = field(default_factory=list)
    went: list[float] = field(default_factory=list)
    most: int = 0

    def stats(self) -> dict[str, Any]:
        """What came, how much of it twice, and how full the server was.

        `mean_in_flight` is over the time from the first thousandth of the requests to the last.
        """
        count = len(self.came)
        return {
            "requests": count,
            "different": len(self.bodies),
            "in_flight": count - len(self.went),
            "most_in_flight": self.most,
            "mean_in_flight": self._mean(),
        }

    def _mean(self) -> float:
        came = sorted(self.came)
        if len(came) < 2:
            return 0.0
        edge = max(len(came) // 1000, 1)
        begin, end = came[edge - 1], came[-edge]
        events = [(at, 1) for at in came] + [(at, -1) for at in self.went]
        area, open_now, last = 0.0, 0, begin
        for at, change in sorted(events):
            if at > begin:
                area += open_now * (min(at, end) - last)
                last = min(at, end)
            open_now += change
            if at >= end:
                break
        return area / (end - begin) if end > begin else float(open_now)


class Server:
    """Answers on loopback; `latency` is the seconds for a request's content."""

    def __init__(self, latency: str) -> None:
        kind, _, mean = latency.partition(":")
        self._fixed, self._mean = kind == "fixed", float(mean)
        self.seen = Seen()

    def seconds(self, content: bytes) -> float:
        """How long the answer to a request with this content takes."""
        if self._fixed:
            return self._mean
        random = Random(content)
        return random.lognormvariate(math.log(self._mean) - SIGMA**2 / 2, SIGMA)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _length(head)
                body = await reader.readexactly(length) if length else b""
                writer.write(await self._reply(head, body))
                await writer.drain()
                if b"connection: close" in head.lower():
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _reply(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            path = head.split(b" ", 2)[1]
            if path.endswith(b"/stats"):
                return _http(self.seen.stats())
            if path.endswith(b"/reset"):
                self.seen = Seen()
                return _http({})
            if path.endswith(b"/models"):
                return _http({"object": "list", "data": [{"id": "m", "object": "model"}]})
            return _http({"error": "no such page"}, status=b"404 Not Found")
        content = _content(body)
        seen = self.seen
        seen.came.append(time.monotonic())
        seen.bodies[content] += 1
        seen.most = max(seen.most, len(seen.came) - len(seen.went))
        try:
            await asyncio.sleep(self.seconds(content))
        finally:
            seen.went.append(time.monotonic())
        return _http(_completion(content))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _content(body: bytes) -> bytes:
    """What was asked, whatever else a client puts into its body."""
    last = json.loads(body)["messages"][-1:]  # curator begins with a request that has none
    return blake2b(json.dumps(last).encode(), digest_size=12).digest()


def _completion(content: bytes) -> dict[str, Any]:
    text = f"The answer is {content.hex()}. " * 20  # 800 bytes, as a short solution has
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 200, "completion_tokens": 200, "total_tokens": 400},
    }


def _http(value: dict[str, Any], status: bytes = b"200 OK") -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


async def _main(latency: str) -> None:
    server = await asyncio.start_server(Server(latency).serve, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency_server")
    parser.add_argument("--latency", default="fixed:0.2", help="fixed:SECONDS or lognormal:MEAN")
    asyncio.run(_main(parser.parse_args().latency))
