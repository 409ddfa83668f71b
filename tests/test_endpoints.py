"""Several endpoints of one model, and one whose room changes: who is asked, how much at once."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.llm.asking import asking
from opencodeinstruct.tools.llm.client import ChatClient
from opencodeinstruct.tools.llm.endpoint import Endpoint as OneEndpoint
from opencodeinstruct.tools.llm.limit import RESTART, Limit
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.oversight import Oversight
from opencodeinstruct.tools.llm.protocol import Failed
from opencodeinstruct.tools.llm.routing import Member
from opencodeinstruct.tools.llm.steering import queue_of, steer
from opencodeinstruct.tools.ports import Ask, Stopped
from tests.endpoint import MODEL, Body, Endpoint, Fault, Reply, last_message, status
from tests.test_client import client_of, question


def model_at(*endpoints: Endpoint | dict[str, Any], **changed: Any) -> ModelSettings:
    places = [e if isinstance(e, dict) else {"base_url": e.base_url} for e in endpoints]
    given = {"name": MODEL, "endpoints": places, "first_wait_seconds": 0.01, **changed}
    return ModelSettings.model_validate(given)


async def ask_many(client: ChatClient, count: int) -> list[str]:
    asked = [client.ask(question(f"q{n}"), MODEL) for n in range(count)]
    return [answer.text for answer in await asyncio.gather(*asked)]


def many(settings: ModelSettings, count: int) -> list[str]:
    async def main() -> list[str]:
        async with client_of(settings) as client:
            return await ask_many(client, count)

    return asyncio.run(main())


def expected(count: int) -> list[str]:
    return [f"q{n}" for n in range(count)]


def slowly(body: Body) -> Reply:
    return Fault(text=last_message(body), delay=0.01)


def test_requests_are_shared_out_by_weight_and_each_endpoint_keeps_its_own_limit() -> None:
    with Endpoint(slowly) as one, Endpoint(slowly) as three:
        settings = model_at(
            {"base_url": one.base_url},
            {"base_url": three.base_url, "weight": 3},
            max_concurrent_requests=12,
        )
        assert many(settings, 12) == expected(12)
        assert (len(one.requests), len(three.requests)) == (3, 9)
        settings = model_at(
            {"base_url": one.base_url, "max_concurrent_requests": 2},
            {"base_url": three.base_url, "max_concurrent_requests": 4},
        )
        one.busiest = three.busiest = 0
        assert many(settings, 200) == expected(200)
        assert (one.busiest, three.busiest) == (2, 4)


def test_an_endpoint_that_is_slower_gets_less() -> None:
    def slower(body: Body) -> Reply:
        return Fault(text=last_message(body), delay=0.1)

    with Endpoint(slowly) as fast, Endpoint(slower) as slow:
        assert many(model_at(fast, slow, max_concurrent_requests=4), 150) == expected(150)
    assert len(fast.requests) > 2 * len(slow.requests)


def test_while_one_endpoint_is_dead_the_other_serves_and_it_is_taken_back_when_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opencodeinstruct.tools.llm.health.FIRST_TRIAL", 0.05)
    dead = threading.Event()
    dead.set()

    def mortal(body: Body) -> Reply:
        return status(500, "the engine is dead") if dead.is_set() else slowly(body)

    async def main() -> list[int]:
        counts = []
        async with client_of(model_at(one, two, max_concurrent_requests=8)) as client:
            assert await ask_many(client, 200) == expected(200)
            counts.append(len(one.requests))
            dead.clear()
            await asyncio.sleep(0.3)
            assert await ask_many(client, 200) == expected(200)
            counts.append(len(one.requests) - counts[0])
        return counts

    with Endpoint(mortal) as one, Endpoint(slowly) as two:
        before, after = asyncio.run(main())
    assert before < 40  # 16 to be taken out, and a trial now and then
    assert after > 40  # it has its share again


@contextmanager
def gone_for(endpoint: Endpoint, seconds: float, after: int) -> Iterator[list[Endpoint]]:
    """`endpoint` ends after so many requests, and another begins at its port some time later."""
    later: list[Endpoint] = []

    def act() -> None:
        while len(endpoint.requests) < after:
            time.sleep(0.002)
        endpoint.__exit__(None, None, None)
        time.sleep(seconds)
        later.append(Endpoint(endpoint.answer, port=endpoint.port))
        later[0].__enter__()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield later
    finally:
        thread.join()
        for back in later:
            back.__exit__(None, None, None)


def test_an_endpoint_that_goes_away_for_a_while_amid_many_requests_costs_no_answer() -> None:
    """A minute amid 10,000 requests, scaled down: far longer than all attempts of a request."""
    endpoint = Endpoint(slowly)
    endpoint.__enter__()
    settings = model_at(endpoint, max_concurrent_requests=32, attempts=3, first_wait_seconds=0.001)
    with gone_for(endpoint, 2.0, after=300) as later:
        assert many(settings, 1000) == expected(1000)
    assert len(endpoint.requests) + len(later[0].requests) < 1000 + 32 + 10


def test_an_endpoint_that_stays_away_is_given_up_when_patience_ends() -> None:
    endpoint = Endpoint(slowly)
    endpoint.__enter__()

    async def main() -> int:
        settings = model_at(endpoint, max_concurrent_requests=8, attempts=20, patience_seconds=0.5)
        async with client_of(settings) as client:
            await ask_many(client, 3)
            endpoint.__exit__(None, None, None)
            asked = [client.ask(question(f"q{n}"), MODEL) for n in range(200)]
            found = await asyncio.gather(*asked, return_exceptions=True)
        return sum(isinstance(one, ServiceError) for one in found)

    began = time.monotonic()
    assert asyncio.run(main()) == 200
    assert time.monotonic() - began < 20


def test_an_endpoint_with_less_room_than_allowed_is_given_what_it_takes() -> None:
    """It takes eight at once and turns the rest away; no row is deferred for that."""
    lock, inside = threading.Lock(), [0]
    turned_away = [0]

    def crowded(body: Body) -> Reply:
        with lock:
            if inside[0] >= 8:
                turned_away[0] += 1
                return status(429, "too many")
            inside[0] += 1
        try:
            time.sleep(0.02)
        finally:
            with lock:
                inside[0] -= 1
        return last_message(body)

    with Endpoint(crowded) as endpoint:
        settings = model_at(endpoint, max_concurrent_requests=64, attempts=2)
        assert many(settings, 600) == expected(600)
    assert turned_away[0] < 200


def test_a_server_that_shows_its_queue_is_given_no_more_than_keeps_it_busy(tmp_path: Path) -> None:
    """Like vLLM it never says no: it works on four at once and lets the others wait."""
    working = threading.Semaphore(4)
    most_waiting = [0]

    def queueing(body: Body) -> Reply:
        with working:
            time.sleep(0.02)
        return last_message(body)

    def metrics() -> str:
        running = min(endpoint.open, 4)
        waiting = endpoint.open - running
        most_waiting[0] = waiting
        return (
            "# HELP vllm:num_requests_running Number of requests\n"
            f'vllm:num_requests_running{{engine="0",model_name="m"}} {running:.1f}\n'
            f'vllm:num_requests_waiting{{engine="0",model_name="m"}} {waiting:.1f}\n'
            'vllm:prefix_cache_queries_total{engine="0"} 200.0\n'
            'vllm:prefix_cache_hits_total{engine="0"} 150.0\n'
        )

    over = Oversight(steer_every=0.1)

    async def main() -> list[str]:
        settings = model_at(endpoint, max_concurrent_requests=64)
        async with asking({"solver": settings}, tmp_path / "j", oversight=over) as ask:
            answers = [ask(question(f"q{n}")) for n in range(800)]
            return [answer.text for answer in await asyncio.gather(*answers)]

    with Endpoint(queueing) as endpoint:
        endpoint.metrics = metrics
        assert asyncio.run(main()) == expected(800)
    assert most_waiting[0] <= 8  # in the end, of the 60 that it began with
    assert over.meter.cache_hit_rate() == 0.75


def test_a_queue_is_read_over_all_engines_and_whatever_else_is_there() -> None:
    text = (
        'vllm:num_requests_waiting{engine="0"} 3.0\nvllm:num_requests_waiting{engine="1"} 4\n'
        "vllm:num_requests_running 1.2.3\nprocess_cpu_seconds_total 12\nvllm:other 1\n\x00"
    )
    assert queue_of(text) == {"waiting": 7.0}
    assert queue_of("<html>") == {}


@pytest.mark.parametrize(
    ("acts", "level"),
    [
        ([], 32),
        ([lambda limit, n=n: limit.served(n) for n in range(32, 42)], 42),  # one for each answer
        ([lambda limit: limit.served(31)] * 10, 32),  # which is not used up, so it says nothing
        ([lambda limit: limit.overloaded(1.0, 2.0)], 16),
        ([lambda limit: limit.overloaded(1.0, 2.0)] * 9, 16),  # all sent before the cut
        ([lambda limit: limit.overloaded(1.0, 2.0), lambda limit: limit.overloaded(3.0, 4.0)], 13),
        ([lambda limit, n=n: limit.overloaded(n, n) for n in range(1, 99)], 1),
        ([lambda limit: limit.queued(32, 16, 16, 1.0)], 20),  # four may wait
        ([lambda limit: limit.queued(16, 16, 16, 1.0)], 10),  # half of them are another client's
        ([lambda limit: limit.queued(32, 30, 2, 1.0)], 32),
        ([lambda limit: limit.restart()], RESTART),
        ([lambda limit: limit.served(200)] * 999, 100),  # never above the most
    ],
)
def test_a_level_grows_while_it_is_used_up_and_is_cut_once_for_each_round(
    acts: list[Callable[[Limit], None]], level: int
) -> None:
    limit = Limit(most=100, first=32)
    for act in acts:
        act(limit)
    assert limit.level == level


def test_a_run_that_is_to_end_asks_nothing_more_and_records_what_is_under_way(
    tmp_path: Path,
) -> None:
    entered = threading.Event()

    def slow(body: Body) -> Reply:
        entered.set()
        return Fault(text=last_message(body), delay=0.2)

    over = Oversight()

    async def main() -> list[object]:
        settings = model_at(endpoint, max_concurrent_requests=4)
        async with asking({"solver": settings}, tmp_path / "j", oversight=over) as ask:
            tasks = [asyncio.ensure_future(ask(question(f"q{n}"))) for n in range(20)]
            await asyncio.to_thread(entered.wait)
            over.stop.ask(Stopped("enough", code=4))
            with pytest.raises(Stopped, match="enough"):
                await ask(question("more"))
            return list(await asyncio.gather(*tasks, return_exceptions=True))

    async def again(ask: Ask) -> None:
        await asyncio.gather(*[ask(question(f"q{n}")) for n in range(20)])

    with Endpoint(slow) as endpoint:
        found = asyncio.run(main())
        assert sum(isinstance(one, Stopped) for one in found) == 16
        assert len(endpoint.requests) == 4

        async def rest() -> None:
            settings = model_at(endpoint, max_concurrent_requests=4)
            async with asking({"solver": settings}, tmp_path / "j") as ask:
                await again(ask)

        asyncio.run(rest())
        assert len(endpoint.requests) == 20  # none was paid twice


@pytest.mark.parametrize("turns", range(8))
def test_steering_ends_when_it_is_cancelled_while_its_endpoint_fails(turns: int) -> None:
    """A run whose last request failed waited for this for ever."""

    class Away(OneEndpoint):
        async def exchange(self, method: str, url: str, body: bytes | None) -> Any:
            await asyncio.sleep(0)
            raise Failed("refused", gone=True)

    async def cancelled() -> bool:
        away = Away("http://127.0.0.1:1/v1", limit=Limit(1, 1))
        task = asyncio.create_task(steer(Member(away), lambda url, queue: None, every=0.001))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=5)
        return task.cancelled()

    assert asyncio.run(cancelled())
