"""Answers of any size and shape: never an error, and never a text that takes for ever."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.text.python_code import (
    assert_lines,
    code_block_defining,
    code_blocks,
    defined_names,
    parse_python,
    parse_signature,
)

HUGE = [
    ("backticks", "`" * 200_000),
    ("backticks and a line end", "`" * 200_000 + "\n"),
    ("backticks of growing number", "\n".join("`" * number for number in range(3, 600))),
    ("fences", "```\n" * 20_000),
    ("opening fences", "```python\n" * 20_000),
    ("fences with the name", "```python\ndef f\n" * 12_000),
    ("whole blocks", "```python\ndef g(x): return x\n```\n" * 2000),
    ("blocks that show f", "```python\nprint(f(1))\n```\n" * 2000),
    ("tildes", "~" * 200_000),
    ("mixed marks", "```~~~" * 30_000),
    ("blanks", " " * 200_000),
    ("tabs", "\t" * 200_000),
    ("line ends", "\n" * 200_000),
    ("indented line ends", " \n" * 100_000),
    ("a fence and blanks", "```python\n" + " " * 200_000),
    ("list markers", "- " * 100_000),
    ("numbers", "1" * 200_000),
    ("asserts", "assert f(1) == 1\n" * 4000),
    ("bare asserts", "assert \n" * 25_000),
    ("asserts on one line", "assert " * 28_000),
    ("open asserts", "assert f((((\n" * 15_000),
    ("open asserts amid prose", "???\n" + "assert f([\n1,\n" * 13_000),
    ("brackets", "(" * 200_000),
    ("brackets over lines", "(\n" * 100_000),
    ("minus signs over lines", "x = " + "-\\\n" * 60_000 + "1"),
    ("a sum over lines", "x = (" + "1 +\n" * 50_000 + "1)"),
    ("a sum that the tree is too deep for", "f = (" + "1 +\n" * 900 + "1)"),
    ("attributes over lines", "(f" + "\n.f" * 60_000 + ")"),
    ("quotes", "'" * 200_000),
    ("triple quotes", '"""\n' * 50_000),
    ("definitions", "def f(x): return x\n" * 3000),
    ("statements on one line", "f(1);" * 1000),
    (
        "a chain of functions that show",
        "".join(f"def g{number}(): g{number + 1}()\n" for number in range(3000))
        + "def g3000(): f(1)\ndef f(x): return x\ng0()\n",
    ),
    ("NULs", "\0" * 200_000),
    ("half pairs", "\ud800\n" * 100_000),
    ("indentation", "".join(" " * depth + "if f(1):\n" for depth in range(600))),
]


@pytest.mark.parametrize(("what", "text"), HUGE, ids=[what for what, _ in HUGE])
@pytest.mark.parametrize("fenced", [True, False], ids=["fenced", "bare"])
def test_no_answer_is_an_error_or_makes_it_hang(fenced: bool, what: str, text: str) -> None:
    text = f"```python\n{text}\n```" if fenced else text
    code = code_block_defining(text, "f")
    assert code is None or "f" in code
    assert all(line.startswith("assert ") for line in assert_lines(text))
    assert isinstance(code_blocks(text), list)


marks = st.sampled_from(["```", "```python\n", "~~~\n", "\n", "    ", " ", "\t", "\r", "- ", "\f"])
signs = st.sampled_from(["=", "(", ")", "'", '"""', "\\", "\0", "\ud800", "#", "[", ";", "@", ":="])
words = st.sampled_from(["def f(x):", "return x", "f", "x", "lambda x: x", "class f:", "try:"])
lines = st.sampled_from(["assert f(1) == 1", "assert ", "print(f(1))", "if __name__ == 'x':", "0x"])
pieces = marks | signs | words | lines
answers = st.text() | st.lists(pieces, max_size=40).map("".join)


@given(text=answers)
def test_any_answer_gives_code_that_defines_the_function_or_none(text: str) -> None:
    code = code_block_defining(text, "f")
    if code is not None:
        tree = parse_python(code)
        assert tree is not None
        assert "f" in defined_names(tree)


@given(text=answers)
def test_any_answer_gives_single_lines_that_assert(text: str) -> None:
    for line in assert_lines(text):
        tree = parse_python(line)
        assert tree is not None
        assert [type(node) for node in tree.body] == [ast.Assert]
        assert "\n" not in line
        line.encode("utf-8")


@given(text=answers)
def test_any_text_is_a_signature_that_parses_again_or_none(text: str) -> None:
    signature = parse_signature(text)
    if signature is not None:
        assert parse_signature(signature.text) == signature
        assert "\n" not in signature.text
