"""Reading what endpoints send, without a network."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.tools.llm.protocol import (
    Failed,
    answer_of,
    body_of,
    clean,
    message_of,
    seconds_to_wait,
)
from opencodeinstruct.tools.ports import Message, Request, Sampling


@settings(deadline=None)
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_an_answer_or_a_failed_attempt_and_messages_are_one_line(body: bytes) -> None:
    with pytest.raises(Failed):
        answer_of(body, "m")
    assert message_of(body).isprintable()


_KEYS = st.sampled_from(["choices", "message", "content", "error", "usage", "model", "detail"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(reply=_JSON, message=_JSON, usage=_JSON, text=st.text(st.characters()))
def test_any_json_around_a_text_gives_the_text_or_a_failed_attempt(
    reply: object, message: object, usage: object, text: str
) -> None:
    try:
        answer_of(json.dumps(reply).encode(), "m")
    except Failed as failed:
        assert str(failed)
    made = {"choices": [{"message": {"content": text}, "finish_reason": message}], "usage": usage}
    answer = answer_of(json.dumps({**made, "model": message}).encode(), "m")
    sent = json.loads(json.dumps(text))  # a pair of surrogates has become one character
    assert answer.text == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in sent)
    answer.model.encode()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "too long", "code": 400}}', "too long"),  # OpenAI, vLLM
        (b'{"error": "no such model"}', "no such model"),  # Ollama
        (b'{"message": "bad"}', "bad"),
        (b'{"detail": [{"loc": ["body"], "msg": "wrong"}]}', '[{"loc": ["body"], "msg": "wrong"}]'),
        (b"Bad\r\n Gateway \x1b[31m", "Bad Gateway [31m"),
        (b"", ""),
        (b"\xff", "\ufffd"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_what_an_endpoint_says_is_found_wherever_it_puts_it(body: bytes, message: str) -> None:
    assert message_of(body) == message


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("3", 3, 3),
        ("0.5", 0.5, 0.5),
        ("-4", 0, 0),  # in the past
        (timedelta(hours=1), 3500, 3600),  # a date, an hour from now
        (timedelta(hours=-1), 0, 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    value: str | timedelta, least: float, most: float
) -> None:
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value, usegmt=True)
    wait = seconds_to_wait({"retry-After": value})
    assert wait is not None
    assert least <= wait <= most


@pytest.mark.parametrize(
    "value", ["", "soon", "inf", "nan", "Thu, 99 Nov 2026 10:00:00 GMT", "٣٣x"]
)
def test_a_retry_after_that_makes_no_sense_is_none(value: str) -> None:
    assert seconds_to_wait({"Retry-After": value}) is None


@given(
    st.lists(st.tuples(st.sampled_from(["system", "user"]), st.text()), max_size=3),
    st.integers(0, 2**31),
    st.none() | st.dictionaries(st.text(max_size=5), st.lists(st.text()), max_size=2),
    st.booleans(),
)
def test_a_body_is_json_of_what_is_asked_in_utf_8(
    said: list[tuple[str, str]], seed: int, schema: dict[str, list[str]] | None, guided: bool
) -> None:
    messages = tuple(Message(role, text) for role, text in said)
    sampling = Sampling(temperature=0.5, top_p=1.0, max_tokens=9)
    body = body_of(Request("judge", messages, sampling, seed, schema), 'na"me', guided=guided)
    wanted = {
        "model": 'na"me',
        "messages": [{"role": role, "content": clean(text)} for role, text in said],
        "temperature": 0.5,
        "top_p": 1.0,
        "max_tokens": 9,
        "seed": seed,
    }
    if guided and schema is not None:
        cleaned = json.loads(clean(json.dumps(schema, ensure_ascii=False)))
        form = {"name": "judge", "schema": cleaned}
        wanted["response_format"] = {"type": "json_schema", "json_schema": form}
    assert json.loads(body) == wanted
