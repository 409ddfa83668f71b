"""Respond: an answer with code that defines what was asked for, or the reason why not."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Ask, Refused, Request
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.stages.asking import settle
from opencodeinstruct.tools.stages.respond import RespondSettings, respond
from tests.asks import Said, saying

PROMPTS = load_prompts()
ROW: Row = {
    "id": "0" * 32,
    "input": "Write `f`.\n\nSignature: `def f(x: int) -> int`",
    "entry_point": "f",
    "spent_prompt_tokens": 1,
}
CODE = "def f(x):\n    return x + 1\n"
GOOD = f"So:\n\n```python\n{CODE}\nprint(f(1))\n```\nIt adds one."


def responded(ask: Ask, *, seed: int = 0, **settings: Any) -> Outcome:
    work = respond(ROW, ask, PROMPTS, RespondSettings(**settings), seed=seed)
    return asyncio.run(settle(work, ROW))


def test_the_whole_answer_is_kept_and_its_code_beside_it() -> None:
    outcome = responded(saying(GOOD))
    assert isinstance(outcome, Kept)
    row = outcome.row
    assert row["output"] == GOOD
    assert row["solution"] == CODE
    assert (row["solver_model"], row["output_tokens"]) == ("test-model", 10)
    assert (row["spent_prompt_tokens"], row["spent_output_tokens"]) == (101, 10)
    assert row["id"] == ROW["id"]
    assert "output" not in ROW
    table_of([row], working_schema())


def test_the_solver_is_asked_the_question_and_nothing_else() -> None:
    asked: list[Request] = []
    responded(saying(GOOD, asked=asked))
    (request,) = asked
    assert request.role == "solver"
    assert request.messages[-1].content == ROW["input"]
    assert request.schema is None


@pytest.mark.parametrize(
    ("why", "said", "reason", "times"),
    [
        ("a refusal", ["I'm sorry, I can't help with that."], "no_code", 2),
        ("nonsense", ["```python\n<<<\n```"], "no_code", 2),
        ("another function", ["```python\ndef g(x):\n    return x\n```"], "no_code", 2),
        ("another language", ["```c\nint f(int x) { return x + 1; }\n```"], "no_code", 2),
        ("nothing", [""], "empty_answer", 2),
        ("blank", ["\n\n"], "empty_answer", 2),
        ("cut within the code", [Answer("```python\ndef f(x", "m", "length")], "cut_short", 2),
        ("refused by the endpoint", [Refused("too long")], "request_refused", 1),
    ],
)
def test_an_answer_without_code_is_asked_again_and_then_dropped(
    why: str, said: list[Said], reason: str, times: int
) -> None:
    asked: list[Request] = []
    outcome = responded(saying(*said, asked=asked))
    assert isinstance(outcome, Dropped), why
    assert outcome.reason == reason
    assert len(asked) == times
    table_of([outcome.row], working_schema())


def test_a_dropped_row_keeps_the_last_answer_and_what_all_cost() -> None:
    outcome = responded(saying("one", "two"))
    assert isinstance(outcome, Dropped)
    assert outcome.row["output"] == outcome.evidence == "two"
    assert outcome.row["spent_output_tokens"] == 20
    assert "solution" not in outcome.row


def test_the_answer_that_has_code_is_the_one_that_is_kept() -> None:
    asked: list[Request] = []
    good = Answer(GOOD, "other-model", "stop", 7, 8)
    outcome = responded(saying("no", good, asked=asked))
    assert isinstance(outcome, Kept)
    assert outcome.row["output"] == GOOD
    assert (outcome.row["solver_model"], outcome.row["output_tokens"]) == ("other-model", 8)
    assert outcome.row["spent_output_tokens"] == 18
    assert asked[0].seed != asked[1].seed


def test_an_endpoint_that_counts_no_tokens_is_no_trouble() -> None:
    outcome = responded(saying(Answer(GOOD, "m")))
    assert isinstance(outcome, Kept)
    assert outcome.row["output_tokens"] is None
    assert outcome.row["spent_prompt_tokens"] == 1
    assert outcome.row["spent_output_tokens"] is None


def test_a_dead_service_defers_the_row() -> None:
    assert responded(saying(ServiceError("down"))) == Deferred(ROW, "down")
    assert responded(saying("no code", ServiceError("down"))) == Deferred(ROW, "down")


@given(text=st.text() | st.text().map(lambda text: f"```python\n{text}\n```"))
def test_any_answer_keeps_or_drops_the_row(text: str) -> None:
    outcome = responded(saying(text), tries=1)
    assert isinstance(outcome, Kept | Dropped)
    assert outcome.row["output"] == text
