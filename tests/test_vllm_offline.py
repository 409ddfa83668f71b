"""A model in this process, with a small engine that says one word of its answer at each step."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import Missing, ProjectError, ServiceError
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.servers import Servers
from opencodeinstruct.tools.llm.vllm_offline import VllmOffline
from opencodeinstruct.tools.ports import Answer, Message, Refused, Request, Sampling, Stopped

ROOT = Path(__file__).parent.parent


class Echo:
    """Repeats each prompt, a word of every request at each step; `context` words at most."""

    def __init__(self, context: int = 100, go_on: threading.Event | None = None) -> None:
        self.context, self.go_on = context, go_on
        self.running: dict[str, tuple[list[str], list[str]]] = {}
        self.together = 0  # the most requests that were worked on in one step
        self.dropped: list[str] = []

    def add(self, key: str, request: Request) -> None:
        words = request.messages[-1].content.split()
        if len(words) > self.context:
            raise Refused(f"{len(words)} words are more than {self.context}")
        self.running[key] = (words, [])

    def drop(self, key: str) -> None:
        self.dropped.append(key)
        self.running.pop(key, None)

    def is_busy(self) -> bool:
        return bool(self.running)

    def step(self) -> list[tuple[str, Answer | ProjectError]]:
        if self.go_on is not None:
            self.go_on.wait(0.05)
        self.together = max(self.together, len(self.running))
        finished: list[tuple[str, Answer | ProjectError]] = []
        for key, (words, said) in list(self.running.items()):
            if "break" in words:
                raise RuntimeError("an illegal memory access\nwas encountered")
            if len(said) < len(words):
                said.append(words[len(said)])
            elif self.go_on is None or self.go_on.is_set():
                del self.running[key]
                finished.append((key, Answer(" ".join(said), "echo")))
        return finished


def nothing() -> None:
    """Nobody looks on."""


@asynccontextmanager
async def opened(engine: Echo, most: int = 8) -> AsyncIterator[VllmOffline]:
    with VllmOffline("echo", lambda: engine, most=most, on_wait=nothing) as client:
        yield client


def request(text: str) -> Request:
    return Request("solver", (Message("user", text),), Sampling(), seed=1)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


def test_requests_join_while_others_run_and_each_gets_its_own_answer() -> None:
    async def scene() -> None:
        go_on = threading.Event()
        engine = Echo(go_on=go_on)
        async with opened(engine, most=3) as client:
            first = asyncio.create_task(client.ask(request("the first one"), "echo"))
            await until(lambda: engine.together == 1)
            others = [asyncio.create_task(client.ask(request(f"no {n}"), "echo")) for n in range(5)]
            await until(lambda: engine.together == 3)  # the second and third beside the first
            go_on.set()
            assert (await first).text == "the first one"
            assert [answer.text for answer in await asyncio.gather(*others)] == [
                f"no {n}" for n in range(5)
            ]
            assert engine.together == 3  # never more than `most`
            assert await client.models() == ("echo",)

    asyncio.run(scene())


def test_a_request_that_never_can_be_served_is_refused_and_harms_no_other() -> None:
    async def scene() -> None:
        async with opened(Echo(context=3)) as client:
            long, short = await asyncio.gather(
                client.ask(request("one two three four"), "echo"),
                client.ask(request("one"), "echo"),
                return_exceptions=True,
            )
        assert isinstance(long, Refused)
        assert "4 words" in str(long)
        assert isinstance(short, Answer)

    asyncio.run(scene())


def test_an_engine_that_breaks_is_told_to_all_who_wait_and_to_all_who_come() -> None:
    async def scene() -> None:
        async with opened(Echo()) as client:
            outcomes = await asyncio.gather(
                *[client.ask(request(text), "echo") for text in ("a long one", "break")],
                return_exceptions=True,
            )
            assert all(isinstance(outcome, ServiceError) for outcome in outcomes)
            with pytest.raises(ServiceError, match=r"echo \(an illegal memory access was enc"):
                await client.ask(request("another"), "echo")

    asyncio.run(scene())


def test_a_cancelled_request_leaves_the_engine_and_its_place() -> None:
    async def scene() -> None:
        go_on = threading.Event()
        engine = Echo(go_on=go_on)
        async with opened(engine, most=1) as client:
            task = asyncio.create_task(client.ask(request("of no use"), "echo"))
            await until(lambda: engine.together == 1)
            task.cancel()
            await until(lambda: engine.dropped == ["0"])
            go_on.set()
            assert (await client.ask(request("next"), "echo")).text == "next"

    asyncio.run(scene())


def test_a_stop_lets_what_is_under_way_end_and_begins_nothing() -> None:
    async def scene() -> None:
        go_on = threading.Event()
        engine = Echo(go_on=go_on)
        async with opened(engine, most=1) as client:
            running = asyncio.create_task(client.ask(request("under way"), "echo"))
            await until(lambda: engine.together == 1)
            waits = asyncio.create_task(client.ask(request("waits"), "echo"))
            await asyncio.sleep(0)
            client.stop(Stopped("enough", code=4))
            go_on.set()
            assert (await running).text == "under way"
            with pytest.raises(Stopped, match="enough"):
                await waits

    asyncio.run(scene())


def test_a_load_that_fails_is_raised_and_one_that_nobody_waits_for_is_left() -> None:
    def fails() -> Echo:
        raise ServiceError("no memory")

    with (
        pytest.raises(ServiceError, match="no memory"),
        VllmOffline("m", fails, most=1, on_wait=nothing),
    ):
        pass
    loading, ended = threading.Event(), threading.Event()

    def slow() -> Echo:
        loading.wait(20)
        ended.set()
        return Echo()

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), VllmOffline("m", slow, most=1, on_wait=interrupted):
        pass
    assert not ended.is_set()
    loading.set()


@pytest.mark.parametrize("moment", ["loading", "working"])
def test_the_process_ends_at_an_interruption_while_the_engine_is_at_it(moment: str) -> None:
    code = f"""
import asyncio, threading, time
from opencodeinstruct.tools.llm.vllm_offline import VllmOffline
from tests.test_vllm_offline import Echo, request

def load():
    if {moment!r} == "loading":
        print("ready", flush=True)
        time.sleep(1000)
    return Echo(go_on=threading.Event())

with VllmOffline("m", load, most=1, on_wait=lambda: None) as client:
    print("ready", flush=True)
    asyncio.run(client.ask(request("never done"), "m"))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as run:
        try:
            assert run.stdout is not None
            assert run.stdout.readline() == b"ready\n"
            run.send_signal(signal.SIGINT)
            assert run.wait(20) != 0
        finally:
            run.kill()


def test_without_vllm_the_error_says_what_to_install(tmp_path: Path) -> None:
    settings = ModelSettings.model_validate(f"vllm-offline:{tmp_path}")

    async def connect() -> None:
        async with Servers([settings], log_folder=tmp_path / "logs") as servers:
            await servers.client(settings)

    with pytest.raises(Missing, match="pip install"):
        asyncio.run(connect())
