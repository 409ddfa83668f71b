"""The rules that a mutation adds: which fit a signature, and what they bring in."""

import json
import re
from random import Random
from typing import Any

import pytest

from opencodeinstruct.tools.ports import Request
from opencodeinstruct.tools.stages.ideas import ASPECTS, MUTATIONS, Hints, change_of, rules_in
from opencodeinstruct.tools.stages.rules import (
    ON_ARGUMENTS,
    ON_RESULTS,
    is_forgotten,
    new_arguments,
    rules_for_arguments,
    rules_for_result,
)
from tests.asks import by
from tests.evolving import evolved, kept_rows, parent, reasons, told_change

EVERY_ARGUMENT = (
    "def f(xs: list[int], words: list[str], text: str, n: int, x: float, prices: dict[str, int])"
)


def test_every_rule_is_told_of_some_argument_or_result() -> None:
    told = rules_for_arguments(EVERY_ARGUMENT)
    for rules in ON_ARGUMENTS.values():
        for rule in rules:
            pattern = re.escape(rule).replace(re.escape("{name}"), r"\w+")
            assert any(re.fullmatch(pattern, one) for one in told), rule
    of_results = {
        rule
        for kind in ("list[int]", "list[str]", "str", "int", "float", "bool", "dict[str, int]")
        for rule in rules_for_result(f"def f(a: int) -> {kind}")
    }
    assert of_results == {rule for rules in ON_RESULTS.values() for rule in rules}


def test_a_rule_names_its_argument_and_is_a_clause_of_one_sentence() -> None:
    for rules in ON_ARGUMENTS.values():
        for rule in rules:
            assert "`{name}`" in rule
            assert not rule.endswith(".")
    for rules in ON_RESULTS.values():
        assert not any("{" in rule or rule.endswith(".") for rule in rules)


def test_every_new_argument_of_a_rule_is_seen() -> None:
    every = (*ON_ARGUMENTS.values(), *ON_RESULTS.values())
    for rule in (rule for rules in every for rule in rules):
        quoted = set(re.findall(r"`(\w+)`", rule))
        assert set(new_arguments(rule)) == quoted, rule


@pytest.mark.parametrize(
    ("signature", "tells", "tells_not"),
    [
        ("def f(v: list[int]) -> int", "negative numbers in `v`", "strings in `v`"),
        ("def f(v: list[str]) -> int", "strings in `v` that hold a digit", "negative numbers"),
        ("def f(v: list[tuple[int, int]]) -> int", "the first and the last", "negative numbers"),
        ("def f(a: int, b: str) -> int", "`b` is put in lower case", "`a` is put in lower case"),
        ("def f(v: dict[str, str]) -> int", "a new argument `changes`", "value is 0"),
        ("def f(v: dict[str, int]) -> int", "entries of `v` whose value is 0", "nothing"),
        ("def f(limit: int) -> int", "`offset`", "`limit` is used instead"),  # the name is taken
        ("def f(v: typing.List[int]) -> int", "negative numbers in `v`", "nothing"),
        ("def f(x: float) -> int", "absolute value", "decimal digits"),
    ],
)
def test_a_rule_fits_the_type_of_its_argument(signature: str, tells: str, tells_not: str) -> None:
    rules = rules_for_arguments(signature)
    assert any(tells in rule for rule in rules)
    assert not any(tells_not in rule for rule in rules)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "no head",
        "def f(x)",
        "def f(x: object) -> object",
        "def f(x: tuple[int, int]) -> tuple[int, int]",
        "def f(x: 3[4]) -> 5",
        "def f(*, x: int)",
        "x = 1",
        "class F",
        "def f(x: int",
    ],
)
def test_where_no_type_is_known_there_is_no_rule_and_an_aspect_is_told(
    signature: str | None,
) -> None:
    assert rules_for_result(signature) == ()
    change = change_of("add-constraint", signature, "rules", Random(1))
    assert any(aspect in change for aspect in ASPECTS)


@pytest.mark.parametrize("hints", ["rules", "aspects"])
@pytest.mark.parametrize("operation", MUTATIONS)
def test_what_is_told_repeats_and_varies(operation: str, hints: Hints) -> None:
    signature = "def f(values: list[int], text: str) -> list[int]"
    changes = [change_of(operation, signature, hints, Random(seed)) for seed in range(300)]
    assert changes == [change_of(operation, signature, hints, Random(seed)) for seed in range(300)]
    assert len(set(changes)) > 20
    assert all(change.endswith(".") and "{" not in change for change in changes)


@pytest.mark.parametrize("signature", ["def f(x) -> str", "def f(x: str)"])
def test_what_is_known_of_one_end_is_enough(signature: str) -> None:
    rules = {*rules_for_arguments(signature), *rules_for_result(signature)}
    for operation in ("add-constraint", "rare-requirement", "more-reasoning"):
        for seed in range(50):
            change = change_of(operation, signature, "rules", Random(seed))
            assert any(change.endswith(f": {rule}.") for rule in rules)


def test_two_steps_are_a_rule_of_an_argument_and_one_of_the_result() -> None:
    for seed in range(200):
        change = change_of("more-reasoning", EVERY_ARGUMENT + " -> str", "rules", Random(seed))
        first, then = change.split(" First, ")[1].removesuffix(".").split(". Then, ")
        assert any(rule.startswith(first) for rule in rules_for_arguments(EVERY_ARGUMENT))
        assert then in rules_for_result(EVERY_ARGUMENT + " -> str")
        assert "before anything else" not in first


def _child_of(request: Request, *, brings: bool, tells: bool) -> str:
    """A child that has what its change brings in, or has not; that tells the rule, or does not."""
    change = told_change(request)
    names = ("numbers", *(new_arguments(change) if brings else ()))
    words = " ".join(f"word{Random(change + str(n)).getrandbits(30)}" for n in range(12))
    said = ", ".join(f"`{name}`, with `{name}`" for name in names)
    told = "; ".join(rules_in(change)) if tells else ""
    return json.dumps(
        {
            "difference": "-",
            "signature": f"def made({', '.join(names)})",
            "problem": f"{words}. Write `made` of {said}. {told}.",
        }
    )


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("brings", [True, False])
def test_a_child_without_the_rule_or_the_argument_of_its_change_is_dropped(
    brings: bool, tells: bool
) -> None:
    elder = parent(1, signature="def first_1(value: list[int]) -> list[int]")
    changes: list[str] = []

    def ask(request: Request) -> str:
        changes.append(told_change(request))
        return _child_of(request, brings=brings, tells=tells)

    weights = {"add-constraint": 1.0, "more-reasoning": 1.0}
    outcomes = evolved(
        [elder],
        by(ask),
        colonies=1,
        children=24,
        crossover_probability=0.0,
        mutation_weights=weights,
        screen={"alike": 1},
    )[1:]
    bring = sum(bool(new_arguments(change)) for change in changes)
    tell = sum(len(rules_in(change)) > 0 for change in changes)
    assert 0 < bring < tell == len(changes)
    dropped = reasons(outcomes)["change_not_made"]
    if tells:
        assert dropped == (0 if brings else bring)
    else:
        assert max(bring if not brings else 0, 12) < dropped  # a rule of one long word may pass


@pytest.mark.parametrize("operation", MUTATIONS)
@pytest.mark.parametrize("hints", ["rules", "aspects"])
def test_a_child_that_ends_with_what_its_author_was_told_is_dropped(
    operation: str, hints: Hints
) -> None:
    def ask(request: Request) -> str:
        change = told_change(request)
        child = json.loads(_child_of(request, brings=True, tells=True))
        return json.dumps(child | {"problem": f"{child['problem']} {change.capitalize()}"})

    elder = parent(1, signature="def first_1(value: list[int]) -> list[int]")
    chosen: dict[str, Any] = {"mutation_weights": {operation: 1.0}, "hints": hints}
    outcomes = evolved(
        [elder], by(ask), colonies=1, children=6, crossover_probability=0.0, **chosen
    )
    assert reasons(outcomes[1:]) == {"copied_layout": 6}


@pytest.mark.parametrize(
    ("why", "rule", "child", "forgotten"),
    [
        ("word for word", "the result is in reverse order", "It is in reverse order.", False),
        ("another form", "the result is in reverse order", "The list is reversed.", False),
        ("nothing of it", "the result is in reverse order", "Write `g` of a list.", True),
        ("of its names alone", "`reverse` is put in lower case before anything else",
         "Write `g` of `reverse`.", True),
        ("of common words alone", "negative numbers in `x` are left out before anything else",
         "Only what is left is used.", True),
        ("the parent has said it", "the result is sorted by length", "Write `g`.", False),
        ("one word says too little", "the result is rounded down", "Write `g`.", False),
    ],
)  # fmt: skip
def test_a_rule_is_forgotten_when_none_of_its_words_is_in_the_child(
    why: str, rule: str, child: str, forgotten: bool
) -> None:
    parent = "Write `f`, which returns the words sorted by their length, rounded."
    assert is_forgotten(rule, parent, child) == forgotten, why


@pytest.mark.parametrize("operation", ["add-constraint", "rare-requirement", "more-reasoning"])
def test_the_rules_of_a_change_are_read_from_it(operation: str) -> None:
    signature = EVERY_ARGUMENT + " -> str"
    before, after = rules_for_arguments(signature), rules_for_result(signature)
    for seed in range(100):
        change = change_of(operation, signature, "rules", Random(seed))
        told = rules_in(change)
        assert len(told) == (2 if operation == "more-reasoning" else 1)
        assert all(any(rule.startswith(one) for rule in (*before, *after)) for one in told)
        assert rules_in(change_of(operation, signature, "aspects", Random(seed))) == ()


def test_a_parent_s_double_quotes_are_shown_as_single_ones_and_it_keeps_its_own() -> None:
    elders = [parent(n, input=f'Write `first_{n}` of a `value` "{n}": amber.') for n in range(2)]
    shown: list[str] = []

    def ask(request: Request) -> str:
        shown.append(request.messages[-1].content)
        return "no JSON"

    outcomes = evolved(elders, by(ask), colonies=1, children=12, crossover_probability=0.5)
    assert all('"' not in text and "'" in text for text in shown)
    assert [row["input"] for row in kept_rows(outcomes)] == [elder["input"] for elder in elders]
