"""The examples in the prompts: every one is read, run and true."""

import ast
import inspect
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from opencodeinstruct.tools.ports import Message
from opencodeinstruct.tools.prompt import GIVEN, NAMES, load_prompts
from opencodeinstruct.tools.stages.asking import Unreadable
from opencodeinstruct.tools.stages.ideas import (
    ASPECTS,
    MUTATIONS,
    SUBJECTS,
    TOPICS,
    aspects_of,
    change_of,
    subject_of,
)
from opencodeinstruct.tools.stages.question import Contract, Form, Question, examples_in
from opencodeinstruct.tools.stages.testgen import usable_tests
from opencodeinstruct.tools.text.json_answer import object_in
from opencodeinstruct.tools.text.printed_tests import printed_lines
from opencodeinstruct.tools.text.python_code import assert_lines, code_blocks
from opencodeinstruct.tools.text.stdio import RUN, as_function, program_in

SHIPPED_PROMPTS = load_prompts()


def batch_weights(weights: list[int], size: int) -> list[int]:
    return [sum(weights[start : start + size]) for start in range(0, len(weights), size)]


def largest_gap(values: list[int]) -> int:
    return max((abs(one - other) for one, other in pairwise(values)), default=0)


def count_even(values: list[int]) -> int:
    return sum(value % 2 == 0 for value in values)


def count_even_up_to(values: list[int], limit: int) -> int:
    return sum(value % 2 == 0 and value <= limit for value in values)


def even_dishes(menu: str) -> int:
    return sum(len(dish) % 2 == 0 for dish in menu.split())


REFERENCES: dict[str, Callable[..., object]] = {
    function.__name__: function
    for function in (batch_weights, largest_gap, count_even, count_even_up_to, even_dishes)
}
"""Right implementations of the functions that the examples ask for."""


def shown(name: str) -> tuple[Message, ...]:
    """The messages of prompt `name`, with stand-ins for what a row gives."""
    return SHIPPED_PROMPTS.render(name, **GIVEN[name])


def form_of(name: str) -> Form:
    """The form that the answers to prompt `name` have."""
    contract: Contract = "stdio" if name.endswith("_program") else "call"
    return Form(contract, TOPICS, ASKING_FOR_QUESTIONS[name])


def answers(name: str) -> list[str]:
    """The model's answers that prompt `name` shows as examples."""
    return [message.content for message in shown(name) if message.role == "assistant"]


def questions(name: str) -> list[Question]:
    """The questions that the example answers of prompt `name` give, as its stage reads them."""
    found = []
    for answer in answers(name):
        given = object_in(answer)
        assert given is not None
        for problem in given.get("problems", [given]):
            question = form_of(name).question_from(problem, answer)
            assert isinstance(question, Question), question
            found.append(question)
    return found


ASKING_FOR_QUESTIONS = {  # and the fields that come before signature and problem
    "instruct_code": (),
    "instruct_problem": (),
    "instruct_program": (),
    "mutate": ("difference",),
    "mutate_program": ("difference",),
    "crossover": ("idea",),
    "crossover_program": ("idea",),
}
FOR_FUNCTIONS = [name for name in ASKING_FOR_QUESTIONS if not name.endswith("_program")]
FOR_PROGRAMS = [name for name in ASKING_FOR_QUESTIONS if name.endswith("_program")]


@pytest.mark.parametrize("name", ASKING_FOR_QUESTIONS)
def test_example_questions_read_as_their_stage_reads_them(name: str) -> None:
    assert questions(name)
    for answer in answers(name):
        given = object_in(answer)
        assert given is not None
        for problem in given.get("problems", [given]):
            assert list(problem) == form_of(name).schema()["required"]  # same order, too
            assert problem["topic"] in TOPICS


@pytest.mark.parametrize("name", ASKING_FOR_QUESTIONS)
def test_an_example_that_a_model_gives_back_is_not_read_as_a_question(name: str) -> None:
    form = replace(form_of(name), shown=examples_in(shown(name)))
    for answer in answers(name):
        given = object_in(answer)
        assert given is not None
        for problem in given.get("problems", [given]):
            found = form.question_from(problem, answer)
            assert isinstance(found, Unreadable)
            assert found.reason == "copies_the_example"


@pytest.mark.parametrize("name", FOR_FUNCTIONS)
def test_example_questions_name_their_function_and_its_arguments(name: str) -> None:
    for question in questions(name):
        assert question.signature is not None
        reference = REFERENCES[question.signature.name]
        assert question.signature.arguments == tuple(inspect.signature(reference).parameters)
        for argument in question.signature.arguments:
            assert f"`{argument}`" in question.text


PROGRAMS = {
    "instruct_program": (
        "n = int(input())\nd = list(map(int, input().split()))\n"
        "print(max((abs(a - b) for a, b in zip(d, d[1:])), default=0))",
        [("1\n5\n", "0"), ("3\n3 8 6\n", "5")],
    ),
    "mutate_program": (
        "n = int(input())\nprint(len({v for v in map(int, input().split()) if v % 2 == 0}))",
        [("0\n\n", "0"), ("4\n2 2 3 4\n", "2")],
    ),
    "crossover_program": (
        "print(sum(len(dish) % 2 == 0 for dish in input().split()))",
        [("\n", "0"), ("soup rice pasta\n", "2")],
    ),
}
"""For each example question a program that solves it, and what it prints for what input."""


@pytest.mark.parametrize("name", FOR_PROGRAMS)
def test_example_programs_can_be_written_and_do_what_is_said(name: str) -> None:
    code, runs = PROGRAMS[name]
    namespace: dict[str, Any] = {}
    exec(as_function(code), namespace)
    assert [namespace[RUN](given) for given, _ in runs] == [printed for _, printed in runs]
    assert program_in(f"```python\n{code}\n```") is not None


def test_every_test_of_the_example_for_programs_holds_and_is_usable() -> None:
    (answer,) = answers("testgen_program")
    lines = printed_lines(answer)
    assert len(lines) == len(json.loads(answer)["tests"])
    assert usable_tests(lines, RUN) == lines
    namespace: dict[str, Any] = {}
    exec(
        as_function("n = int(input())\nprint(sum(v % 2 == 0 for v in map(int, input().split())))"),
        namespace,
    )
    for line in lines:
        exec(line, namespace)


_CLAIM = re.compile(r"`(\w+\([^`]*\))` (?:returns|gives|is) (?:`([^`]+)`|(-?\d+(?:\.\d+)?))")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_prompt_says_a_call_returns_is_what_it_returns(name: str) -> None:
    for message in shown(name):
        for call, quoted, number in _CLAIM.findall(message.content):
            assert eval(call, dict(REFERENCES)) == ast.literal_eval(quoted or number), call


def test_such_claims_are_found() -> None:
    assert _CLAIM.findall("So `f([1], 2)` returns `[3]`. And `g()` gives 4.") == [
        ("f([1], 2)", "[3]", ""),
        ("g()", "", "4"),
    ]


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("instruct_problem: a list with one element gives 0", largest_gap([7]) == 0),
        ("instruct_problem: the largest difference of neighbours", largest_gap([3, 8, 6]) == 5),
        ("crossover: an empty menu gives 0", even_dishes("") == 0),
        ("testgen: an empty list gives 0", count_even([]) == 0),
        ("mutate: not larger than the limit", count_even_up_to([2, 2, 3, 4], 3) == 2),
        ("mutate: an empty list gives 0", count_even_up_to([], 3) == 0),
        ("instruct_code: the last batch may be smaller", batch_weights([4, 1, 2], 2) == [5, 2]),
    ],
)
def test_the_references_do_what_the_problems_say(claim: str, holds: bool) -> None:
    assert holds, claim


def test_code_in_a_prompt_runs() -> None:
    ran = set()
    for name in NAMES:
        for message in shown(name)[:-1]:
            for block in code_blocks(message.content) if message.role != "system" else []:
                namespace: dict[str, Any] = dict(REFERENCES)
                exec(block, namespace)
                ran |= set(namespace) - set(REFERENCES)
                if "chunks" in namespace:
                    assert namespace["chunks"]([1, 2, 3], 2) == [[1, 2], [3]]
    assert "chunks" in ran


def test_no_code_of_a_prompt_escapes_these_tests() -> None:
    heads = {
        head
        for name in NAMES
        for message in shown(name)
        for head in re.findall(r"^(?:def|class) (\w+)", message.content, re.MULTILINE)
    }
    assert heads <= {"chunks"}, "test what the new example claims"


def test_every_assert_of_the_tester_s_example_holds_and_is_usable() -> None:
    (answer,) = answers("testgen")
    lines = assert_lines(answer)
    assert lines == [line for line in answer.split("\n") if not line.startswith("```")]
    assert usable_tests(lines, "count_even") == lines
    for line in lines:
        exec(line, dict(REFERENCES))


def test_an_assert_of_the_tester_s_example_kills_each_simple_mistake() -> None:
    mistakes: dict[str, Callable[[list[int]], int]] = {
        "counts odd numbers": lambda values: sum(value % 2 for value in values),
        "sums instead of counting": lambda values: sum(v for v in values if v % 2 == 0),
        "takes only positive numbers": lambda values: sum(v > 0 and v % 2 == 0 for v in values),
        "always 0": lambda values: 0,
    }
    (answer,) = answers("testgen")
    for mistake, function in mistakes.items():
        survived = 0
        for line in assert_lines(answer):
            try:
                exec(line, {"count_even": function})
                survived += 1
            except AssertionError:
                continue
        assert survived < len(assert_lines(answer)), mistake


def test_the_judge_is_shown_no_example() -> None:
    """Small models repeat what an example says of its code about every other code."""
    assert answers("judge") == []


def changes(name: str) -> list[str]:
    """What the examples of prompt `name` are told to change."""
    texts = [message.content for message in shown(name)[:-1]]
    return [text.split("Change: ")[1] for text in texts if "Change: " in text]


def test_the_change_that_a_mutation_s_example_shows_is_one_that_is_drawn() -> None:
    signature = "def count_even(values: list[int]) -> int"
    ruled = {change_of("add-constraint", signature, "rules", Random(seed)) for seed in range(1000)}
    thought_of = {text.format(aspect=aspect) for text in MUTATIONS.values() for aspect in ASPECTS}
    assert changes("mutate")
    assert set(changes("mutate")) <= ruled
    assert changes("mutate_program")
    assert set(changes("mutate_program")) <= thought_of


def test_ideas_are_many_and_no_two_are_the_same() -> None:
    for ideas in (ASPECTS, SUBJECTS, TOPICS):
        assert len(ideas) >= (16 if ideas is TOPICS else 20)
        assert len(set(ideas)) == len(ideas)
    assert all(forms and len(set(forms)) == len(forms) for forms in SUBJECTS.values())
    for text in MUTATIONS.values():
        assert text.count("{aspect}") == 1


@pytest.mark.parametrize(
    ("signature", "has", "has_not"),
    [
        ("def f(year: int) -> list[int]", "negative numbers", "neighbouring elements"),
        ("def f(text: str) -> int", "upper and lower case", "negative numbers"),
        ("def f(items: list[str]) -> dict", "ties between equal results", "zero"),
        ("def f(cost: dict[str, int]) -> int", "keys whose value is 0", "neighbouring elements"),
        ("def f(interval: object) -> int", "neighbouring elements", "nothing"),
        (None, "zero", "nothing"),
    ],
)
def test_a_mutation_changes_what_the_arguments_have(
    signature: str | None, has: str, has_not: str
) -> None:
    aspects = aspects_of(signature)
    assert has in aspects
    assert has_not not in aspects
    assert set(aspects) <= set(ASPECTS)


def test_a_function_is_told_the_form_of_a_subject_and_a_program_is_not() -> None:
    told = {subject_of("call", Random(seed)) for seed in range(2000)}
    assert told == {
        f"{subject}, given as {form}" for subject, own in SUBJECTS.items() for form in own
    }
    assert {subject_of("stdio", Random(seed)) for seed in range(2000)} == set(SUBJECTS)
