"""What may stand behind `model:` in a recipe."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from opencodeinstruct.tools.llm.model_settings import ModelSettings, base_url_of


@pytest.mark.parametrize(
    ("value", "service", "name", "base_url", "at_once"),
    [
        ("embedded", "embedded", "embedded:0.5b", None, 8),  # the smallest is the default
        ("embedded:1.5B", "embedded", "embedded:1.5b", None, 8),  # case does not matter
        (" embedded ", "embedded", "embedded:0.5b", None, 8),  # nor do spaces
        ("/models/my.gguf", "embedded", "/models/my.gguf", None, 8),  # weights of one's own
        ("embedded:my.gguf", "embedded", "my.gguf", None, 8),
        ("vllm:Qwen/Qwen3", "vllm", "vllm:Qwen/Qwen3", None, 128),
        ("vllm-offline: Qwen/Qwen3", "vllm-offline", "vllm-offline:Qwen/Qwen3", None, 128),
        ("http://h:8000/v1#a/b:7b", "endpoint", "a/b:7b", "http://h:8000/v1", 256),
        ({"base_url": "http://h", "name": "m"}, "endpoint", "m", "http://h/v1", 256),  # /v1 added
        # A name that looks like a form of this machine is the endpoint's where there is a URL.
        ({"base_url": "http://h/v1/", "name": "vllm:m"}, "endpoint", "vllm:m", "http://h/v1", 256),
        ({"name": "embedded", "max_concurrent_requests": 3}, "embedded", "embedded:0.5b", None, 3),
    ],
)
def test_every_form_of_a_model_is_understood_and_survives_being_written_down(
    value: Any, service: str, name: str, base_url: str | None, at_once: int
) -> None:
    settings = ModelSettings.model_validate(value)
    assert (settings.service, settings.name, settings.base_url) == (service, name, base_url)
    assert settings.max_concurrent_requests == at_once
    assert ModelSettings.model_validate(settings.model_dump()) == settings


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("gpt-4", "a model is `embedded`"),  # a name alone says not where
        ("", "a model is `embedded`"),
        ("embedded:7b", "0.5b and 1.5b"),
        ("vllm:", "needs the name"),
        ("vllm-offline:", "needs the name"),
        ("http://h/v1", "name is missing"),
        ({"base_url": "http://h/v1"}, "Field required"),
        ({"name": "m"}, "a model is `embedded`"),
        ({"base_url": "h:8000/v1", "name": "m"}, "not a URL"),
        ({"base_url": "http://h:99999/v1", "name": "m"}, "not a URL"),
        ({"base_url": "http:///v1", "name": "m"}, "not a URL"),
        ({"base_url": "http://h/v1?k=secret-1", "name": "m"}, "after ? or #"),
        ({"base_url": "http://u:secret-1@h/v1", "name": "m"}, "user or password"),
        ({"base_url": "http://h/v1", "name": "m", "api_key_env": "secret-1"}, "the key itself"),
        ({"base_url": "http://h/v1", "name": "m", "api_key": "secret-1"}, "Extra inputs"),
        ({"name": "embedded", "api_key_env": "KEY"}, "needs base_url"),
        ({"base_url": "http://h/v1", "name": "m\n"}, "no line breaks"),
        ({"name": "embedded", "max_concurrent_requests": 0}, "greater than or equal to 1"),
        ({"name": "embedded", "request_timeout_seconds": -1}, "greater than 0"),
        (7, "valid"),
        (None, "valid"),
        ([], "these name none"),
        ([7], "a model is"),
        (["http://h/v1#m", "http://g/v1#n"], "these name m, n"),
        ({"name": "m", "base_url": "http://h", "endpoints": ["http://g"]}, "give one of them"),
        ({"name": "m", "endpoints": ["h:8000"]}, "not a URL"),
        ({"name": "m", "endpoints": [{"base_url": "http://g", "weight": 0}]}, "greater than 0"),
        ({"base_url": "http://h", "name": "m", "price": {"prompt": -1}}, "greater than or equal"),
        ("replay:", "needs a file"),
    ],
)
def test_a_value_that_is_no_model_is_refused_with_what_to_write_and_without_secrets(
    value: Any, says: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelSettings.model_validate(value)
    assert says in str(caught.value)
    assert "secret-1" not in str(caught.value)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_base_url_or_a_value_error_and_a_base_url_stays_as_it_is(text: str) -> None:
    try:
        url = base_url_of(text)
    except ValueError:
        return
    assert base_url_of(url) == url


def test_several_endpoints_share_a_name_and_have_limits_and_keys_of_their_own() -> None:
    listed = ModelSettings.model_validate(
        ["http://a:1#m", {"base_url": "http://b:2", "name": "m", "weight": 3}]
    )
    mapped = ModelSettings.model_validate(
        {
            "name": "m",
            "api_key_env": "KEY",
            "max_concurrent_requests": 50,
            "endpoints": [
                "http://a:1",
                {"base_url": "http://b:2", "max_concurrent_requests": 7, "api_key_env": "OTHER"},
                "http://a:1/v1",  # the same again
            ],
        }
    )
    assert listed.service == mapped.service == "endpoint"
    assert [(place.base_url, place.weight) for place in listed.places()] == [
        ("http://a:1/v1", 1.0),
        ("http://b:2/v1", 3.0),
    ]
    assert [
        (place.weight, place.max_concurrent_requests, place.api_key_env)
        for place in mapped.places()
    ] == [(2.0, 50, "KEY"), (1.0, 7, "OTHER")]
    assert mapped.most_at_once() == 57
    assert ModelSettings.model_validate(listed.model_dump()) == listed


@pytest.mark.parametrize(
    ("price", "usd"),
    [
        ({"prompt": 2, "output": 8}, 0.0056),  # 1,200 read, 400 of them cached; 400 written
        ({"prompt": 2, "output": 8, "cached": 0.5}, 0.005),
        ({}, 0.0),
    ],
)
def test_a_price_is_for_a_million_tokens(price: dict[str, float], usd: float) -> None:
    settings = ModelSettings.model_validate({"base_url": "http://h", "name": "m", "price": price})
    assert settings.price.usd(1200, 400, 400) == pytest.approx(usd)
