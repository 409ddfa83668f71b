"""Judge: three scores from 1 to 5 with their reasons, as the published release has them."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.builder.schema import CRITERIA, table_of, working_schema
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Ask, Refused, Request
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.stages.asking import Unreadable, settle
from opencodeinstruct.tools.stages.judge import (
    JUDGEMENT_SCHEMA,
    JudgeSettings,
    judge,
    read_judgement,
)
from tests.asks import Said, saying

PROMPTS = load_prompts()
ROW: Row = {"id": "0" * 32, "input": "Write `f`.", "solution": "f = abs", "entry_point": "f"}


def said(first: object = 5, second: object = 4, third: object = 3) -> str:
    return json.dumps(
        {
            criterion: {"justification": f"On {criterion}.", "score": score}
            for criterion, score in zip(CRITERIA, (first, second, third), strict=True)
        }
    )


def judged(ask: Ask, **settings: Any) -> Outcome:
    work = judge(ROW, ask, PROMPTS, JudgeSettings(**settings), seed=0)
    return asyncio.run(settle(work, ROW))


def test_a_row_is_given_its_judgement_its_scores_and_their_minimum() -> None:
    outcome = judged(saying(said(5, 4, 3)))
    assert isinstance(outcome, Kept)
    row = outcome.row
    assert [row[criterion] for criterion in CRITERIA] == [5, 4, 3]
    assert row["judge_score"] == 3
    assert (row["judge_model"], row["spent_output_tokens"]) == ("test-model", 10)
    assert "judge_score" not in ROW
    table_of([row], working_schema())


def test_the_judgement_has_the_published_keys_in_the_published_order() -> None:
    backwards = json.dumps(dict(reversed(json.loads(said()).items())))
    for answer in (said(), backwards):
        outcome = judged(saying(answer))
        assert isinstance(outcome, Kept)
        judgement = json.loads(outcome.row["llm_judgement"])
        assert list(judgement) == list(CRITERIA)
        for criterion in CRITERIA:
            assert list(judgement[criterion]) == ["score", "justification"]
            assert judgement[criterion]["justification"] == f"On {criterion}."
            assert type(judgement[criterion]["score"]) is int


def test_reasons_in_any_script_are_kept_as_they_are() -> None:
    outcome = judged(saying(said().replace("On logical_correctness.", "正しい 😀")))
    assert isinstance(outcome, Kept)
    assert "正しい 😀" in outcome.row["llm_judgement"]


@pytest.mark.parametrize(
    ("given", "score"),
    [(score, score) for score in (1, 2, 3, 4, 5)]
    + [("4", 4), ("4/5", 4), (" 4 / 5 ", 4), (4.0, 4), ("4.0", 4), ("4.00/5", 4)],
)
def test_a_score_may_be_written_in_several_ways(given: object, score: int) -> None:
    judgement = read_judgement(said(given))
    assert not isinstance(judgement, Unreadable)
    assert judgement[CRITERIA[0]]["score"] == score


NO_SCORES: list[object] = [
    0,
    6,
    -1,
    4.5,
    True,
    False,
    None,
    "",
    "five",
    "4/10",
    "4.5",
    "10",
    "5!",
    [4],
    {},
    1e999,
]


@pytest.mark.parametrize("given", NO_SCORES)
def test_what_is_no_score_from_1_to_5_is_asked_again_and_then_dropped(given: object) -> None:
    asked: list[Request] = []
    outcome = judged(saying(said(5, given), asked=asked))
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "no_judgement"
    assert CRITERIA[1] in outcome.evidence
    assert len(asked) == 2
    assert asked[0].seed != asked[1].seed
    assert outcome.row["solution"] == ROW["solution"]
    assert isinstance(judged(saying(said(5, given), said())), Kept)


@pytest.mark.parametrize(
    ("why", "answer", "reason"),
    [
        ("prose", "Looks good to me.", "no_judgement"),
        ("nothing", "", "empty_answer"),
        ("an empty object", "{}", "no_judgement"),
        ("a criterion is missing", said().replace("logical", "illogical"), "no_judgement"),
        ("a criterion is null", said().replace('{"justification"', "null, {", 1), "no_judgement"),
        ("a list", f"[{said()[1:-1]}]", "no_judgement"),
        ("only a part", json.dumps({"score": 5, "justification": "Good."}), "no_judgement"),
        ("a number too long", said().replace("5}", "0x" + "f" * 5000 + "}"), "no_judgement"),
    ],
)
def test_what_is_no_judgement_is_dropped(why: str, answer: str, reason: str) -> None:
    outcome = judged(saying(answer))
    assert isinstance(outcome, Dropped), why
    assert outcome.reason == reason
    table_of([outcome.row], working_schema())


@pytest.mark.parametrize(
    ("why", "answer", "reasons"),
    [
        ("bare scores", json.dumps(dict.fromkeys(CRITERIA, 4)), ["", "", ""]),
        ("no reasons", json.dumps({c: {"score": 4} for c in CRITERIA}), ["", "", ""]),
        ("null for a reason", said().replace('"On logical_correctness."', "null"), None),
        ("a list for a reason", said().replace('"On logical_correctness."', '["x"]'), None),
        ("blanks around a reason", said().replace("On", "  On"), None),
        ("more than was asked for", said()[:-1] + ', "overall": 5}', None),
        ("in a fence", f"```json\n{said()}\n```", None),
        ("as Python writes it", repr(json.loads(said())), None),
    ],
)
def test_a_judgement_is_read_where_its_scores_are_clear(
    why: str, answer: str, reasons: list[str] | None
) -> None:
    judgement = read_judgement(answer)
    assert not isinstance(judgement, Unreadable), why
    found = [judgement[criterion]["justification"] for criterion in CRITERIA]
    assert reasons is None or found == reasons
    assert all(isinstance(reason, str) and reason == reason.strip() for reason in found)


@pytest.mark.parametrize(
    ("why", "answers", "outcome"),
    [
        ("refused", [Refused("too long")], Dropped(ROW, "request_refused", "too long")),
        ("down", [ServiceError("down")], Deferred(ROW, "down")),
        ("down the second time", ["?", ServiceError("down")], Deferred(ROW, "down")),
    ],
)
def test_a_failed_service_says_nothing_about_the_row(
    why: str, answers: list[Said], outcome: Outcome
) -> None:
    assert judged(saying(*answers)) == outcome, why


def test_a_cut_judgement_says_so() -> None:
    outcome = judged(saying(Answer(said()[:150], "m", "length")))
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "cut_short"


def test_the_judge_is_asked_with_question_and_solution_for_guided_json() -> None:
    asked: list[Request] = []
    judged(saying(said(), asked=asked))
    (request,) = asked
    assert request.role == "judge"
    assert request.schema is JUDGEMENT_SCHEMA
    assert request.sampling.temperature == 0
    assert ROW["input"] in request.messages[-1].content
    assert ROW["solution"] in request.messages[-1].content
    assert list(JUDGEMENT_SCHEMA["properties"]) == list(CRITERIA)


@given(scores=st.lists(st.integers(1, 5), min_size=3, max_size=3), reason=st.text())
def test_every_judgement_is_read_back(scores: list[int], reason: str) -> None:
    answer = json.dumps(
        {c: {"justification": reason, "score": s} for c, s in zip(CRITERIA, scores, strict=True)}
    )
    outcome = judged(saying(f"Well:\n{answer}"))
    assert isinstance(outcome, Kept)
    assert outcome.row["judge_score"] == min(scores)
    judgement = json.loads(outcome.row["llm_judgement"])
    assert [judgement[criterion]["score"] for criterion in CRITERIA] == scores
    assert judgement[CRITERIA[0]]["justification"] == reason.strip()


@given(text=st.text())
def test_any_text_is_a_judgement_or_a_reason(text: str) -> None:
    assert isinstance(read_judgement(text), dict | Unreadable)
