"""The OpenAI chat protocol as data: requests into bodies, replies into answers, no network.

Whatever bytes an endpoint sends, an `Answer` comes out whose text is valid Unicode, or `Failed`.
"""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from opencodeinstruct.tools.ports import Answer, Request, Sampling

_OF_SCHEMAS = ("response_format", "json_schema", "guided", "grammar", "structured")
_JSON = json.JSONEncoder(ensure_ascii=False)
_BLANK_RUN = 40  # characters of white space at the end: more than any indentation
_SURROGATES = re.compile("[\ud800-\udfff]")


class Failed(Exception):
    """One attempt gave no answer. `wait` is in seconds, where the endpoint asks for a pause.

    `busy`: it is there, without room; `gone`: it is not there, or broken; `final`: another attempt
    would fail, too.
    """

    def __init__(
        self,
        what: str,
        *,
        wait: float | None = None,
        timed_out: bool = False,
        busy: bool = False,
        gone: bool = False,
        final: bool = False,
    ) -> None:
        super().__init__(" ".join(what.split())[:300])
        self.wait, self.timed_out, self.final = wait, timed_out, final
        self.busy, self.gone = busy, gone


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def clean(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate, so that it can be stored as UTF-8."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def quoted(text: str) -> str:
    """`text`, cleaned, as a JSON string."""
    return _JSON.encode(clean(text))


def body_of(request: Request, name: str, *, guided: bool) -> bytes:
    """The body of the POST for `request`; `guided` adds its schema as response_format."""
    said = ", ".join(
        f'{{"role": {quoted(m.role)}, "content": {quoted(m.content)}}}' for m in request.messages
    )
    rest = ""
    if guided and request.schema is not None:
        schema = {"name": request.role, "schema": dict(request.schema)}
        wanted = {"type": "json_schema", "json_schema": schema}
        rest = f', "response_format": {_JSON.encode(wanted)}'
    common = _common(name, request.sampling)
    return clean(f'{{{common}, "seed": {request.seed}, "messages": [{said}]{rest}}}').encode()


@lru_cache(maxsize=256)
def _common(name: str, sampling: Sampling) -> str:
    """What the bodies of many requests have in common, without braces."""
    return _JSON.encode({"model": name, **sampling.model_dump()})[1:-1]


def answer_of(body: bytes, name: str) -> Answer:
    """The answer in a reply of status 200; `Failed` when there is none."""
    reply = _decoded(body)
    if not isinstance(reply, dict):
        raise Failed("the reply is not a JSON object")
    if reply.get("error"):
        raise Failed(f"an error in the reply: {message_of(body)}")
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    text = message.get("content") if isinstance(message, dict) else None
    reasoning = _reasoning(message) if isinstance(message, dict) else ""
    if text is None and reasoning:
        text = ""  # all of max_tokens went into thinking
    if not isinstance(choice, dict) or not isinstance(text, str):
        raise Failed("the reply holds no text (choices[0].message.content)")
    usage = _object(reply.get("usage"))
    return Answer(
        text=clean(text),
        model=_word(reply.get("model"), name),
        finish_reason=_word(choice.get("finish_reason"), "stop"),
        prompt_tokens=count_of(usage.get("prompt_tokens")),
        completion_tokens=count_of(usage.get("completion_tokens")),
        reasoning=reasoning,
        cached_tokens=count_of(_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
    )


def runs_blank(answer: Answer) -> bool:
    """Whether `answer` was cut at its longest while it wrote nothing but white space."""
    text = answer.text
    return answer.finish_reason == "length" and len(text) - len(text.rstrip()) >= _BLANK_RUN


def _reasoning(message: dict[str, Any]) -> str:
    """What the model thought: vLLM, SGLang and hosted endpoints use one of two names for it."""
    said = message.get("reasoning_content") or message.get("reasoning")
    return clean(said) if isinstance(said, str) else ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def blames_schema(status: int, body: bytes) -> bool:
    """Whether an error that is no refusal is about guided decoding, without which it may do."""
    said = message_of(body).lower() if status in (404, 500, 501) else ""
    return any(word in said for word in _OF_SCHEMAS)


def models_of(status: int, body: bytes) -> tuple[str, ...]:
    """Names in the reply to GET /models; `Failed` when it is not such a reply."""
    if status != 200:
        said = message_of(body)
        raise Failed(f"HTTP {status}" + (f": {said}" if said else ""))
    reply = _decoded(body)
    listed = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(listed, list):
        raise Failed("the reply is no list of models")
    names = [entry.get("id") for entry in listed if isinstance(entry, dict)]
    return tuple(clean(name) for name in names if isinstance(name, str))


def message_of(body: bytes) -> str:
    """What an endpoint says is wrong, on one line of at most 300 characters; may be empty."""
    text = body[:100_000].decode("utf-8", "replace")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    if not isinstance(said, str):
        said = json.dumps(said) if said else ""
    printable = "".join(c if c.isprintable() else " " for c in clean(said))
    return " ".join(printable.split())[:300]


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the header Retry-After asks for, at least 0; None without a usable one."""
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "").strip()
    try:
        seconds = float(value)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _decoded(body: bytes) -> Any:
    try:
        # What is not UTF-8 becomes U+FFFD: the answer is then of no use, but the endpoint lives.
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise Failed("the reply is not JSON") from error


def count_of(value: object) -> int | None:
    """A number of tokens that a 32-bit column can hold, else None."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count and isinstance(value, int) else None


def _word(value: object, default: str) -> str:
    return clean(value)[:200] if isinstance(value, str) and value else default
