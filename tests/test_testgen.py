"""Testgen: asserts that each stand alone, agree with each other and can fail."""

import ast
import asyncio
import json
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
from opencodeinstruct.tools.stages.testgen import TestgenSettings, testgen, usable_tests
from opencodeinstruct.tools.text.python_code import under_name
from tests.asks import Said, saying

PROMPTS = load_prompts()
ROW: Row = {
    "id": "0" * 32,
    "input": "Write `f`.",
    "entry_point": "f",
    "solution": "def f(x):\n    return x + 1\n",
}


def fenced(*lines: str) -> str:
    return "```python\n" + "\n".join(lines) + "\n```"


GOOD = fenced(*(f"assert f({x}) == {x + 1}" for x in range(6)))


def written(ask: Ask, **settings: Any) -> Outcome:
    work = testgen(ROW, ask, PROMPTS, TestgenSettings(**settings), seed=0)
    return asyncio.run(settle(work, ROW))


def kept_tests(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Kept), outcome
    return list(json.loads(outcome.row["unit_tests"]))


def test_a_row_is_given_its_tests_in_order() -> None:
    outcome = written(saying(GOOD))
    assert kept_tests(outcome) == [f"assert f({x}) == {x + 1}" for x in range(6)]
    assert isinstance(outcome, Kept)
    assert outcome.row["tester_model"] == "test-model"
    assert outcome.row["spent_output_tokens"] == 10
    assert "unit_tests" not in ROW
    table_of([outcome.row], working_schema())


def test_no_more_tests_are_kept_than_were_asked_for() -> None:
    assert len(kept_tests(written(saying(GOOD), count=4))) == 4


@pytest.mark.parametrize("count", [1, 3, 10, 40])
def test_the_tester_is_shown_as_many_tests_as_he_is_to_write(count: int) -> None:
    """Shown ten and asked for six, a small one goes on until it is cut off."""
    asked: list[Request] = []
    written(saying(GOOD, asked=asked), count=count, at_least=1)
    shown = asked[0].messages[2].content
    assert shown.count("\nassert count_even(") == min(count, 10)
    assert shown.startswith("```python\nassert ")
    assert shown.endswith("\n```")


def test_pairs_of_a_program_are_as_many_as_were_asked_for_at_most() -> None:
    asked: list[Request] = []
    row = {**ROW, "contract": "stdio", "entry_point": None}
    said = json.dumps({"tests": [{"input": "1\n", "output": "2"}]})
    settings = TestgenSettings(count=6, at_least=1)
    outcome = asyncio.run(testgen(row, saying(said, asked=asked), PROMPTS, settings, seed=0))
    assert len(kept_tests(outcome)) == 1
    assert asked[0].schema is not None
    assert asked[0].schema["properties"]["tests"]["maxItems"] == 6


def test_useless_tests_are_not_counted_among_those_that_were_asked_for() -> None:
    said = fenced("assert f(1) == f(1)", "assert g(1)", "assert f(1) == 2", "assert f(2) == 3")
    assert kept_tests(written(saying(said), count=2, at_least=2)) == [
        "assert f(1) == 2",
        "assert f(2) == 3",
    ]


def test_a_tester_does_not_see_the_solution_unless_told() -> None:
    for sees in (False, True):
        asked: list[Request] = []
        written(saying(GOOD, asked=asked), sees_solution=sees)
        (request,) = asked
        assert request.role == "tester"
        assert ("return x + 1" in request.messages[-1].content) is sees
        assert ROW["input"] in request.messages[-1].content
    assert TestgenSettings().sees_solution is False


@pytest.mark.parametrize(
    ("why", "said", "reason", "times"),
    [
        ("too few", [fenced("assert f(1) == 2", "assert f(2) == 3")], "too_few_tests", 2),
        ("the same thrice", [fenced(*["assert f(1) == 2"] * 3)], "too_few_tests", 2),
        (
            "of two other functions",
            [GOOD.replace("f(", "g(", 3).replace(" f(", " h(")],
            "other_name",
            2,
        ),
        ("prose", ["I would test the edge cases."], "too_few_tests", 2),
        ("nothing", [""], "empty_answer", 2),
        ("cut", [Answer("```python\nassert f(1) == 2\nassert", "m", "length")], "cut_short", 2),
        ("refused", [Refused("too long")], "request_refused", 1),
    ],
)
def test_a_row_without_enough_tests_is_asked_again_and_then_dropped(
    why: str, said: list[Said], reason: str, times: int
) -> None:
    asked: list[Request] = []
    outcome = written(saying(*said, asked=asked))
    assert isinstance(outcome, Dropped), why
    assert outcome.reason == reason
    assert len(asked) == times
    assert outcome.row["solution"] == ROW["solution"]


def test_the_second_answer_may_do() -> None:
    asked: list[Request] = []
    assert len(kept_tests(written(saying("no", GOOD, asked=asked)))) == 6
    assert asked[0].seed != asked[1].seed


def test_a_cut_answer_gives_the_tests_that_are_whole() -> None:
    said = Answer(GOOD.removesuffix("\n```") + "\nassert f(9", "m", "length")
    assert len(kept_tests(written(saying(said)))) == 6


def test_a_dead_service_defers_the_row() -> None:
    assert written(saying(ServiceError("down"))) == Deferred(ROW, "down")


USABLE: list[tuple[str, str]] = [
    ("equality", "assert f(1) == 2"),
    ("truth", "assert f(1)"),
    ("falsity", "assert not f(1)"),
    ("builtins around it", "assert sorted(f([2, 1])) == [1, 2]"),
    ("its own variables", "assert all((x > 0 for x in f(3)))"),
    ("several calls", "assert f(1) + f(2) == 5"),
    ("the call on the right", "assert 2 == f(1)"),
    ("a tolerance", "assert abs(f(1) - 2.5) < 1e-09"),
    ("not finite", "assert f(1) == float('inf')"),
    ("constants", "assert f(None) is None"),
    ("a lambda as argument", "assert f(lambda x: x + 1) == 3"),
    ("two calls that should agree", "assert f(1) == f(2)"),
    ("either of two", "assert f(1) == 2 or f(1) == 3"),
    ("a type", "assert isinstance(f(1), int)"),
    ("a comparison", "assert 0 <= f(1) <= 9"),
    ("strings", "assert f('a\\nb') == 'B\\nA'"),
]


@pytest.mark.parametrize(("why", "line"), USABLE, ids=[why for why, _ in USABLE])
def test_a_test_that_can_fail_and_stands_alone_is_kept(why: str, line: str) -> None:
    assert usable_tests([line], "f") == [line]


USELESS: list[tuple[str, str]] = [
    ("another function", "assert g(1) == 2"),
    ("no call", "assert f is not None"),
    ("a method of that name", "assert x.f(1) == 2"),
    ("a name that nobody defines", "assert f(x) == 2"),
    ("a result that nobody defines", "assert f(1) == expected"),
    ("a module that nobody imports", "assert math.isclose(f(1), 2.0)"),
    ("a helper that nobody defines", "assert is_sorted(f([1]))"),
    ("a name used before its loop", "assert [x for x in x] == f(1)"),
    ("reading input", "assert f(input()) == 2"),
    ("reading a file", "assert f(open('x')) == 2"),
    ("the same on both sides", "assert f(1) == f(1)"),
    ("the same thrice", "assert f(1) == f(1) == f(1)"),
    ("is itself", "assert f(1) is f(1)"),
    ("at most itself", "assert f(1) <= f(1)"),
    ("or true", "assert f(1) == 2 or True"),
    ("true or", "assert 1 or f(1)"),
    ("a tuple with a message", "assert (f(1) == 2, 'no')"),
    ("a list", "assert [f(1) == 2]"),
    ("a generator", "assert (f(x) == x for x in range(3))"),
    ("a function", "assert lambda: f(1) == 2"),
    ("a text", "assert f'{f(1)}'"),
    ("no assert", "f(1) == 2"),
    ("two statements", "assert f(1) == 2; assert f(2) == 3"),
    ("broken", "assert f(1) =="),
    ("parses but does not compile", "assert await f(1) == 2"),
    ("yields", "assert (yield f(1)) == 2"),
    ("a number too long to write", f"assert f(0x{'f' * 5000}) == 2"),
    ("too deep", "assert f(" + "-" * 3000 + "1) == 2"),
    ("nothing", ""),
    ("a NUL", "assert f('\0') == 2"),
]


@pytest.mark.parametrize(("why", "line"), USELESS, ids=[why for why, _ in USELESS])
def test_a_test_that_says_nothing_is_left_out(why: str, line: str) -> None:
    assert usable_tests([line, "assert f(7) == 8"], "f") == ["assert f(7) == 8"]


@pytest.mark.parametrize(
    ("why", "lines", "kept"),
    [
        ("repeated", ["assert f(1) == 2"] * 2, [0]),
        ("written otherwise", ["assert f(1) == 2", "assert f( 1 )==2"], [0]),
        ("with another message", ["assert f(1) == 2", "assert f(1) == 2, 'no'"], [0]),
        ("contradictory", ["assert f(1) == 2", "assert f(1) == 3"], []),
        ("thrice", ["assert f(1) == 2", "assert f(1) == 3", "assert f(1) == 4"], []),
        ("turned round", ["assert f(1) == 2", "assert 3 == f(1)"], []),
        ("is and ==", ["assert f(1) is True", "assert f(1) == False"], []),
        ("by truth", ["assert f(1)", "assert not f(1)"], []),
        ("by truth and value", ["assert f(1) == 0", "assert f(1)"], []),
        ("falsity and value", ["assert f(1) == 2", "assert not f(1)"], []),
        ("around the call", ["assert len(f(1)) == 2", "assert len(f(1)) == 3"], []),
        ("others stay", ["assert f(1) == 2", "assert f(1) == 3", "assert f(2) == 3"], [2]),
        ("the same value", ["assert f(1) == 2", "assert f(1) == 2.0"], [0, 1]),
        ("the same truth", ["assert f(1) == True", "assert f(1)"], [0, 1]),
        ("other arguments", ["assert f(1) == 2", "assert f(2) == 2"], [0, 1]),
        ("other arguments, by truth", ["assert f('aba')", "assert not f('ab')"], [0, 1]),
        ("bounds", ["assert f(1) > 2", "assert f(1) > 3"], [0, 1]),
    ],
)
def test_tests_that_disagree_are_all_left_out(why: str, lines: list[str], kept: list[int]) -> None:
    assert usable_tests(lines, "f") == [lines[index] for index in kept], why


def test_a_message_is_left_out_since_it_may_use_what_the_test_does_not_have() -> None:
    assert usable_tests(["assert f(1) == 2, f'got {result}'"], "f") == ["assert f(1) == 2"]


def test_thousands_of_lines_do_not_make_it_hang() -> None:
    lines = [f"assert f({number % 50}) == {number}" for number in range(2000)]
    assert usable_tests(lines, "f") == []
    assert usable_tests(["assert f(" + "[" * 150 + "]" * 150 + ")"] * 500, "f") != []


expressions = st.recursive(
    st.sampled_from(["1", "'a'", "None", "x", "f(1)", "f(2)", "len(f(1))", "[]"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from([" == ", " or ", " and ", " is ", " + "]), inner).map(
            lambda parts: f"({''.join(parts)})"
        )
        | inner.map(lambda one: f"not {one}")
        | inner.map(lambda one: f"[y for y in {one}]")
    ),
    max_leaves=6,
)


@given(lines=st.lists(expressions.map(lambda one: f"assert {one}") | st.text(), max_size=8))
def test_whatever_is_kept_is_one_line_that_compiles_and_calls_the_function(
    lines: list[str],
) -> None:
    kept = usable_tests(lines, "f")
    assert len(set(kept)) == len(kept)
    for line in kept:
        assert "f(" in line
        assert "\n" not in line
        compile(line, "<test>", "exec", ast.PyCF_ONLY_AST)
    assert usable_tests(kept, "f") == kept


@pytest.mark.parametrize(
    ("why", "lines", "under"),
    [
        ("all spell it otherwise", ["assert g(1) == 2", "assert not g(2)"],
         ["assert f(1) == 2", "assert not f(2)"]),
        ("a builtin beside it is none", ["assert sorted(g([2])) == [2]"],
         ["assert sorted(f([2])) == [2]"]),
        ("a method and a text stay", ["assert g('g(1)').g(2) == 3"],
         ["assert f('g(1)').g(2) == 3"]),
        ("one is right", ["assert f(1) == 2", "assert g(1) == 2"],
         ["assert f(1) == 2", "assert g(1) == 2"]),
        ("two others: which is meant", ["assert g(1) == 2", "assert h(1) == 2"],
         ["assert g(1) == 2", "assert h(1) == 2"]),
        ("two in each", ["assert g(1) == h(1)"], ["assert g(1) == h(1)"]),
        ("none", [], []),
    ],
)  # fmt: skip
def test_a_name_that_all_tests_spell_otherwise_is_mended_once(
    why: str, lines: list[str], under: list[str]
) -> None:
    assert under_name(lines, "f") == under, why
