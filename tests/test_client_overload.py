"""Many requests at once, and an endpoint that cannot take them or is not there any more."""

import asyncio

import pytest

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.llm.client import ChatClient
from opencodeinstruct.tools.llm.health import COOL_DOWN
from opencodeinstruct.tools.ports import Answer
from tests.endpoint import MODEL, Body, Endpoint, Fault, Reply, last_message, status
from tests.test_client import client_of, question, settings_for, using


def test_no_more_requests_are_open_than_allowed_and_waiting_ones_hold_no_slot() -> None:
    """The first request of each text fails; with one slot the others are served meanwhile."""
    seen: set[str] = set()

    def once_busy(body: Body) -> Reply:
        text = last_message(body)
        if text in seen:
            return Fault(text=text, delay=0.002)
        seen.add(text)
        return status(503, Retry_After="0.05")

    async def many(client: ChatClient) -> list[Answer]:
        return await asyncio.gather(*[client.ask(question(f"q{n}"), MODEL) for n in range(20)])

    with Endpoint(once_busy) as endpoint:
        answers = using(endpoint, many, max_concurrent_requests=3)
    assert [answer.text for answer in answers] == [f"q{n}" for n in range(20)]
    assert endpoint.busiest <= 3
    order = [last_message(body) for body in endpoint.requests]
    assert set(order[:20]) == {f"q{n}" for n in range(20)}  # nobody waited for a retry's pause


def test_a_dead_endpoint_is_given_up_after_a_few_rows_and_asked_again_after_a_pause() -> None:
    now = [0.0]
    alive = [False]

    async def outage(client: ChatClient) -> list[int]:
        counts = []
        for _ in range(50):
            with pytest.raises(ServiceError, match="HTTP 500"):
                await client.ask(question(), MODEL)
        counts.append(len(endpoint.requests))
        now[0] += COOL_DOWN + 1
        for _ in range(10):  # one request looks whether it is back, the others do not wait for it
            with pytest.raises(ServiceError):
                await client.ask(question(), MODEL)
        counts.append(len(endpoint.requests))
        alive[0] = True
        now[0] += COOL_DOWN + 1
        await asyncio.gather(*[client.ask(question(), MODEL) for _ in range(1)])
        await asyncio.gather(*[client.ask(question(), MODEL) for _ in range(5)])
        counts.append(len(endpoint.requests))
        return counts

    async def main() -> list[int]:
        settings = settings_for(endpoint, attempts=2)
        async with client_of(settings, lambda: now[0]) as client:
            return await outage(client)

    with Endpoint(lambda _: "back" if alive[0] else status(500)) as endpoint:
        assert asyncio.run(main()) == [16, 17, 23]


def test_one_failing_request_among_good_ones_does_not_stop_the_endpoint() -> None:
    def poisoned(body: Body) -> Reply:
        return status(500) if "poison" in last_message(body) else "fine"

    async def mixed(client: ChatClient) -> int:
        good = 0
        for n in range(40):
            try:
                await client.ask(question("poison" if n % 2 else "water"), MODEL)
                good += 1
            except ServiceError:
                continue
        return good

    with Endpoint(poisoned) as endpoint:
        assert using(endpoint, mixed, attempts=1) == 20
