"""Asking until the answer can be read: how often, with which seeds, at what cost."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Message, Refused, Request, Sampling
from opencodeinstruct.tools.stages.asking import (
    EVIDENCE,
    Reading,
    Unreadable,
    ask_until_read,
    settle,
    with_cost,
)
from tests.asks import Said, saying

REQUEST = Request("solver", (Message("user", "Q"),), Sampling(), seed=5)


def number(text: str) -> int | Unreadable:
    return int(text) if text.isdigit() else Unreadable("no_number", text[:EVIDENCE])


def reading(
    *said: Said, tries: int = 3, asked: list[Request] | None = None, request: Request = REQUEST
) -> Reading[int]:
    return asyncio.run(ask_until_read(saying(*said, asked=asked), request, number, tries=tries))


@pytest.mark.parametrize(
    ("why", "said", "value", "times"),
    [
        ("at once", ["7"], 7, 1),
        ("the second time", ["x", "7", "8"], 7, 2),
        ("the last time", ["x", "", "7"], 7, 3),
        ("too late", ["x", "x", "x", "7"], Unreadable("no_number", "x"), 3),
        ("the last reason counts", ["x", "x", " "], Unreadable("empty_answer"), 3),
        ("cut", [Answer("x", "m", "length")], Unreadable("cut_short", "x"), 3),
        ("cut, but it can be read", [Answer("7", "m", "length")], 7, 1),
        ("cut and empty", [Answer("", "m", "length")], Unreadable("empty_answer"), 3),
    ],
)
def test_asks_until_an_answer_can_be_read(
    why: str, said: list[Said], value: int | Unreadable, times: int
) -> None:
    asked: list[Request] = []
    found = reading(*said, asked=asked)
    assert found.value == value, why
    assert len(asked) == len(found.answers) == times
    assert found.answer is found.answers[-1]


def test_after_an_answer_that_was_cut_more_tokens_are_allowed() -> None:
    asked: list[Request] = []
    reading(Answer("x", "m", "length"), Answer("y", "m", "length"), "7", asked=asked)
    most = REQUEST.sampling.max_tokens
    assert [one.sampling.max_tokens for one in asked] == [most, 2 * most, 4 * most]
    assert [one.instead_of for one in asked] == ["", "cut_short", "cut_short"]


def test_a_model_that_missed_the_form_is_shown_its_answer_once_and_then_asked_afresh() -> None:
    asked: list[Request] = []
    found: Reading[int] = asyncio.run(
        ask_until_read(
            saying("Sure! Here it is.", asked=asked),
            REQUEST,
            lambda text: Unreadable("not_json", text),
            tries=3,
        )
    )
    assert isinstance(found.value, Unreadable)
    first, second, third = ([message.content for message in one.messages] for one in asked)
    assert first == third == ["Q"]
    assert second[:2] == ["Q", "Sure! Here it is."]
    assert "not the JSON object" in second[2]


def test_a_cut_answer_that_says_nothing_shows_its_end() -> None:
    said = Answer("x" * 1000 + "end", "m", "length")
    found: Reading[int] = asyncio.run(
        ask_until_read(saying(said), REQUEST, lambda text: Unreadable("no"), tries=1)
    )
    assert isinstance(found.value, Unreadable)
    assert found.value.evidence.endswith("end")
    assert len(found.value.evidence) == EVIDENCE


@given(seed=st.integers(0, 2**31 - 1), tries=st.integers(1, 10))
def test_every_try_has_a_seed_of_its_own_and_nothing_else_differs(seed: int, tries: int) -> None:
    asked: list[Request] = []
    request = Request("judge", REQUEST.messages, Sampling(), seed, schema={"type": "object"})
    reading("x", tries=tries, asked=asked, request=request)
    seeds = [one.seed for one in asked]
    assert seeds[0] == seed
    assert len(set(seeds)) == tries
    assert all(0 <= one < 2**31 for one in seeds)
    assert {(one.role, one.messages, one.sampling) for one in asked} == {
        ("judge", REQUEST.messages, Sampling())
    }


@pytest.mark.parametrize("tries", [0, -1])
def test_it_asks_at_least_once(tries: int) -> None:
    assert reading("7", tries=tries).value == 7


def answer(prompt: int | None, completion: int | None) -> Answer:
    return Answer("x", "m", "stop", prompt, completion)


@pytest.mark.parametrize(
    ("why", "row", "answers", "spent"),
    [
        ("the first cost", {}, [answer(10, 2)], (10, 2)),
        ("added to what was spent", {"spent_prompt_tokens": 5}, [answer(10, 2)], (15, 2)),
        ("all answers count", {}, [answer(10, 2), answer(10, 3)], (20, 5)),
        ("unknown counts add nothing", {}, [answer(10, None), answer(None, 3)], (10, 3)),
        ("nothing known stays unknown", {}, [answer(None, None)], (None, None)),
        ("unknown before", {"spent_prompt_tokens": None}, [answer(1, 1)], (1, 1)),
        ("known before, unknown now", {"spent_output_tokens": 4}, [answer(None, None)], (None, 4)),
        ("nothing is not unknown", {}, [answer(0, 0)], (0, 0)),
        ("no answer", {"spent_prompt_tokens": 1}, [], (1, None)),
    ],
)
def test_the_cost_of_a_row_adds_up(
    why: str, row: Row, answers: list[Answer], spent: tuple[int | None, int | None]
) -> None:
    before = dict(row)
    after = with_cost(row, tuple(answers))
    assert (after["spent_prompt_tokens"], after["spent_output_tokens"]) == spent, why
    assert row == before


def settled(result: Outcome | Exception) -> Outcome:
    async def work() -> Outcome:
        if isinstance(result, Exception):
            raise result
        return result

    return asyncio.run(settle(work(), {"id": "1"}))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (Kept({"id": "2"}), Kept({"id": "2"})),
        (Dropped({"id": "2"}, "no_code"), Dropped({"id": "2"}, "no_code")),
        (ServiceError("it is down"), Deferred({"id": "1"}, "it is down")),
        (Refused("too long"), Dropped({"id": "1"}, "request_refused", "too long")),
        (Refused("x" * 999), Dropped({"id": "1"}, "request_refused", "x" * EVIDENCE)),
    ],
    ids=["kept", "dropped", "service failed", "refused", "refused at length"],
)
def test_a_failed_service_defers_and_a_refusal_drops(
    result: Outcome | Exception, outcome: Outcome
) -> None:
    assert settled(result) == outcome


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(Missing):
        settled(Missing("no walls"))
    with pytest.raises(KeyError):
        settled(KeyError("entry_point"))
