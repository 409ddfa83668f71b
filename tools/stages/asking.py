"""What the stages that ask a model share: asking until the answer can be read, and its cost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.outcome import Deferred, Dropped, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Ask, Message, Refused, Request
from opencodeinstruct.tools.text.reasoning import apart

EVIDENCE = 300  # characters of an answer kept to show why it was of no use

MORE = 2  # times the tokens, after an answer that was cut
MOST_TOKENS = 131072  # what `Sampling` allows

REPAIRS = {
    "not_json": "That is not the JSON object that was asked for. Give the object alone, complete, "
    "with nothing before or after it.",
}
"""What a model is told, once, after an answer of no use, by the reason for which it is of none."""

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
    After one that was cut, more tokens are allowed; after one that is not of the form asked for,
    the model is shown it and told so, once.
    """
    answers: list[Answer] = []
    value: Read | Unreadable = Unreadable("not_asked")
    first = request
    for attempt in range(max(tries, 1)):
        answer = _apart(await ask(replace(request, seed=(first.seed + attempt) % 2**31)))
        answers.append(answer)
        value = _read(answer, read, whole=whole)
        if not isinstance(value, Unreadable):
            break
        request = _another(first, request, answer, value)
    return Reading(value, tuple(answers))


def _another(first: Request, last: Request, answer: Answer, why: Unreadable) -> Request:
    """The request after one whose answer was of no use."""
    if why.reason == "cut_short":
        more = min(last.sampling.max_tokens * MORE, MOST_TOKENS)
        sampling = last.sampling.model_copy(update={"max_tokens": more})
        return replace(last, sampling=sampling, instead_of=why.reason)
    messages = first.messages
    if last.messages == first.messages and why.reason in REPAIRS:
        said = Message("assistant", answer.text)
        messages = (*messages, said, Message("user", REPAIRS[why.reason]))
    return replace(last, messages=messages, instead_of=why.reason)


def _apart(answer: Answer) -> Answer:
    """`answer` with what the model thought in `reasoning`: no part of it is read as the answer."""
    said = apart(answer.text)
    if said.answer == answer.text:
        return answer
    return replace(answer, text=said.answer, reasoning=answer.reasoning or said.thought)


def _read(
    answer: Answer, read: Callable[[str], Read | Unreadable], *, whole: bool
) -> Read | Unreadable:
    if not answer.text.strip():
        if answer.reasoning and answer.finish_reason == "length":
            return Unreadable("cut_short", answer.reasoning[-EVIDENCE:])
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
