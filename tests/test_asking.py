"""Roles, endpoints and journal together: what is paid, what is shared, what is started."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from opencodeinstruct.builder.errors import Missing, RunFolderError, ServiceError
from opencodeinstruct.tools.llm.asking import asking, probe
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.ports import Answer, Ask, Message, Refused, Request, Role, Sampling
from tests.endpoint import MODEL, Body, Endpoint, Fault, Reply, in_turn, last_message, status

T = TypeVar("T")


def question(
    text: str = "hello", *, role: Role = "solver", max_tokens: int = 100, seed: int = 1
) -> Request:
    return Request(role, (Message("user", text),), Sampling(max_tokens=max_tokens), seed)


def model_at(endpoint: Endpoint, **changed: Any) -> ModelSettings:
    given = {"base_url": endpoint.base_url, "name": MODEL, "first_wait_seconds": 0.001, **changed}
    return ModelSettings.model_validate(given)


def run(
    models: Mapping[Role, ModelSettings],
    path: Path,
    use: Callable[[Ask], Coroutine[Any, Any, T]],
    told: list[tuple[str, bool]] | None = None,
) -> T:
    def tell(request: Request, answer: Answer, free: bool) -> None:
        if told is not None:
            told.append((answer.text, free))

    async def main() -> T:
        async with asking(models, path, on_answer=tell) as ask:
            return await use(ask)

    return asyncio.run(main())


def test_a_second_run_asks_the_endpoint_nothing(tmp_path: Path) -> None:
    async def work(ask: Ask) -> list[str]:
        texts = [question(f"q{n}") for n in range(20)]
        return [answer.text for answer in await asyncio.gather(*[ask(text) for text in texts])]

    told: list[tuple[str, bool]] = []
    with Endpoint(last_message) as endpoint:
        first = run({"solver": model_at(endpoint)}, tmp_path / "j", work, told)
    assert len(endpoint.requests) == 20
    second = run({"solver": model_at(endpoint)}, tmp_path / "j", work, told)  # it is gone now
    assert first == second == [f"q{n}" for n in range(20)]
    assert [free for _, free in told] == [False] * 20 + [True] * 20


def test_the_same_question_asked_at_once_is_paid_once_and_answers_everybody(tmp_path: Path) -> None:
    async def work(ask: Ask) -> list[Answer]:
        roles: tuple[Role, ...] = ("solver", "judge")
        return await asyncio.gather(*[ask(question(role=roles[n % 2])) for n in range(10)])

    told: list[tuple[str, bool]] = []
    with Endpoint(lambda _: Fault(text="once", delay=0.05)) as endpoint:
        models: dict[Role, ModelSettings] = {r: model_at(endpoint) for r in ("solver", "judge")}
        assert {answer.text for answer in run(models, tmp_path / "j", work, told)} == {"once"}
    assert len(endpoint.requests) == 1
    assert sorted(free for _, free in told) == [False] + [True] * 9


def test_who_asked_first_may_leave_and_the_others_still_get_the_answer(tmp_path: Path) -> None:
    entered = threading.Event()

    def slow(body: Body) -> Reply:
        entered.set()
        return Fault(text="late", delay=0.1)

    async def work(ask: Ask) -> str:
        first = asyncio.ensure_future(ask(question()))
        second = asyncio.ensure_future(ask(question()))
        await asyncio.to_thread(entered.wait)
        first.cancel()
        return (await second).text

    with Endpoint(slow) as endpoint:
        assert run({"solver": model_at(endpoint)}, tmp_path / "j", work) == "late"
    assert len(endpoint.requests) == 1


def test_a_run_that_is_stopped_leaves_nothing_open(tmp_path: Path) -> None:
    entered = threading.Event()

    def hangs(body: Body) -> Reply:
        entered.set()
        return Fault(delay=3600, cut="before")

    async def work(ask: Ask) -> None:
        left = [asyncio.ensure_future(ask(question(str(n)))) for n in range(3)]
        await asyncio.to_thread(entered.wait)
        left[0].cancel()
        raise KeyError("stopped")

    with Endpoint(hangs) as endpoint, pytest.raises(KeyError, match="stopped"):
        run({"solver": model_at(endpoint)}, tmp_path / "j", work)


@pytest.mark.parametrize(
    ("fault", "kind"), [(status(500), ServiceError), (status(400), Refused), (status(401), Missing)]
)
def test_a_failure_is_shared_but_not_recorded(
    tmp_path: Path, fault: Fault, kind: type[Exception]
) -> None:
    async def fails(ask: Ask) -> list[object]:
        both = await asyncio.gather(ask(question()), ask(question()), return_exceptions=True)
        return list(both)

    async def works(ask: Ask) -> str:
        return (await ask(question())).text

    with Endpoint(in_turn(fault, "well again")) as endpoint:
        models: dict[Role, ModelSettings] = {"solver": model_at(endpoint, attempts=1)}
        assert [type(error) for error in run(models, tmp_path / "j", fails)] == [kind, kind]
        assert run(models, tmp_path / "j", works) == "well again"


def test_roles_on_one_endpoint_share_its_limit_and_keep_their_models(tmp_path: Path) -> None:
    async def work(ask: Ask) -> set[str]:
        roles: tuple[Role, ...] = ("solver", "tester", "judge")
        asked = [ask(question(str(n), role=role)) for n in range(10) for role in roles]
        return {answer.model for answer in await asyncio.gather(*asked)}

    with Endpoint(lambda body: Fault(text="x", delay=0.005)) as endpoint:
        one = model_at(endpoint, name="one", max_concurrent_requests=2)
        two = model_at(endpoint, name="two", max_concurrent_requests=4)
        models: dict[Role, ModelSettings] = {"solver": one, "tester": one, "judge": two}
        assert run(models, tmp_path / "j", work) == {"one", "two"}
    assert endpoint.busiest <= 4
    assert len(endpoint.requests) == 20  # solver and tester ask the same of the same model


def test_a_longer_limit_asks_again_only_for_the_answers_that_were_cut(tmp_path: Path) -> None:
    def cut(body: Body) -> Reply:
        text = last_message(body)
        is_cut = text == "long" and body["max_tokens"] < 200
        return Fault(text=text, finish_reason="length" if is_cut else "stop")

    def work(max_tokens: int) -> Callable[[Ask], Coroutine[Any, Any, list[str]]]:
        async def ask_both(ask: Ask) -> list[str]:
            both = [question(text, max_tokens=max_tokens) for text in ("short", "long")]
            return [(await ask(request)).finish_reason for request in both]

        return ask_both

    with Endpoint(cut) as endpoint:
        models: dict[Role, ModelSettings] = {"solver": model_at(endpoint)}
        assert run(models, tmp_path / "j", work(100)) == ["stop", "length"]
        assert run(models, tmp_path / "j", work(200)) == ["stop", "stop"]
    assert len(endpoint.requests) == 3


def test_a_server_of_this_machine_is_started_by_the_first_request_that_needs_it(
    tmp_path: Path,
) -> None:
    """The weights are no model: only what starts a server notices, and says so each time."""
    weights = tmp_path / "own.gguf"
    weights.write_text("not a model")
    models: dict[Role, ModelSettings] = {"solver": ModelSettings.model_validate(str(weights))}

    async def nothing(ask: Ask) -> None:
        return None

    async def twice(ask: Ask) -> list[str]:
        both = await asyncio.gather(ask(question("a")), ask(question("b")), return_exceptions=True)
        return [str(error) for error in both]

    run(models, tmp_path / "j", nothing)
    said = run(models, tmp_path / "j", twice)
    assert said == [f"{weights} is no GGUF file. Name the path of a model in that format."] * 2


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with Endpoint(last_message) as endpoint:
        models: dict[Role, ModelSettings] = {"solver": model_at(endpoint)}

        async def again(ask: Ask) -> None:
            async with asking(models, tmp_path / "j"):
                pytest.fail("both have the folder")

        with pytest.raises(RunFolderError, match="another run is using this folder"):
            run(models, tmp_path / "j", again)


def test_a_probe_says_what_is_served_and_how_fast(tmp_path: Path) -> None:
    with Endpoint(lambda _: "one two three", models=("a", "b")) as endpoint:
        found = asyncio.run(probe(model_at(endpoint, max_concurrent_requests=3)))
    assert (found.name, found.models, found.requests) == (MODEL, ("a", "b"), 3)
    assert found.tokens_per_second is not None
    assert found.tokens_per_second > 0
    with pytest.raises(ServiceError):
        asyncio.run(probe(model_at(endpoint)))
