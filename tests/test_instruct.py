"""Instruct: a question of every seed, or the reason why there is none."""

import asyncio
import json
from typing import Any

import pytest

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Ask, Refused, Request, content_id
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.stages.asking import settle
from opencodeinstruct.tools.stages.instruct import InstructSettings, instruct
from opencodeinstruct.tools.stages.seeds import seed_row
from tests.asks import saying

PROMPTS = load_prompts()
GOOD = json.dumps({"signature": "def area(side)", "problem": "Write `area` of a `side`."})
TEXT = "Write `area` of a `side`.\n\nSignature: `def area(side)`"


def code_seed(**changes: Any) -> Row:
    text = "def square(x):\n    return x * x"
    return seed_row(text, domain="generic", origin="a.py:1", license="MIT") | changes


def problem_seed(**changes: Any) -> Row:
    text = "Read n and print n squared."
    return seed_row(text, domain="algorithmic", origin="p.jsonl:1", license=None) | changes


def instructed(row: Row, ask: Ask, *, seed: int = 0, **settings: Any) -> Outcome:
    work = instruct(row, ask, PROMPTS, InstructSettings(**settings), seed=seed)
    return asyncio.run(settle(work, row))


def test_a_seed_becomes_a_question_that_knows_where_it_comes_from() -> None:
    seed = code_seed()
    outcome = instructed(seed, saying(GOOD))
    assert isinstance(outcome, Kept)
    row = outcome.row
    assert row["input"] == TEXT
    assert row["id"] == content_id(TEXT)
    assert row["parent_ids"] == [seed["id"]]
    assert row["seed_ids"] == [seed["id"]]
    assert (row["generation"], row["colony"]) == (0, 0)
    assert (row["operation"], row["generation_algorithm"]) == ("oss-instruct", "oss-instruct")
    assert (row["license"], row["seed_origin"]) == ("MIT", "a.py:1")
    assert row["generator_model"] == "test-model"
    assert (row["spent_prompt_tokens"], row["spent_output_tokens"]) == (100, 10)
    table_of([row], working_schema())  # every key is a column, every value fits


@pytest.mark.parametrize(
    ("seed", "shows", "says"),
    [
        (code_seed(), "def square(x):", "real Python code"),
        (problem_seed(), "Read n and print n squared.", "restate programming problems"),
    ],
    ids=["code", "problem"],
)
def test_code_and_problems_are_asked_about_in_their_own_way(
    seed: Row, shows: str, says: str
) -> None:
    asked: list[Request] = []
    assert isinstance(instructed(seed, saying(GOOD, asked=asked)), Kept)
    (request,) = asked
    assert request.role == "generator"
    assert says in request.messages[0].content
    assert shows in request.messages[-1].content
    assert request.schema is not None


def test_a_problem_with_a_signature_is_kept_without_asking() -> None:
    asked: list[Request] = []
    seed = problem_seed(input="Return n squared.", signature="def squared(n: int) -> int:")
    outcome = instructed(seed, saying(GOOD, asked=asked))
    assert isinstance(outcome, Kept)
    assert asked == []
    row = outcome.row
    assert row["input"] == "Return n squared.\n\nSignature: `def squared(n: int) -> int`"
    assert (row["entry_point"], row["operation"]) == ("squared", "seed")
    assert row["id"] == content_id(row["input"])
    assert row["parent_ids"] == row["seed_ids"] == [seed["id"]]
    assert row["generator_model"] is None
    assert "spent_output_tokens" not in row
    table_of([row], working_schema())


@pytest.mark.parametrize(
    ("why", "given"),
    [
        ("no signature", {"input": "Return n squared."}),
        ("no text", {"signature": "def squared(n)"}),
        ("a signature of no use", {"input": "Return n squared.", "signature": "squared"}),
    ],
)
def test_a_problem_that_is_not_ready_is_asked_about(why: str, given: Row) -> None:
    asked: list[Request] = []
    assert isinstance(instructed(problem_seed(**given), saying(GOOD, asked=asked)), Kept)
    assert len(asked) == 1, why


@pytest.mark.parametrize(
    ("why", "said", "reason", "asked_times"),
    [
        ("nonsense twice", ["no", "no"], "not_json", 2),
        ("nothing", [""], "empty_answer", 2),
        ("blank", [" \n"], "empty_answer", 2),
        ("no function", ['{"problem": "x"}'], "bad_signature", 2),
        ("cut", [Answer('{"signature": "def', "m", "length")], "cut_short", 2),
        ("refused for good", [Refused("too long")], "request_refused", 1),
        ("refused the second time", ["no", Refused("no")], "request_refused", 2),
    ],
)
def test_a_seed_without_a_question_is_dropped_with_the_reason(
    why: str, said: list[Any], reason: str, asked_times: int
) -> None:
    asked: list[Request] = []
    seed = code_seed()
    outcome = instructed(seed, saying(*said, asked=asked))
    assert isinstance(outcome, Dropped), why
    assert outcome.reason == reason
    assert outcome.row["id"] == seed["id"]
    assert len(asked) == asked_times


def test_a_slip_is_asked_again_with_another_seed_and_both_are_paid_for() -> None:
    asked: list[Request] = []
    outcome = instructed(
        code_seed(spent_output_tokens=5), saying("?", "{}", GOOD, asked=asked), tries=3
    )
    assert isinstance(outcome, Kept)
    assert len({request.seed for request in asked}) == 3
    assert asked[0].messages == asked[2].messages  # in between it is told what was wrong
    assert outcome.row["spent_prompt_tokens"] == 300
    assert outcome.row["spent_output_tokens"] == 35


def test_a_seed_that_is_too_long_is_dropped_unasked() -> None:
    asked: list[Request] = []
    outcome = instructed(code_seed(), saying(GOOD, asked=asked), max_seed_characters=100)
    assert isinstance(outcome, Kept)
    long = code_seed(seed_text="x" * 101)
    outcome = instructed(long, saying(GOOD, asked=asked), max_seed_characters=100)
    assert outcome == Dropped(long, "seed_too_long", "101 characters")
    assert len(asked) == 1


def test_a_dead_service_defers_the_seed() -> None:
    seed = code_seed()
    outcome = instructed(seed, saying(ServiceError("http://x did not answer")))
    assert outcome == Deferred(seed, "http://x did not answer")


def test_the_request_s_seed_depends_on_the_run_and_the_row_alone() -> None:
    def seed_for(row: Row, seed: int) -> int:
        asked: list[Request] = []
        instructed(row, saying(GOOD, asked=asked), seed=seed)
        return asked[0].seed

    assert seed_for(code_seed(), 1) == seed_for(code_seed(), 1)
    assert seed_for(code_seed(), 1) != seed_for(code_seed(), 2)
    assert seed_for(code_seed(), 1) != seed_for(problem_seed(), 1)


def test_the_seed_is_not_changed_in_place() -> None:
    seed = code_seed()
    copy = dict(seed)
    instructed(seed, saying(GOOD))
    assert seed == copy
