"""The services that stages are handed, as function signatures; nothing here does anything.

`Ask` puts a request to a language model. `Run` executes a program's tests behind walls. `Embed`
makes vectors of texts. They raise `ServiceError` when the service failed, which says nothing about
the row.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.builder.schema import TRUST

Role = Literal["generator", "solver", "tester", "judge"]


class Sampling(BaseModel):
    """How a model decodes; names are those of the OpenAI wire protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=0.7, ge=0, le=2)  # Self-Instruct, arXiv 2212.10560
    top_p: float = Field(default=0.9, gt=0, le=1)  # Evol-Instruct decoding
    max_tokens: int = Field(default=1024, ge=1, le=131072)


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a model in the role `role`.

    `seed` makes repeated requests with the same text distinct. `schema`, a JSON schema, asks for
    guided decoding; the answer may ignore it where the endpoint cannot do that. `instead_of` is
    why a former answer was of no use, where this request is another try: it is counted.
    """

    role: Role
    messages: tuple[Message, ...]
    sampling: Sampling
    seed: int
    schema: Mapping[str, Any] | None = None
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said. Token counts are the endpoint's own, None where it gives none.

    `finish_reason` is `stop`, `length` (cut at `max_tokens`) or what the endpoint says. `reasoning`
    is what a reasoning model thought, where its endpoint gives that apart. `cached_tokens` are
    those of the prompt that the endpoint had in its cache; `seconds` is how long the answer took.
    """

    text: str
    model: str
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning: str = ""
    cached_tokens: int | None = field(default=None, compare=False)
    seconds: float | None = field(default=None, compare=False)


class Ask(Protocol):
    """Put `request` to a model.

    Raises `ServiceError` when no answer could be had, `Refused` when the endpoint answered that
    this very request cannot be served (HTTP 400, 413 or 422: too long a prompt, say), `Stopped`
    when the run is to end.
    """

    async def __call__(self, request: Request) -> Answer: ...


class Refused(Exception):
    """The endpoint refuses this request for good; the row is dropped as `request_refused`."""


class Stopped(Exception):
    """The run is being stopped: nothing more is asked, and what was done is kept.

    `code` is the exit code of the command.
    """

    def __init__(self, why: str, *, code: int) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use. Seconds of CPU and of wall for a test, MiB, bytes of output.

    `total_seconds` is CPU for the whole program: tests that it leaves no time for are `timeout`.
    """

    cpu_seconds: float = 5.0
    wall_seconds: float = 20.0
    memory_mib: int = 512
    output_bytes: int = 65536
    total_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """A solution and its tests; each test is code that asserts something.

    `entry_point` is the name that the tests call.
    """

    code: str
    tests: tuple[str, ...]
    entry_point: str | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class TestVerdict:
    """One test's verdict, one of `schema.VERDICTS`.

    `exception` is the type's name and message where one was raised, `line` its line in the code
    or test that raised it, `place` which of the two: `solution` or `test`. `trust`, one of
    `schema.TRUST`, is how a `pass` was seen; a verdict that is no pass was seen in one process.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    verdict: str
    exception: str | None = None
    line: int | None = None
    place: str | None = None
    trust: str = "shared"


@dataclass(frozen=True, slots=True)
class RunResult:
    """A verdict for each test, in order; wall and CPU seconds; captured output, bounded.

    `flaky` says that runs of the same program came to different verdicts.
    """

    verdicts: tuple[TestVerdict, ...]
    seconds: float
    output: str = ""
    cpu_seconds: float = 0.0
    flaky: bool = False

    @property
    def trust(self) -> str:
        """The weakest trust of the tests that pass; `shared` where none passes."""
        passed = [verdict.trust for verdict in self.verdicts if verdict.verdict == "pass"]
        return max(passed, key=TRUST.index, default="shared")


class Run(Protocol):
    """Execute `program` behind walls; raises `ServiceError` when the sandbox itself failed."""

    async def __call__(self, program: Program) -> RunResult: ...


class Embed(Protocol):
    """A vector for each of `texts`, float32 of shape (len(texts), dimensions), of any length.

    The same text has the same vector, but for the last digits of its numbers.
    """

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def content_id(text: str) -> str:
    """32 hex digits: BLAKE2b-128 of `text` in UTF-8."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def digest(*parts: object) -> str:
    """12 hex digits of the JSON of `parts`, in which the order of keys does not matter."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=True)
    return blake2b(text.encode(), digest_size=6).hexdigest()


def seed_of(*parts: object) -> int:
    """A seed in 0..2**31-1 from `parts`; the same parts give the same seed on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") >> 1


def random_of(*parts: object) -> random.Random:
    """A generator seeded by `parts`."""
    return random.Random(seed_of(*parts))
