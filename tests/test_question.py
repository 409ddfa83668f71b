"""A question: read from a model's answer, and laid out so that nobody doubts what it asks for."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.builder.schema import OPERATIONS
from opencodeinstruct.tools.ports import Message, content_id
from opencodeinstruct.tools.stages.asking import Unreadable
from opencodeinstruct.tools.stages.question import (
    Form,
    Question,
    examples_in,
    problem_of,
    program_of,
    question_of,
    with_question,
)
from opencodeinstruct.tools.text.python_code import parse_signature

PROBLEM = "Write a function `area` that takes a number `side` and returns the square's area."
SIGNATURE = "def area(side: float) -> float"


def said(**changes: Any) -> str:
    return json.dumps({"signature": SIGNATURE, "problem": PROBLEM, **changes})


@pytest.mark.parametrize(
    ("why", "answer"),
    [
        ("as asked", said()),
        ("fields that come first", said(difference="It is square.", idea="A square.")),
        ("in a fence, amid prose", f"Here:\n```json\n{said()}\n```\nFine?"),
        ("the other order", json.dumps({"problem": PROBLEM, "signature": SIGNATURE})),
        ("a signature with a colon", said(signature=f"{SIGNATURE}:")),
        ("a signature in backticks", said(signature=f"`{SIGNATURE}`")),
        ("a signature without def", said(signature="area(side: float) -> float")),
        ("a signature with a body", said(signature=f"{SIGNATURE}:\n    pass")),
        ("blanks around", said(problem=f"\n {PROBLEM} \n")),
        ("the layout copied", said(problem=f"{PROBLEM}\n\nSignature: `{SIGNATURE}`")),
        ("a signature of another name", said(signature="def volume(side: float) -> float")),
        ("an old signature copied", said(problem=f"{PROBLEM}\n\nSignature: `def old(x)`\n")),
    ],
)
def test_a_question_ends_with_its_signature_once(why: str, answer: str) -> None:
    question = Form().read(answer)
    assert isinstance(question, Question), why
    assert question.text == f"{PROBLEM}\n\nSignature: `{SIGNATURE}`"
    assert question.signature is not None
    assert (question.contract, question.signature.name) == ("call", "area")
    assert question.signature.arguments == ("side",)


@pytest.mark.parametrize(
    ("why", "answer", "reason"),
    [
        ("prose", "I would rather not.", "not_json"),
        ("a list of text", '["area"]', "not_json"),
        ("no problem", json.dumps({"signature": SIGNATURE}), "no_problem"),
        ("a blank problem", said(problem="  \n"), "no_problem"),
        ("a problem that is no text", said(problem=[PROBLEM]), "no_problem"),
        ("null", said(problem=None), "no_problem"),
        ("no signature", json.dumps({"problem": PROBLEM}), "bad_signature"),
        ("a signature that is no text", said(signature={"name": "area"}), "bad_signature"),
        ("a signature without arguments", said(signature="def area()"), "bad_signature"),
        ("two functions", said(signature="def area(x): ...\ndef b(x): ..."), "bad_signature"),
        ("a builtin", said(signature="def sum(side)", problem="`sum`"), "bad_signature"),
        (
            "another name",
            said(signature="def volume(side)", problem="`area`"),
            "function_not_named",
        ),
        (
            "two names to choose from",
            said(signature="def volume(side)", problem=f"{PROBLEM} Use a function `pi`."),
            "function_not_named",
        ),
        (
            "part of a word",
            said(signature="def quar(side)", problem="square"),
            "function_not_named",
        ),
        ("part of a name", said(signature="def are(side)", problem="`area`"), "function_not_named"),
        (
            "an argument of another type",
            said(signature="def area(side: float)", problem="Write `area` of a string `side`."),
            "argument_differs",
        ),
        (
            "a result of another type",
            said(signature="def area(side) -> float", problem="`area` returns a list."),
            "result_differs",
        ),
        (
            "an argument nobody speaks of",
            said(
                signature="def area(side: float, low: int, unit: str)",
                problem=f"{PROBLEM} The unit is `cm` or `m`.",
            ),
            "argument_not_named",
        ),
        (
            "the layout in the middle",
            said(problem=f"{PROBLEM}\n\nSignature: `def area(side)`\n\nMind zero."),
            "copied_layout",
        ),
        (
            "what the prompt asks for",
            said(problem=f"{PROBLEM}\n\nChange: the side is doubled."),
            "copied_layout",
        ),
        (
            "the prompt's heading in the middle",
            said(problem=f"{PROBLEM}\n\nProblem:\nDouble the side."),
            "copied_layout",
        ),
        ("a private helper", said(problem=f"{PROBLEM} Use `_norm(side)`."), "names_a_helper"),
        ("cut off", said(problem=f"{PROBLEM} If the side is 0, it returns"), "cut_off"),
        (
            "a program's output, cut off",
            json.dumps({"problem": PROBLEM, "input": "A number.", "output": "The area, or "}),
            "cut_off",
        ),
    ],
)
def test_what_cannot_be_asked_says_why(why: str, answer: str, reason: str) -> None:
    question = Form("stdio" if '"output"' in answer else "call").read(answer)
    assert isinstance(question, Unreadable), why
    assert question.reason == reason
    assert len(question.evidence) <= 400


@pytest.mark.parametrize(
    ("why", "problem"),
    [
        ("emphasis", f"{PROBLEM} It _must_ be quick."),
        ("names with underscores", f"{PROBLEM} Think of `side_length` and side_."),
        ("special names", f"{PROBLEM} The type has `__float__`."),
    ],
)
def test_underscores_alone_name_no_helper(why: str, problem: str) -> None:
    assert isinstance(Form().read(said(problem=problem)), Question), why


def test_a_private_function_may_be_what_is_asked_for() -> None:
    answer = said(problem="Write `_area`.", signature="def _area(side)")
    assert isinstance(Form().read(answer), Question)


def test_half_of_a_surrogate_pair_cannot_get_into_a_question() -> None:
    question = Form().read(
        '{"signature": "def area(side)", "problem": "`area` \\ud83d of \\ud83d\\ude00"}'
    )
    assert isinstance(question, Question)
    assert question.text.startswith("`area` \ufffd of \U0001f600")
    question.text.encode("utf-8")


def test_the_schema_asks_for_leading_fields_first() -> None:
    schema = Form(leading=("idea",)).schema()
    assert schema["required"] == ["idea", "signature", "problem"]
    assert list(schema["properties"]) == schema["required"]
    assert schema["additionalProperties"] is False


PROGRAM_PARTS = {
    "problem": "Count the even numbers.",
    "input": "One line of integers.",
    "output": "Their number.",
}


def test_a_question_for_a_program_says_what_is_read_and_printed() -> None:
    form = Form("stdio", ("counting", "other"), ("idea",))
    question = form.read(json.dumps({"idea": "x", **PROGRAM_PARTS, "topic": "Counting"}))
    assert isinstance(question, Question)
    assert (question.contract, question.signature, question.topic) == ("stdio", None, "counting")
    assert question.text == (
        "Count the even numbers.\n\nInput: One line of integers.\n\nOutput: Their number.\n\n"
        "Program: reads standard input, writes standard output."
    )
    assert program_of(question.text) == replace(question, topic=None)  # laid out once
    row = with_question({"id": "old"}, question, operation="crossover", model="m", prompt="p")
    assert (row["contract"], row["entry_point"], row["signature"]) == ("stdio", None, None)
    assert (row["topic"], row["generator_prompt"]) == ("counting", "p")
    assert problem_of(row["input"]).endswith("Output: Their number.")
    assert form.schema()["required"] == ["idea", "problem", "input", "output", "topic"]


@pytest.mark.parametrize("part", ["input", "output"])
@pytest.mark.parametrize("value", [None, " ", 3])
def test_a_program_without_its_input_or_output_is_no_question(part: str, value: Any) -> None:
    found = Form("stdio").read(json.dumps({**PROGRAM_PARTS, part: value}))
    assert isinstance(found, Unreadable)
    assert found.reason == "no_input_or_output"


@pytest.mark.parametrize(
    ("topic", "read"),
    [
        ("strings", "strings"),
        (" Strings. ", "strings"),
        ("`strings`", "strings"),
        ("text", None),  # the list is closed
        (None, None),
        (["strings"], None),
    ],
)
def test_a_topic_is_one_of_the_list_or_none(topic: Any, read: str | None) -> None:
    question = Form(topics=("strings", "other")).read(said(topic=topic))
    assert isinstance(question, Question)
    assert question.topic == read


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_row_says_how_its_question_was_made(operation: str) -> None:
    signature = parse_signature(SIGNATURE)
    assert signature is not None
    before = {"id": "old", "seed_ids": ["s"], "input": None}
    row = with_question(before, question_of(PROBLEM, signature), operation=operation, model="m")
    assert row["id"] == content_id(row["input"])
    assert (row["entry_point"], row["signature"]) == ("area", SIGNATURE)
    assert row["operation"] == operation
    assert row["seed_ids"] == ["s"]
    assert row["generation_algorithm"] == {
        "seed": "oss-instruct",
        "oss-instruct": "oss-instruct",
        "crossover": "self-instruct",
    }.get(operation, "evol-instruct")
    assert before == {"id": "old", "seed_ids": ["s"], "input": None}


names = st.from_regex(r"[a-z][a-z_]{0,8}[a-z]", fullmatch=True)


@given(name=names, problem=st.text(), answer=st.text())
def test_any_answer_is_a_question_or_a_reason(name: str, problem: str, answer: str) -> None:
    for text in (answer, said(problem=problem), said(signature=f"def {name}(x)", problem=answer)):
        assert isinstance(Form().read(text), Question | Unreadable)


@given(problem=st.text().map(lambda text: f"`area` {text}"))
def test_laying_out_a_question_again_changes_nothing(problem: str) -> None:
    signature = parse_signature(SIGNATURE)
    assert signature is not None
    once = question_of(problem, signature)
    assert question_of(once.text, signature) == once


EXAMPLE = (
    "A menu is a string `menu` of dish names separated by spaces. Write a function `even_dishes` "
    "that takes it and returns how many of the names have an even number of letters. An empty menu "
    "gives 0."
)


@pytest.mark.parametrize(
    ("why", "problem", "copied"),
    [
        ("word for word", EXAMPLE, True),
        ("a word changed", EXAMPLE.replace("even number", "odd number"), True),
        ("cut short", EXAMPLE.partition(" An empty")[0], True),
        ("in other quotes", EXAMPLE.replace("`", "'"), True),
        ("the same form", "A shelf is a list of integers `weights`. Write a function `even_dishes` "
         "that takes it and returns the sum of the weights. An empty shelf gives 0.", False),
    ],
)  # fmt: skip
def test_what_was_shown_as_an_example_is_no_new_question(
    why: str, problem: str, copied: bool
) -> None:
    shown = json.dumps({"problems": [{"idea": "-", "problem": EXAMPLE, "topic": "strings"}]})
    asked = ("user", "assistant", "user")
    texts = ("Problem 1: count even numbers.", shown, "Problem 1: another one")
    messages = [Message(role, text) for role, text in zip(asked, texts, strict=True)]
    form = Form(shown=examples_in([Message("system", problem), *messages]))
    answer = said(signature="def even_dishes(given)", problem=problem)
    assert isinstance(Form().read(answer), Question)
    found = form.read(answer)
    dropped = isinstance(found, Unreadable) and found.reason == "copies_the_example"
    assert dropped == copied, why


def test_the_question_that_is_asked_about_is_no_example() -> None:
    messages = [Message("system", "s"), Message("user", EXAMPLE)]
    assert examples_in(messages) == ()
