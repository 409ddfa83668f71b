"""The object in a model's answer: found in whatever surrounds it, never guessed at."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.text.json_answer import object_in

FOUND: list[tuple[str, str, dict[str, Any]]] = [
    ("plain", '{"a": 1}', {"a": 1}),
    ("blanks around", ' \n\t{"a": 1}\n ', {"a": 1}),
    ("prose around", 'Sure! {"a": 1} Hope it helps.', {"a": 1}),
    ("a JSON fence", 'Here:\n```json\n{"a": 1}\n```\nDone.', {"a": 1}),
    ("a bare fence", '```\n{"a": 1}\n```', {"a": 1}),
    ("a fence of tildes", '~~~json\n{"a": 1}\n~~~', {"a": 1}),
    ("a fence on one line", '```json {"a": 1}```', {"a": 1}),
    ("a fence that is never closed", '```json\n{"a": 1}\n', {"a": 1}),
    ("Windows line ends", '```json\r\n{"a":\r\n1}\r\n```\r\n', {"a": 1}),
    ("the fence wins over braces in prose", 'As {"x": y}:\n```json\n{"a": 1}\n```', {"a": 1}),
    ("a fence within a string", '{"a": "```python\\nf()\\n```"}', {"a": "```python\nf()\n```"}),
    ("raw line breaks in a string", '{"a": "x\ny\tz"}', {"a": "x\ny\tz"}),
    ("a trailing comma", '{"a": [1, 2,], }', {"a": [1, 2]}),
    ("a trailing comma over lines", '{"a": 1,\n\n}', {"a": 1}),
    ("a trailing comma amid prose", 'So: {"a": {"b": 1,},} and so on', {"a": {"b": 1}}),
    ("a comma in a string is kept", '{"a": "[1,]", "b": 2,}', {"a": "[1,]", "b": 2}),
    ("an escaped quote before it", '{"a": "\\",}", "b": 2,}', {"a": '",}', "b": 2}),
    (
        "Python's literals",
        "{'a': True, 'b': None, 'c': 'it''s'}",
        {"a": True, "b": None, "c": "its"},
    ),
    (
        "Python's, with a double quote",
        """{'a': "it's", 'b': 'say "x"'}""",
        {"a": "it's", "b": 'say "x"'},
    ),
    ("Python's, amid prose", "I say {'a': {'b': (1, 2)}}!", {"a": {"b": [1, 2]}}),
    ("Python's, in a fence", "```python\n{'a': 1}\n```", {"a": 1}),
    ("Python's bad escape warns nobody", r"{'a': '\d'}", {"a": r"\d"}),
    ("nested", '{"a": {"b": [{"c": {}}]}}', {"a": {"b": [{"c": {}}]}}),
    ("the first of several", '{"a": 1}\n{"b": 2}', {"a": 1}),
    ("empty braces in prose are none", 'f() {} then {"a": 1}', {"a": 1}),
    ("a set in prose is none", 'the set {1, 2} as {"a": 1}', {"a": 1}),
    ("the object in a list", '[{"a": 1}, {"b": 2}]', {"a": 1}),
    ("a whole object within a broken one", '{"x": {"a": 1}, "y": {"b', {"a": 1}),
    ("braces in strings", '{"a": "}{", "b": "{"}', {"a": "}{", "b": "{"}),
    ("many braces of prose before it", "{x} " * 500 + '{"a": 1}', {"a": 1}),
    ("a number that is not finite", '{"a": 1e999}', {"a": float("inf")}),
    ("an escaped pair is one character", '{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    ("half of a pair is replaced", '{"a": "\\ud83d!"}', {"a": "\ufffd!"}),
    ("an escaped backslash is no escape", '{"a": "\\\\ud83d"}', {"a": "\\ud83d"}),
    ("a raw half is replaced", '{"a": "\ud83d"}', {"a": "\ufffd"}),
    ("Python's pair is joined", "{'a': '\\ud83d\\ude00'}", {"a": "\U0001f600"}),
    ("Python's half, spelled otherwise", "{'a': '\\U0000d83d'}", {"a": "\ufffd"}),
    ("nothing in it", "{}", {}),
    ("a thousand questions", json.dumps({"a": ["x" * 50] * 1000}), {"a": ["x" * 50] * 1000}),
]

ABSENT = [
    ("nothing", ""),
    ("blank", " \n "),
    ("a refusal", "I'm sorry, but I can't help with that."),
    ("a list", "[1, 2, 3]"),
    ("a string", '"a"'),
    ("cut in a string", '{"a": "x'),
    ("cut after a key", '{"a":'),
    ("not quoted", "{a: 1}"),
    ("a set", "{1, 2}"),
    ("a Python dict with other keys", "{1: 2}"),
    ("a value that JSON has not", "{'a': b'x'}"),
    ("a call is not run", "{'a': open('x')}"),
    ("a comprehension is not run", "{'a': [x for x in range(9)]}"),
    ("a name", "{'a': true}"),
    ("a number too long to write", "{'a': 0x" + "f" * 5000 + "}"),
    ("a number too long to read", '{"a": ' + "9" * 5000 + "}"),
]


@pytest.mark.parametrize(("why", "text", "found"), FOUND, ids=[why for why, *_ in FOUND])
def test_the_object_is_found(why: str, text: str, found: dict[str, Any]) -> None:
    assert object_in(text) == found


@pytest.mark.parametrize(("why", "text"), ABSENT, ids=[why for why, _ in ABSENT])
def test_nothing_is_made_up(why: str, text: str) -> None:
    assert object_in(text) is None


HUGE = [
    ("opening braces", "{" * 300_000),
    ("opening braces that could be objects", '{"' * 150_000),
    ("braces and keys", '{"a":' * 60_000),
    ("lists", "[" * 300_000),
    ("lists within an object", '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    ("quotes", '"' * 300_000),
    ("escaped quotes", '{"' + '\\"' * 100_000),
    ("escaped single quotes", "{'" + "\\'" * 100_000),
    ("backslashes", "\\" * 300_000),
    ("commas", '{"a": 1' + "," * 200_000 + "}"),
    ("commas and blanks", '{"a": 1, ' + " " * 200_000),
    ("blanks", " " * 300_000),
    ("a brace and blanks", ("{" + " " * 2000) * 100),
    ("line ends after a fence", "```" + "\n" * 200_000),
    ("fences", "```\n" * 50_000),
    ("backticks", "`" * 300_000),
    ("open and close", "{}" * 100_000),
    ("objects that fail late", '{"a": {"b": 1}, "c": x} ' * 9000),
    ("minus signs", "{'a': " + "-" * 9000 + "1}"),
    ("sums", "{'a': " + "1+\n" * 50_000 + "1}"),
    ("half pairs", "\\ud800" * 30_000),
]


@pytest.mark.parametrize(("what", "text"), HUGE, ids=[what for what, _ in HUGE])
def test_garbage_of_any_size_is_no_error_and_does_not_hang(what: str, text: str) -> None:
    found = object_in(text)
    assert found is None or isinstance(found, dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
json_objects = st.dictionaries(st.text(), json_values, max_size=5)


@given(value=json_objects, ascii=st.booleans(), indent=st.sampled_from([None, 2]))
def test_every_object_that_json_writes_is_read(
    value: dict[str, Any], ascii: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=indent)
    assert object_in(text) == value
    assert object_in(f"Here it is:\n\n```json\n{text}\n```\nBye.") == value


@given(
    value=json_objects.filter(bool),
    before=st.text(alphabet="abc .,:\n'\"", max_size=30),
    after=st.text(max_size=30),
)
def test_an_object_amid_prose_is_read(value: dict[str, Any], before: str, after: str) -> None:
    assert object_in(f"{before} {json.dumps(value)} {after}") == value


@given(value=json_objects)
def test_an_object_that_python_writes_is_read(value: dict[str, Any]) -> None:
    text = repr(value)
    if "inf" not in text:  # which is a name, not a literal
        assert object_in(text) == value


marks = st.sampled_from(["{", "}", '"', "'", "\\", "[", "]", ":", ",", "#", "(", "\0", "\ud800"])
words = st.sampled_from(
    ["a", "1", " ", "\n", "\\ud800", "None", "lambda:", "f'{", "{'a': ", '{"a": ']
)
pieces = marks | words | st.sampled_from(["```", "```json\n", "~~~\n"])


@given(text=st.text() | st.lists(pieces, max_size=60).map("".join))
def test_any_text_gives_an_object_that_can_be_stored_or_none(text: str) -> None:
    found = object_in(text)
    if found is not None:
        assert isinstance(found, dict)
        json.dumps(found, ensure_ascii=False).encode("utf-8")
