"""The client against a real server that misbehaves in every way we have met."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import pytest

from opencodeinstruct.builder.errors import Missing, ProjectError, ServiceError
from opencodeinstruct.tools.llm.client import ChatClient
from opencodeinstruct.tools.llm.endpoint import Endpoint as OneEndpoint
from opencodeinstruct.tools.llm.limit import Limit
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.routing import Member
from opencodeinstruct.tools.ports import Answer, Message, Refused, Request, Sampling
from tests.endpoint import (
    CUT_BEFORE,
    CUT_MIDWAY,
    ERROR_IN_BODY,
    FLOOD,
    MODEL,
    NEVER,
    NOT_JSON,
    NOT_UTF8,
    Body,
    Endpoint,
    Fault,
    Reply,
    in_turn,
    last_message,
    status,
)

T = TypeVar("T")
SCHEMA = {"type": "object", "properties": {"score": {"type": "integer"}}}


def question(text: str = "hello", *, schema: dict[str, Any] | None = None) -> Request:
    return Request("solver", (Message("user", text),), Sampling(), seed=1, schema=schema)


def settings_for(endpoint: Endpoint, **changed: Any) -> ModelSettings:
    given = {"base_url": endpoint.base_url, "name": MODEL, "first_wait_seconds": 0.001, **changed}
    return ModelSettings.model_validate(given)


@asynccontextmanager
async def client_of(
    settings: ModelSettings, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[ChatClient]:
    """A client of the endpoints of `settings`, as a run wires it."""
    async with AsyncExitStack() as stack:
        members = []
        for place in settings.places():
            most = place.max_concurrent_requests or 1
            endpoint = OneEndpoint(
                place.base_url,
                limit=Limit(most, most),
                api_key_env=place.api_key_env,
                timeout=settings.request_timeout_seconds,
                clock=clock,
            )
            members.append((Member(await stack.enter_async_context(endpoint)), place.weight))
        client = ChatClient(settings, members)
        stack.callback(client.close)
        yield client


def using(
    endpoint: Endpoint, use: Callable[[ChatClient], Coroutine[Any, Any, T]], **changed: Any
) -> T:
    async def main() -> T:
        settings = settings_for(endpoint, **changed)
        async with client_of(settings) as client:
            return await use(client)

    return asyncio.run(main())


def ask(endpoint: Endpoint, request: Request | None = None, **changed: Any) -> Answer:
    return using(endpoint, lambda client: client.ask(request or question(), MODEL), **changed)


def test_a_request_is_put_as_the_protocol_says_and_its_answer_comes_back_whole() -> None:
    with Endpoint(lambda body: f"you said {last_message(body)}") as endpoint:
        answer = ask(endpoint, question("good day"))
    assert answer == Answer("you said good day", MODEL, "stop", 2, 4)
    assert endpoint.requests == [
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": "good day"}],
            "temperature": 0.7,
            "top_p": 0.9,
            "max_tokens": 1024,
            "seed": 1,
        }
    ]
    assert "Authorization" not in endpoint.headers[0]


@pytest.mark.parametrize(
    "fault",
    [
        CUT_BEFORE,  # a server that was restarted
        CUT_MIDWAY,  # a proxy that gave up
        NOT_JSON,  # an error page with status 200
        ERROR_IN_BODY,  # an error with status 200
        Fault(body=b"[]"),
        Fault(body=b'{"choices": []}'),
        Fault(body=b'{"choices": [{"message": "text"}]}'),
        Fault(body=b"[" * 100_000),  # deeper than any parser goes
        Fault(text=None),  # content: null
        Fault(body=b"x" * (16 * 2**20 + 1)),  # a reply without end
        Fault(headers={"Content-Encoding": "gzip"}),  # which it is not
        status(408),
        status(409),
        status(425),
        status(429),
        status(500),
        status(503, Retry_After="0"),
        status(529, Retry_After="soon"),  # a header that makes no sense
        status(302, Location="http://elsewhere/"),
        Fault(delay=3600),  # longer than the timeout
    ],
    ids=lambda fault: str(fault)[:60],
)
def test_a_failure_that_may_pass_is_tried_again(fault: Fault) -> None:
    with Endpoint(in_turn(fault, "recovered")) as endpoint:
        assert ask(endpoint, request_timeout_seconds=1.5).text == "recovered"
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("fault", "says", "requests"),
    [
        (status(500, "the engine is dead"), "HTTP 500: the engine is dead", 3),
        (status(302, Location="https://h/v1"), "redirects to https://h/v1", 3),
        (ERROR_IN_BODY, "engine is dead", 3),
        (CUT_BEFORE, "isconnected", 3),
        (NEVER, "no answer within 0.2 s", 2),  # waiting costs more than asking: twice is enough
        (status(402, "no credit left"), "no credit left", 1),  # will not pass by itself
        (Fault(status=418, body=b"\xff\x00 tea\npot"), "tea pot", 1),
    ],
    ids=lambda value: str(value)[:40],
)
def test_when_all_attempts_fail_the_error_names_the_url_and_the_last_cause_on_one_line(
    fault: Fault, says: str, requests: int
) -> None:
    with Endpoint(lambda _: fault) as endpoint:
        timeout = 0.2 if fault is NEVER else 30
        with pytest.raises(ServiceError) as caught:
            ask(endpoint, attempts=3, request_timeout_seconds=timeout)
    assert endpoint.base_url in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(endpoint.requests) == requests


def test_an_endpoint_that_is_not_there_is_a_service_error() -> None:
    with Endpoint(lambda _: "x") as endpoint:
        pass
    with pytest.raises(ServiceError, match=f":{endpoint.port}/v1 gives no answer"):
        ask(endpoint)


@pytest.mark.parametrize("code", [400, 413, 422])
@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_a_request_that_can_never_be_served_is_refused_with_what_the_server_says(
    code: int, schema: dict[str, Any] | None
) -> None:
    with (
        Endpoint(lambda _: status(code, "prompt is too long")) as endpoint,
        pytest.raises(Refused, match="prompt is too long"),
    ):
        ask(endpoint, question(schema=schema))
    assert len(endpoint.requests) == (1 if schema is None else 2)  # was it the schema?


@pytest.mark.parametrize(
    ("fault", "settings", "says"),
    [
        (status(401, "who are you"), {}, "name a key with api_key_env"),
        (status(403), {"api_key_env": "TEST_KEY"}, "check the key in $TEST_KEY"),
        (
            status(404, "no such model"),
            {},
            "does not serve the model 'test-model'; it serves: a, b",
        ),
        ("fine", {"api_key_env": "TEST_ABSENT"}, "TEST_ABSENT is not set"),
    ],
)
def test_what_the_user_must_set_right_ends_the_run_and_says_how(
    fault: Reply, settings: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "secret-1")
    with (
        Endpoint(lambda _: fault, models=("a", "b")) as endpoint,
        pytest.raises(Missing) as caught,
    ):
        ask(endpoint, **settings)
    assert says in str(caught.value)
    assert "secret-1" not in str(caught.value)
    assert len(endpoint.requests) <= 1


def test_a_wrong_base_url_is_told_from_a_wrong_model() -> None:
    with (
        Endpoint(lambda _: "x") as endpoint,
        pytest.raises(Missing, match="usually ends in /v1"),
    ):
        ask(endpoint, base_url=endpoint.base_url.replace("/v1", "/wrong"))


def test_the_key_is_read_from_the_environment_variable_that_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_KEY", " secret-1\n")
    with Endpoint(lambda _: "x") as endpoint:
        ask(endpoint, api_key_env="TEST_KEY")
    assert endpoint.headers[0]["Authorization"] == "Bearer secret-1"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(text=""), Answer("", MODEL, "stop", 1, 0)),  # an empty answer is an answer
        (Fault(text="half", finish_reason="length"), Answer("half", MODEL, "length", 1, 1)),
        (Fault(text="a", model="other"), Answer("a", "other", "stop", 1, 1)),  # switched midway
        (Fault(text="a", usage=False), Answer("a", MODEL)),
        (Fault(text="a\ud800b"), Answer("a\ufffdb", MODEL, "stop", 1, 1)),  # not storable as UTF-8
        (Fault(text="a\x00b\U0001f600"), Answer("a\x00b\U0001f600", MODEL, "stop", 1, 1)),
        (FLOOD, Answer("token " * 40_000, MODEL, "stop", 1, 40_000)),
        (
            Fault(
                body=b'{"choices": [{"message": {"content": "a"}, "finish_reason": null}], '
                b'"model": 7, "usage": {"prompt_tokens": -1, "completion_tokens": true}}'
            ),
            Answer("a", MODEL),
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_odd_replies_that_hold_a_text_are_answers(fault: Fault, expected: Answer) -> None:
    with Endpoint(lambda _: fault) as endpoint:
        assert ask(endpoint) == expected


def test_a_lone_surrogate_in_a_prompt_does_not_reach_the_endpoint() -> None:
    with Endpoint(last_message) as endpoint:
        assert ask(endpoint, question("a\udfffb")).text == "a\ufffdb"


def test_an_endpoint_without_guided_decoding_is_asked_for_it_once() -> None:
    def unguided(body: Body) -> Reply:
        return status(400, "unknown field") if "response_format" in body else "plain"

    async def twice(client: ChatClient) -> list[str]:
        return [(await client.ask(question(schema=SCHEMA), MODEL)).text for _ in range(2)]

    with Endpoint(unguided) as endpoint:
        assert using(endpoint, twice) == ["plain", "plain"]
    assert ["response_format" in body for body in endpoint.requests] == [True, False, False]


BLANKS = Fault(text='{"score":' + " " * 500, finish_reason="length")


def test_a_guided_answer_that_runs_out_in_white_space_is_asked_again_without_guidance() -> None:
    def looping(body: Body) -> Reply:
        return BLANKS if "response_format" in body else "plain"

    async def five(client: ChatClient) -> list[Answer]:
        return [await client.ask(question(schema=SCHEMA), MODEL) for _ in range(5)]

    with Endpoint(looping) as endpoint:
        answers = using(endpoint, five)
    assert [answer.text for answer in answers] == ["plain"] * 5
    asked = ["response_format" in body for body in endpoint.requests]
    assert asked == [True, False, True, False, True, False, False, False]
    # what was written in vain was paid for
    assert [answer.completion_tokens for answer in answers] == [2, 2, 2, 1, 1]


def test_one_loop_in_many_answers_does_not_end_guided_decoding() -> None:
    guided = 0

    def now_and_then(body: Body) -> Reply:
        nonlocal guided
        if "response_format" not in body:
            return "plain"
        guided += 1
        return BLANKS if guided % 3 else '{"score": 5}'

    async def nine(client: ChatClient) -> list[str]:
        return [(await client.ask(question(schema=SCHEMA), MODEL)).text for _ in range(9)]

    with Endpoint(now_and_then) as endpoint:
        assert using(endpoint, nine) == ["plain", "plain", '{"score": 5}'] * 3
    assert guided == 9


def test_a_loop_stays_what_it_is_where_the_plain_request_fails() -> None:
    def looping(body: Body) -> Reply:
        return BLANKS if "response_format" in body else status(400, "no")

    with Endpoint(looping) as endpoint:
        assert ask(endpoint, question(schema=SCHEMA)).finish_reason == "length"


def test_a_schema_is_sent_as_response_format() -> None:
    with Endpoint(lambda body: json.dumps(body["response_format"])) as endpoint:
        sent = json.loads(ask(endpoint, question(schema=SCHEMA)).text)
    assert sent == {"type": "json_schema", "json_schema": {"name": "solver", "schema": SCHEMA}}


def test_models_are_listed_and_a_server_that_lists_none_is_a_service_error() -> None:
    with Endpoint(lambda _: "x", models=("b", "a")) as endpoint:
        assert using(endpoint, lambda client: client.models()) == ("b", "a")
        with pytest.raises(ProjectError, match="Is an OpenAI endpoint there"):
            using(
                endpoint,
                lambda client: client.models(),
                base_url=endpoint.base_url.replace("/v1", "/models/v2"),
            )


def test_bytes_that_are_no_utf8_are_an_answer_that_shows_it() -> None:
    with Endpoint(lambda _: NOT_UTF8) as endpoint:
        assert "\ufffd" in ask(endpoint).text
