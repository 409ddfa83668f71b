"""Questions that stop in the middle of a sentence, and complete ones that only look like it."""

import pytest

from opencodeinstruct.tools.text.cut_off import cut_off

ASKED = "Write a function `mirror` that takes a string `word` and returns it reversed."


@pytest.mark.parametrize(
    ("why", "end"),
    [
        ("a verb without its object", "If `word` is 'a', it returns"),
        ("the space before a quotation", "It is given in the form "),
        ("a call whose argument was quoted", "For example, `mirror` of mirror("),
        ("a list of quoted words", "The letters may be ["),
        ("an article", "Each letter is moved to the"),
        ("a colon and no example", "For example:"),
        ("a heading and no example", "Examples:"),
        ("a comma", "If it is empty,"),
        ("an open backquote", "It must hold `mirror"),
        ("an open quotation", 'Ignore the letter "x'),
        ("a comparison", "The result for 'ab' must be"),
        ("a conjunction in a list", "- letters are kept, and"),
    ],
)
def test_a_text_that_stops_in_a_sentence_is_seen(why: str, end: str) -> None:
    found = cut_off(f"{ASKED} {end}")
    assert found is not None, why
    assert found.endswith(end[-20:])


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("a sentence", ASKED),
        ("no full stop", ASKED.rstrip(".")),
        ("a line's end", ASKED + "\n"),
        ("a space after the full stop", ASKED + " "),
        ("a question", "What is a list comprehension in Python?"),
        ("a quoted word at the end", 'Return "yes" or "no"'),
        ("an apostrophe", "Return the tests' names, as the user's list has them"),
        ("a bracket that is quoted", 'Count how often "(" occurs in `text`, and how often `[`'),
        ("a closed bracket", "Return the count (0 for an empty list)"),
        ("a face", "Return the smile :)"),
        ("code after a colon", "Complete it:\n\n```python\ndef mirror(word):\n    return\n```"),
        ("doctests", 'def mirror(word):\n    """Reverse it.\n    >>> mirror("")\n    """'),
        ("examples without fences", 'Examples:\nmirror("ab") == "ba"\nmirror("") == ""'),
        ("a list of points", "Mind that:\n- case is kept\n- digits are dropped"),
        ("a name of two parts", "Print what you are to return, then return it"),
        ("nothing", ""),
    ],
)  # fmt: skip
def test_a_complete_text_is_left_alone(why: str, text: str) -> None:
    assert cut_off(text) is None, why
