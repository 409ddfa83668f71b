"""Types that a signature does not say and its tests show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.stages.rules import rules_for_arguments, rules_for_result
from opencodeinstruct.tools.text.python_code import parse_signature
from opencodeinstruct.tools.text.shown_types import with_shown_types


@pytest.mark.parametrize(
    ("signature", "tests", "typed"),
    [
        ("def prime(number)", ["assert prime(1) == 2"], "def prime(number: int) -> int"),
        ("def f(a)", ["assert f(-3) == -1.5"], "def f(a: int) -> float"),
        ("def f(a)", ["assert f(1) == 1", "assert f(1.5) == 2"], "def f(a: float) -> int"),
        ("def f(a)", ["assert f('x') is True"], "def f(a: str) -> bool"),
        ("def f(a, b)", ["assert f([1], ['x']) == {'y': 1}"],
         "def f(a: list[int], b: list[str]) -> dict[str, int]"),
        ("def f(a)", ["assert f([]) == 0", "assert f([1, 2]) == 3"], "def f(a: list[int]) -> int"),
        ("def f(a)", ["assert f([]) == {}"], "def f(a: list) -> dict"),
        ("def f(a)", ["assert f([[1], []]) == []"], "def f(a: list[list[int]]) -> list"),
        # an answer of None says nothing of the others
        ("def f(a)", ["assert f(1) == None", "assert f(2) == 'x'"], "def f(a: int) -> str"),
        # at odds, or no literal: as it was
        ("def f(a)", ["assert f(1) == 'x'", "assert f('y') == 'z'"], "def f(a) -> str"),
        ("def f(a)", ["assert f([1, 'x']) == (1, 2)"], "def f(a: list)"),
        ("def f(a)", ["assert f(range(3)) == g(4)"], "def f(a)"),
        ("def f(a)", ["assert 3 == f(1)", "assert f(1) < 4", "assert abs(f(1)) == 1"],
         "def f(a)"),
        ("def f(a)", ["assert g(1) == 2", "not Python (", "x = 1"], "def f(a)"),
        ("def f(a: str) -> str", ["assert f(1) == 2"], "def f(a: str) -> str"),
        ("def f(a, *b, c=1)", ["assert f(1, 'x', c=2) == 3"], "def f(a: int, *b, c=1) -> int"),
        ("def f(a, b)", ["assert f(1) == 3", "assert f(1, b='x') == 3"], "def f(a: int, b) -> int"),
        ("def f(a)", [], "def f(a)"),
        ("no head", ["assert f(1) == 2"], "no head"),
        (None, ["assert f(1) == 2"], None),
    ],
)  # fmt: skip
def test_what_is_not_annotated_is_of_the_type_of_all_literals(
    signature: str | None, tests: list[str], typed: str | None
) -> None:
    assert with_shown_types(signature, tests) == typed


def test_a_seed_s_signature_has_rules_once_its_tests_are_known() -> None:
    head = "def sieve(limit)"
    assert rules_for_arguments(head) == rules_for_result(head) == ()
    typed = with_shown_types(head, ["assert sieve(10) == [2, 3, 5, 7]"])
    assert any("`limit`" in rule for rule in rules_for_arguments(typed))
    assert "the result is in reverse order" in rules_for_result(typed)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers() | st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=4))
def test_whatever_tests_hold_the_signature_stays_one(pairs: list[tuple[object, object]]) -> None:
    tests = [f"assert f({argument!r}) == {expected!r}" for argument, expected in pairs]
    typed = with_shown_types("def f(a)", tests)
    assert typed is not None
    signature = parse_signature(typed)
    assert signature is not None
    assert (signature.name, signature.arguments) == ("f", ("a",))
