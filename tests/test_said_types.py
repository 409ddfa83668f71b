"""A problem and its signature agree on what is given and what comes back."""

import pytest

from opencodeinstruct.tools.text.python_code import Signature, parse_signature
from opencodeinstruct.tools.text.said_types import (
    argument_differs,
    empty_of_nothing,
    result_differs,
)


def signature_of(head: str) -> Signature:
    signature = parse_signature(f"def {head}")
    assert signature is not None
    return signature


@pytest.mark.parametrize(
    ("why", "problem", "result", "differs"),
    [
        ("as it says", "Return a sorted list of them.", "list[int]", None),
        ("no type is named", "Return the largest of them.", "dict", "nothing of the dict"),
        ("a mapping by other words", "Map each word to its count.", "dict[str, int]", None),
        ("a set by other words", "Which distinct words are there?", "set[str]", None),
        ("a set of which nothing is said", "Return the words.", "set[str]", "nothing of the set"),
        ("another type", "It returns a dictionary of counts.", "list[int]", "returns a dictionary"),
        ("one of two", "It returns a string or, when empty, returns a list.", "list", None),
        ("its result is another", "It returns a dictionary. The result should be a bytes object.",
         "dict", "result should be a bytes"),
        ("of empty input", "Return how many. An empty text gives an empty list.", "int",
         "gives an empty list"),
        ("optional", "It returns an integer.", "int | None", None),
        ("optional, in the old way", "It returns a string.", "Optional[int]", "returns a string"),
        ("a union", "It returns a string.", "Union[int, str]", None),
        ("typing's names", "It returns a list.", "List[int]", None),
        ("no plain type", "It returns a list.", "Iterator[int]", None),
        ("no annotation", "It returns a list.", None, None),
        ("what an argument is", "It takes a dictionary and adds the values.", "int", None),
        ("of characters", "Return a set of characters as a string.", "str", None),
        ("a list's own", "Return the list's length.", "int", None),
        ("one for each", "It returns the number of times each word appears.", "int",
         "returns the number of times each"),
        ("one for each, all of them", "Return how often each word appears.", "dict[str, int]",
         "nothing of the dict"),
        ("one for each, in a list", "Return how often each word appears.", "list[int]", None),
        ("of each of them", "Return the sum of how often each word appears.", "int", None),
        ("a number for a text", "Greet `name`, 0 where there are none.", "str",
         "0 where"),
        ("a number for a text, given back", "Greet `name`. It returns 0 if it is empty.", "str",
         "returns 0 if"),
        ("a numeral", "Return it as a binary text, 0 where it is empty.", "str", None),
        ("a digit in quotes", "Greet `name`, '0' where there are none.", "str", None),
        ("a number of numbers", "Return how many, 0 where there are none.", "int", None),
        ("a number in a list", "Return the lengths, 0 where there is no word.", "list[int]", None),
    ],
)  # fmt: skip
def test_what_comes_back_is_what_is_said(
    why: str, problem: str, result: str | None, differs: str | None
) -> None:
    found = result_differs(problem, signature_of("f(x)" + (f" -> {result}" if result else "")))
    assert (found is None) == (differs is None), (why, found)
    assert found is None or found.startswith(str(differs))


@pytest.mark.parametrize(
    ("why", "problem", "head", "found"),
    [
        ("a number", "An empty list gives 0.", "f(x: int) -> int", "An empty list"),
        (
            "numbers",
            "It should handle empty lists.",
            "f(x: int, y: float) -> float",
            "handle empty lists",
        ),
        ("it is a list", "An empty list gives 0.", "f(x: list[int]) -> int", None),
        ("by typing's name", "An empty list gives 0.", "f(x: List[int]) -> int", None),
        ("a list in it", "An empty list gives 0.", "f(x: dict[str, list]) -> int", None),
        ("what comes back", "Else return an empty list.", "f(x: int) -> int", None),
        ("what comes back is one", "Where none is, an empty list.", "f(x: int) -> list", None),
        ("no annotation", "An empty list gives 0.", "f(x) -> int", None),
        ("no plain type", "An empty list gives 0.", "f(x: Iterable[int]) -> int", None),
        ("any number", "An empty list gives 0.", "f(*x: int) -> int", None),
        ("a text", "An empty string gives 0.", "f(x: list[int]) -> int", "An empty string"),
        ("gives", "An empty list gives 0.", "f(value: int) -> list[int]", "An empty list"),
        ("its name", "An empty list gives 0.", "f(list: str) -> int", None),
        ("is given", "If there is none, an empty list.", "f(value: int) -> list[int]", None),
        ("by name", "An empty distance gives 0.", "f(distance: float) -> float", "empty distance"),
        ("a thing", "An empty `thing` gives 0.", "f(thing: object) -> bool", "empty `thing"),
        ("a list by name", "An empty pond gives 0.", "f(pond: list[int]) -> int", None),
        ("another word", "An empty distances gives 0.", "f(distance: float) -> int", None),
    ],
)
def test_what_is_empty_is_something_that_comes_in(
    why: str, problem: str, head: str, found: str | None
) -> None:
    assert empty_of_nothing(problem, signature_of(head)) == found, why


@pytest.mark.parametrize(
    ("why", "problem", "head", "found"),
    [
        ("as it says", "It takes a string `x`.", "f(x: str)", None),
        ("another", "It takes a string `x`.", "f(x: list[str])", "a string `x`"),
        ("with words between", "It takes a non-empty string `x`.", "f(x: int)",
         "a non-empty string `x`"),
        ("both are said", "A string `x` that holds an integer.", "f(x: int)", None),
        ("both, elsewhere", "A string `x`. It returns an integer.", "f(x: int)", "A string `x`"),
        ("of another", "It takes a string `y`.", "f(x: int)", None),
        ("the second", "It takes a list `x` and a set `y`.", "f(x: list, y: dict)", "a set `y`"),
        ("many of them", "It takes a list of strings `x`.", "f(x: list[str])", None),
        ("a pair", "It takes a pair `x`.", "f(x: list[int])", None),
        ("a number", "It takes an integer `x`.", "f(x: float)", None),
        ("one of two", "It takes a string `x`.", "f(x: str | None)", None),
        ("none of two", "It takes a list `x`.", "f(x: str | None)", "a list `x`"),
        ("no annotation", "It takes a string `x`.", "f(x)", None),
        ("no plain type", "It takes a list `x`.", "f(x: Iterable[int])", None),
        ("no quotes", "It takes a string x.", "f(x: int)", None),
        ("by name only", "It takes an integer `x`.", "f(*, x: str)", "an integer `x`"),
    ],
)  # fmt: skip
def test_an_argument_is_what_is_said_of_it(
    why: str, problem: str, head: str, found: str | None
) -> None:
    assert argument_differs(problem, signature_of(head)) == found, why
