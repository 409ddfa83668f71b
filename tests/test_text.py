"""Words, shingles, licences, quoted functions: what the stages compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.text.benchmark import description
from opencodeinstruct.tools.text.functions import (
    NotPython,
    is_stub,
    parsed,
    quoted_functions,
    top_level_functions,
)
from opencodeinstruct.tools.text.language import not_english
from opencodeinstruct.tools.text.license import combined_license, is_expression
from opencodeinstruct.tools.text.ngrams import WordHashes, ngram_hashes
from opencodeinstruct.tools.text.prose import unquoted, without_code
from opencodeinstruct.tools.text.words import normalised, tokens_of, words_of, words_with_places


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Return the SUM", ["return", "the", "sum"]),
        ("has_close(a,b) -> 1.5!", ["has", "close", "a", "b", "1", "5"]),
        ("Straße ＡＢＣ", ["strasse", "abc"]),  # noqa: RUF001 compared case-folded, compatibility form
        ("cafe\u0301 caf\u00e9", ["caf\u00e9", "caf\u00e9"]),  # composed or not
        ("con\u200btam\u00adinate", ["contaminate"]),  # invisible characters hide nothing
        ("返回总和", ["返", "回", "总", "和"]),  # no spaces: a word a character
        ("\u200b", []),
        ("+ - */", []),
    ],
)
def test_words_are_what_a_reader_sees(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_places_are_those_of_the_words(text: str) -> None:
    places = words_with_places(text)
    assert [word.text for word in places] == words_of(text)
    assert all(words_of(text[word.start : word.end]) == [word.text] for word in places)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text) or not text.isascii()


def test_operators_are_tokens_but_hyphens_and_bullets_are_not() -> None:
    assert tokens_of("- a well-known *bold* a - b, x*y") == (
        ["a", "well", "known", "bold", "a", "-", "b", "x", "*", "y"]
    )


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(1, 5))
def test_equal_runs_of_words_have_equal_hashes_and_only_they(words: list[str], size: int) -> None:
    runs = [tuple(words[n : n + size]) for n in range(len(words) - size + 1)]
    hashes = ngram_hashes(WordHashes().array(words), size).tolist()
    assert len(hashes) == len(runs)
    assert len(set(zip(runs, hashes, strict=True))) == len(set(runs)) == len(set(hashes))


@pytest.mark.parametrize(
    ("licenses", "combined"),
    [
        (["MIT", "Apache-2.0", "MIT"], "Apache-2.0 AND MIT"),
        (["MIT AND BSD-3-Clause", "MIT"], "BSD-3-Clause AND MIT"),
        (["MIT OR Apache-2.0", "PSF-2.0"], "(MIT OR Apache-2.0) AND PSF-2.0"),
        ([None, "MIT"], "MIT AND NOASSERTION"),  # an unknown licence stays visible
        ([" "], "NOASSERTION"),
        ([], "NOASSERTION"),
    ],
)
def test_licences_combine_to_one_expression(licenses: list[str | None], combined: str) -> None:
    assert combined_license(licenses) == combined
    assert is_expression(combined)


@pytest.mark.parametrize("text", ["", "MIT License", "MIT,BSD", "(MIT", "AND", "MIT AND"])
def test_what_is_no_licence_expression(text: str) -> None:
    assert not is_expression(text)


def test_a_function_keeps_its_decorators_and_nothing_above_them() -> None:
    source = "import x\n\n# note\n@x.cache\n@x.y(\n    1\n)\ndef f(a):\n    return a\n\n\nz = 1\n"
    (function,) = top_level_functions(parsed(source), source)
    assert function.line == 4
    assert function.source == "@x.cache\n@x.y(\n    1\n)\ndef f(a):\n    return a"


def test_a_form_feed_does_not_shift_lines() -> None:
    source = 'a = 1\n\x0c\ndef f(x):\n    "\x0b\u2028"\n    return x\n'
    (function,) = top_level_functions(parsed(source), source)
    assert (function.line, function.source.split("\n")[0]) == (3, "def f(x):")


@pytest.mark.parametrize(
    "source", ["def f(:", "a\0b", "print 'x'", "(" * 5000, "-" * 100_000 + "1"]
)
def test_what_does_not_parse_is_said_so_in_one_line(source: str) -> None:
    with pytest.raises(NotPython) as caught:
        parsed(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "stub"),
    [
        ("def f(x):\n    pass", True),
        ("def f(x): ...", True),
        ('def f(x):\n    """Does it."""', True),
        ("def f(x):\n    import math\n    raise NotImplementedError('later')", True),
        ("def f(x):\n    # your code here\n    return None", True),
        ("def f(password):\n    return bypass(password)", False),
        ("def f(x):\n    return 0", False),
        ("def f(x):\n    raise ValueError", False),
    ],
)
def test_a_stub_does_nothing(text: str, stub: bool) -> None:
    (found,) = quoted_functions(f"Implement this:\n\n{text}\n\nThanks for it: it's good.")
    assert found.node is not None
    assert is_stub(found.node) is stub


def test_functions_are_found_in_prose_that_goes_on_after_them() -> None:
    code = "    def f(\n        x: int,\n    ) -> int:\n        return x\n"
    text = f"Look:\n\n{code}    It's wrong (isn't it?\n"
    (found,) = quoted_functions(text)
    assert found.node is not None
    assert found.source.endswith("return x")


def test_a_signature_without_a_body_has_no_node() -> None:
    assert [one.node for one in quoted_functions("def f(x: int) -> int:\nreturns x")] == [None]


def test_blanked_text_keeps_its_length_and_lines() -> None:
    text = "It's \"TBD\" or `as an AI`,\n```\ncode\n```\nbut 'don't' TBD"
    for blanked in (unquoted(text), without_code(text)):
        assert len(blanked) == len(text)
        assert blanked.count("\n") == text.count("\n")
    assert "TBD" in unquoted(text)
    assert "AI" not in unquoted(text)
    assert "code" not in without_code(text)


@pytest.mark.parametrize(
    ("prose", "english"),
    [
        ("Write a function that returns the sum of the list", True),
        ("Compute gcd", True),  # too short to say
        ("Schreibe eine Funktion, die eine Liste von Zahlen sortiert und nicht verändert", False),
        ("Escribe una función que devuelve la suma de los números de la lista", False),
        ("Écrivez une fonction qui renvoie la somme des nombres dans la liste", False),
        ("Напишите функцию, которая возвращает сумму чисел", False),
        ("编写一个函数,返回列表的和", False),
        ("Return the angle θ between α and β in the list of angles", True),  # noqa: RUF001
        ("Count the Chinese characters 你好 in the given string and return their number", True),
    ],
)
def test_english_is_told_from_other_languages(prose: str, english: bool) -> None:
    assert (not_english(prose) is None) is english


def test_the_description_is_the_docstring_before_its_examples() -> None:
    prompt = 'def f(x):\n    """Return x.\n\n    Twice.\n    >>> f(1)\n    2\n    """\n'
    assert description(prompt) == "Return x.\n\nTwice."
    assert description("Return the sum.") == ""
