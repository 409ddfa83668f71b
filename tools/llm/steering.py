"""Steering by the server's own queue, where it shows that: vLLM, SGLang, llama.cpp on /metrics.

vLLM never says 429: it queues what it cannot take, and what waits there too long times out. So
what waits there is looked at, and not more is sent than keeps the server busy.
"""

import asyncio
import re
from collections.abc import Callable

from opencodeinstruct.tools.llm.protocol import Failed
from opencodeinstruct.tools.llm.routing import Member

EVERY = 2.0  # seconds between two looks
LONGEST = 5.0  # seconds that a look may take

_LINE = re.compile(r"^([a-z_]+:[a-z_]+)(?:\{[^}]*\})?\s+([0-9.eE+]+)\s*$", re.MULTILINE)
NAMES = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:prefix_cache_queries_total": "cache_queries",
    "vllm:prefix_cache_hits_total": "cache_hits",
    "vllm:gpu_prefix_cache_queries_total": "cache_queries",
    "vllm:gpu_prefix_cache_hits_total": "cache_hits",
    "sglang:num_running_reqs": "running",
    "sglang:num_queue_reqs": "waiting",
    "llamacpp:requests_processing": "running",
    "llamacpp:requests_deferred": "waiting",
}
"""What is read, and what it is called here; over several engines of a server it is added up."""

OnQueue = Callable[[str, dict[str, float]], None]


def queue_of(text: str) -> dict[str, float]:
    """What a server says of itself in Prometheus' text format; empty where nothing is known."""
    found: dict[str, float] = {}
    for name, value in _LINE.findall(text):
        if name in NAMES:
            try:
                found[NAMES[name]] = found.get(NAMES[name], 0.0) + float(value)
            except ValueError:
                continue
    return found


async def steer(member: Member, on_queue: OnQueue, *, every: float = EVERY) -> None:
    """Look at the endpoint's queue again and again, until it shows that it has none to show."""
    endpoint = member.endpoint
    url = endpoint.base_url.removesuffix("/v1") + "/metrics"
    while True:
        try:
            async with asyncio.timeout(LONGEST):  # 3.11's wait_for can swallow a cancellation
                reply = await endpoint.exchange("GET", url, None)
        except (Failed, TimeoutError):
            await asyncio.sleep(every)  # away, or busy: that is noticed elsewhere
            continue
        found = queue_of(reply.body.decode("utf-8", "replace")) if reply.status == 200 else {}
        if "waiting" not in found:
            return
        on_queue(endpoint.base_url, found)
        running, waiting = int(found.get("running", 0)), int(found["waiting"])
        endpoint.limit.queued(endpoint.open, running, waiting, endpoint.clock())
        member.wake()
        await asyncio.sleep(every)
