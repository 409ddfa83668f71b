"""What a local Hub answers with, and the ways in which it refuses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; with `path`, its body is bytes `start` to `stop` of that file."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    start: int = 0
    stop: int = 0

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return len(self.body) if self.path is None else self.stop - self.start


class Refusal(Exception):
    """Raised where a request is refused; `answer` is what the client gets."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Account:
    """Who a token belongs to, and whether it may write."""

    name: str
    write: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the routes see it; `parts` are those of its path, unquoted one by one.

    `upload` is the file that holds the body of a PUT, `sha256` the hash of its content.
    """

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    account: Account | None
    upload: Path | None = None
    sha256: str = ""
    size: int = 0

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def answer_json(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """`value` as JSON."""
    named = {"Content-Type": "application/json", **(headers or {})}
    return Answer(status, json.dumps(value).encode(), named)


def refusal(status: int, message: str, code: str | None = None, commit: str = "") -> Refusal:
    """A refusal as the Hub words it: in the body and in headers; `commit` is the one asked."""
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    headers |= {"X-Repo-Commit": commit} if commit else {}
    return Refusal(answer_json({"error": message}, status, headers))
