"""The run's counts as Prometheus reads them: GET /metrics on a port of this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.llm.meter import Meter

PREFIX = "opencodeinstruct"
LONGEST_REQUEST = 10.0  # seconds that a client may take to ask


def page_of(meter: Meter) -> str:
    """`meter` in Prometheus' text format."""
    rates, paid, hits = meter.rates(), meter.paid, meter.cache_hit_rate()
    lines = [
        *_metric("answers_total", "counter", "Answers that were paid for.", paid.answers),
        *_metric("recalled_total", "counter", "Answers that cost nothing.", meter.recalled),
        *_metric("prompt_tokens_total", "counter", "Tokens read by models.", paid.prompt_tokens),
        *_metric("output_tokens_total", "counter", "Tokens models wrote.", paid.output_tokens),
        *_metric("cost_usd_total", "counter", "US dollars, by the recipe's prices.", paid.usd),
        *_metric("in_flight", "gauge", "Requests under way or waiting.", meter.in_flight),
        *_metric("answers_per_second", "gauge", "Over half a minute.", rates.answers),
        *_metric("prompt_tokens_per_second", "gauge", "Likewise.", rates.prompt_tokens),
        *_metric("output_tokens_per_second", "gauge", "Likewise.", rates.output_tokens),
    ]
    if hits is not None:
        lines += _metric("cache_hit_rate", "gauge", "Share of prompt tokens cached.", hits)
    for name, counts in (("failures", meter.failures), ("unreadable", meter.unreadable)):
        lines.append(f"# TYPE {PREFIX}_{name}_total counter")
        for kind, count in sorted(counts.items()):
            lines.append(f'{PREFIX}_{name}_total{{kind="{kind}"}} {count}')
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, meaning: str, value: float) -> list[str]:
    full = f"{PREFIX}_{name}"
    return [f"# HELP {full} {meaning}", f"# TYPE {full} {kind}", f"{full} {value:g}"]


@asynccontextmanager
async def metrics_page(meter: Meter, port: int) -> AsyncIterator[int]:
    """Serve `page_of(meter)` on the loopback port `port`; the port, which 0 lets the system choose.

    Raises `Missing` where the port is taken.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONGEST_REQUEST)
            found = head.startswith((b"GET /metrics ", b"GET / "))
            body = page_of(meter).encode() if found else b"GET /metrics\n"
            status = b"200 OK" if found else b"404 Not Found"
            writer.write(
                b"HTTP/1.1 %b\r\nContent-Type: text/plain; version=0.0.4\r\n"
                b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(body), body)
            )
            await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(serve, "127.0.0.1", port)
    except (OSError, OverflowError) as error:
        raise Missing(
            f"Port {port} cannot be used for --metrics-port ({error}). Give another."
        ) from error
    async with server:
        yield int(server.sockets[0].getsockname()[1])
