"""What the stages that ask a model share: asking until the answer can be read, and its cost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.outcome import Deferred, Dropped, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Ask, Refused, Request

EVIDENCE = 300  # characters of an answer kept to show why it was of no use

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why an answer is of no use: a reason to count and a piece of it to show."""

    reason: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Reading(Generic[Read]):
    """What was read from the last answer, and all answers it took, in order."""

    value: Read | Unreadable
    answers: tuple[Answer, ...]

    @property
    def answer(self) -> Answer:
        """The last answer."""
        return self.answers[-1]


async def ask_until_read(
    ask: Ask,
    request: Request,
    read: Callable[[str], Read | Unreadable],
    *,
    tries: int,
    whole: bool = False,
) -> Reading[Read]:
    """Ask up to `tries` times, each with another seed, until `read` makes sense of an answer.

    With `whole` an answer that was cut at `max_tokens` is of no use, whatever `read` finds in it.
    """
    answers: list[Answer] = []
    value: Read | Unreadable = Unreadable("not_asked")
    for attempt in range(max(tries, 1)):
        answer = await ask(replace(request, seed=(request.seed + attempt) % 2**31))
        answers.append(answer)
        value = _read(answer, read, whole=whole)
        if not isinstance(value, Unreadable):
            break
    return Reading(value, tuple(answers))


def _read(
    answer: Answer, read: Callable[[str], Read | Unreadable], *, whole: bool
) -> Read | Unreadable:
    if not answer.text.strip():
        return Unreadable("empty_answer")
    if "\ufffd" in answer.text:
        return Unreadable("not_utf8", answer.text[:EVIDENCE])
    value = read(answer.text)
    if answer.finish_reason == "length" and (whole or isinstance(value, Unreadable)):
        return Unreadable("cut_short", answer.text[-EVIDENCE:])
    return value


def with_cost(row: Row, answers: tuple[Answer, ...]) -> Row:
    """`row` with the tokens of `answers` added to what was spent on it."""
    return {
        **row,
        "spent_prompt_tokens": _added(
            row.get("spent_prompt_tokens"), [answer.prompt_tokens for answer in answers]
        ),
        "spent_output_tokens": _added(
            row.get("spent_output_tokens"), [answer.completion_tokens for answer in answers]
        ),
    }


def _added(before: int | None, counts: list[int | None]) -> int | None:
    known = [count for count in (before, *counts) if count is not None]
    return sum(known) if known else None


async def settle(work: Awaitable[Outcome], row: Row) -> Outcome:
    """What `work` makes of `row`; a failed service defers it, a refused request drops it."""
    try:
        return await work
    except ServiceError as error:
        return Deferred(row, str(error))
    except Refused as error:
        return Dropped(row, "request_refused", str(error)[:EVIDENCE])
