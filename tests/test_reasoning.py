"""What a reasoning model thinks is kept apart and is never read as a part of its answer."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome
from opencodeinstruct.tools.ports import Answer, Ask
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.stages.judge import JudgeSettings, judge
from opencodeinstruct.tools.stages.respond import RespondSettings, respond
from opencodeinstruct.tools.stages.testgen import TestgenSettings, testgen
from opencodeinstruct.tools.text.reasoning import Said, apart
from tests.asks import saying

CODE = "```python\ndef f(x):\n    return x + 1\n```\nIt adds one."
WRONG = "```python\ndef f(x):\n    return x - 1\n```"
ROW = {"id": "0" * 32, "input": "Write `f`.", "entry_point": "f", "domain": "generic"}
PROMPTS = load_prompts()


@pytest.mark.parametrize(
    ("why", "text", "answer", "thought"),
    [
        ("both tags", "<think>\nhm\n</think>\n\n4", "4", "hm"),
        ("the template wrote the first", "hm, so\n</think>\n\n4", "4", "hm, so"),
        ("nothing was thought", "<think>\n\n</think>\n\n4", "4", ""),
        ("never ended", "<think>\nhm and", "", "hm and"),
        ("the other spelling", "<thinking>hm</thinking>\n4", "4", "hm"),
        ("code while thinking", f"<think>\n{WRONG}\n</think>\n{CODE}", CODE, WRONG),
        ("no thinking", CODE, CODE, ""),
        ("a tag within a fence", "```python\nx = '''\n</think>\n'''\n```",
         "```python\nx = '''\n</think>\n'''\n```", ""),
        ("a tag in a line", "Look for </think> in it.", "Look for </think> in it.", ""),
        ("a tag in JSON", '{"problem": "remove </think> tags"}',
         '{"problem": "remove </think> tags"}', ""),
        ("blanks stay", " 4\n", " 4\n", ""),
    ],
)  # fmt: skip
def test_thinking_and_answer_come_apart(why: str, text: str, answer: str, thought: str) -> None:
    assert apart(text) == Said(answer, thought), why


@given(st.text())
def test_any_text_comes_apart_into_parts_of_itself(text: str) -> None:
    said = apart(text)
    assert said.answer in text
    assert said.thought in text


def solved(ask: Ask) -> Outcome:
    return asyncio.run(respond(ROW, ask, PROMPTS, RespondSettings(tries=1), seed=0))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(f"<think>First {WRONG} but no.</think>\n{CODE}", "m"),
        Answer(CODE, "m", reasoning=f"First {WRONG} but no."),  # the endpoint took it apart
    ],
)
def test_the_solver_s_thinking_goes_into_a_column_of_its_own(answer: Answer) -> None:
    outcome = solved(saying(answer))
    assert isinstance(outcome, Kept)
    assert outcome.row["output"] == CODE
    assert outcome.row["reasoning"] == f"First {WRONG} but no."
    assert "return x + 1" in outcome.row["solution"]
    table_of([outcome.row], working_schema())


def test_a_solver_that_does_not_think_aloud_has_no_reasoning() -> None:
    assert solved(saying(CODE)).row["reasoning"] is None


@pytest.mark.parametrize(("finish", "reason"), [("length", "cut_short"), ("stop", "empty_answer")])
def test_an_answer_that_is_all_thinking_is_none(finish: str, reason: str) -> None:
    outcome = solved(saying(Answer(f"<think>{CODE}", "m", finish)))
    assert isinstance(outcome, Dropped)
    assert outcome.reason == reason


def test_no_test_is_taken_from_what_a_tester_thought() -> None:
    thought = "<think>assert f(1) == 0\nassert f(2) == 1\n</think>\n"
    tests = [f"assert f({n}) == {n + 1}" for n in range(4)]
    outcome = asyncio.run(
        testgen(ROW, saying(thought + "\n".join(tests)), PROMPTS, TestgenSettings(), seed=0)
    )
    assert isinstance(outcome, Kept)
    assert json.loads(outcome.row["unit_tests"]) == tests


def test_no_score_is_taken_from_what_a_judge_thought() -> None:
    def scores(score: int) -> str:
        one = {"score": score, "justification": "It does."}
        names = ("requirement_conformance", "logical_correctness", "edge_case_consideration")
        return json.dumps(dict.fromkeys(names, one))

    said = f"<think>{scores(1)}</think>\n{scores(4)}"
    row = {**ROW, "solution": "def f(x): ..."}
    outcome = asyncio.run(judge(row, saying(said), PROMPTS, JudgeSettings(), seed=0))
    assert isinstance(outcome, Kept)
    assert outcome.row["judge_score"] == 4
