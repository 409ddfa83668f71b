"""Why a test says nothing about a solution, told apart from a solution that fails it."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.builder.schema import FAULTS, VERDICTS
from opencodeinstruct.tools.ports import TestVerdict
from opencodeinstruct.tools.text.faults import always_holds, fault_of

PASS, FAIL, CRASH = TestVerdict("pass"), TestVerdict("fail", "AssertionError"), TestVerdict("crash")


def error(exception: str, place: str = "test") -> TestVerdict:
    return TestVerdict("error", exception, 1, place)


def unknown(name: str, place: str = "test") -> TestVerdict:
    return error(f"NameError: name '{name}' is not defined", place)


def missing(module: str, place: str = "test") -> TestVerdict:
    return error(f"ModuleNotFoundError: No module named '{module}'", place)


@pytest.mark.parametrize(
    ("test", "verdict", "fault"),
    [
        ("assert f(1) == 1", PASS, None),
        ("assert f(1) == 1", FAIL, None),  # the solution fails: the test is as it should be
        ("assert f(1) == 1", CRASH, None),
        ("assert f(1) ==", error("SyntaxError: invalid syntax"), "does_not_parse"),
        ("assert f(1) ==", error("ValueError: x", "solution"), "does_not_parse"),  # whatever came
        ("assert f('\0') == 1", error("ValueError: null bytes"), "does_not_parse"),
        ("assert f('\ud800') == 1", error("UnicodeEncodeError: x"), "does_not_parse"),
        ("  assert f(1) == 1", error("IndentationError: unexpected indent"), "does_not_parse"),
        ("assert g(1) == 1", FAIL, "does_not_call"),
        ("assert g(1) == 1", unknown("g"), "does_not_call"),  # rather than that g is unknown
        ("assert True", PASS, "does_not_call"),
        ("", PASS, "does_not_call"),
        ("# f(1) is 1", PASS, "does_not_call"),
        ("assert 'f' in 'ff', f(1)", PASS, "does_not_call"),  # a message tests nothing
        ("assert ff(1) == 1", FAIL, "does_not_call"),  # another name
        ("assert Solution().f(1) == 1", FAIL, None),
        ("from solution import f as g\nassert g(1) == 1", FAIL, None),
        ("from solution import *\nassert g(1) == 1", FAIL, None),
        ("check = f\nassert check(1) == 1", FAIL, None),
        ("assert globals()['f'](1) == 1", FAIL, None),  # it may well name it
        ("assert eval('f(1)') == 1", FAIL, None),
        ("assert f(1) == g(1)", unknown("g"), "unknown_name"),
        ("assert f(1) == math.pi", unknown("math"), "unknown_name"),
        ("assert f(1) == 1", unknown("f"), None),  # the solution does not define what it should
        ("assert f(1) == 1", unknown("total", "solution"), None),  # the solution's own mistake
        ("assert f(1) == 1", unknown("total"), None),  # not of this test: eval in it, say
        ("try:\n    x = f(1)\nexcept ValueError:\n    pass\nassert x", unknown("x"), None),
        ("assert f(x) == 1", error("TypeError: 'x'"), None),
        ("import numpy as np\nassert f(np.ones(2))", missing("numpy"), "unknown_module"),
        ("from numpy.linalg import det\nassert f(det)", missing("numpy"), "unknown_module"),
        ("assert f(1) == 1", missing("numpy", "solution"), None),  # what the solution imports
        ("assert f(1) == 1", missing("numpy"), None),
        ("f(1)", PASS, "asserts_nothing"),
        ("f(1)", TestVerdict("refused", "the test asserts nothing"), "asserts_nothing"),
        ("assert f(1) == 1", TestVerdict("refused", "forged"), None),  # it is not to blame
        ("f(1)", FAIL, None),  # it did say something
        ("print(f(1))", PASS, "asserts_nothing"),
        ("assert (f(1) == 2, 'message')", PASS, "asserts_nothing"),
        ("assert f(1) == 2 or True", PASS, "asserts_nothing"),
        ("assert f(1) == f(1)", PASS, "asserts_nothing"),
        ("assert f(1) == f(2)", PASS, None),
        ("def check(g):\n    assert g(1) == 1\ncheck(f)", PASS, None),
        ("check(f)", PASS, None),  # what is not known may assert
        ("np.testing.assert_equal(f(1), 1)", PASS, None),
        ("with raises(ValueError):\n    f(1)", PASS, None),
        ("try:\n    f(1)\nexcept ValueError:\n    pass", PASS, "asserts_nothing"),
        ("if f(1) != 1:\n    raise AssertionError", PASS, None),
    ],
)
def test_a_fault_of_the_test_is_told_from_one_of_the_solution(
    test: str, verdict: TestVerdict, fault: str | None
) -> None:
    assert fault_of(test, "f", verdict) == fault
    assert fault is None or fault in FAULTS


@pytest.mark.parametrize(
    ("test", "verdict", "fault"),
    [
        ("assert g(1) == 1", FAIL, None),
        ("assert g(1) == 1", unknown("g"), None),  # the solution may have been meant to define it
        ("assert g(x) == 1", unknown("x"), "unknown_name"),
        ("assert g(1) ==", error("SyntaxError: x"), "does_not_parse"),
        ("", PASS, "asserts_nothing"),
    ],
)
def test_without_an_entry_point_what_a_test_calls_is_not_its_fault(
    test: str, verdict: TestVerdict, fault: str | None
) -> None:
    assert fault_of(test, None, verdict) == fault


HUGE = f"assert f({list(range(9999))!r}) == 1"
DEEP = "assert f(" + "-" * 15_000 + "1)"
CHAIN = "assert f(" + "+".join("1" * 9_000) + ")"


@pytest.mark.parametrize("test", [HUGE, DEEP, CHAIN, "assert f(" + "(" * 9_000])
def test_what_is_too_long_or_deep_to_be_read_is_judged_by_its_verdict_alone(test: str) -> None:
    assert fault_of(test, "f", error("TypeError: x", "solution")) in (None, "does_not_parse")
    assert fault_of(test, "f", FAIL) is None
    assert fault_of(test, "f", error("SyntaxError: too many nested")) == "does_not_parse"


@given(
    test=st.text() | st.from_regex(r"assert f\([0-9, ]*\) (==|<=|is) [\w.\[\]()]*"),
    entry_point=st.sampled_from(["f", None]),
    verdict=st.sampled_from(VERDICTS),
    exception=st.none() | st.text() | st.just("NameError: name 'f' is not defined"),
    place=st.sampled_from(["test", "solution", None]),
)
def test_any_text_has_one_of_the_known_faults_or_none(
    test: str, entry_point: str | None, verdict: str, exception: str | None, place: str | None
) -> None:
    fault = fault_of(test, entry_point, TestVerdict(verdict, exception, None, place))
    assert fault is None or fault in FAULTS


def test_a_comparison_with_itself_that_is_too_deep_to_be_written_is_no_fault() -> None:
    deep: ast.expr = ast.Name("x", ast.Load())
    for _ in range(5_000):
        deep = ast.UnaryOp(ast.USub(), deep)
    assert not always_holds(ast.Compare(deep, [ast.Eq()], [deep]))
