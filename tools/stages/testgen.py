"""Write unit tests for a question: single-line asserts, from the description alone.

A tester that sees the solution ratifies its bugs, so by default it does not.
"""

import ast
import builtins
import json
from collections import defaultdict
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, Sampling, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import EVIDENCE, Unreadable, ask_until_read, with_cost
from opencodeinstruct.tools.text.faults import always_holds
from opencodeinstruct.tools.text.printed_tests import pairs_schema, printed_lines
from opencodeinstruct.tools.text.python_code import (
    assert_lines,
    calls,
    free_names,
    parse_python,
    under_name,
    unparsed,
)
from opencodeinstruct.tools.text.stdio import RUN


class TestgenSettings(BaseModel):
    """How tests are asked for, and which of them are kept."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampling: Sampling = Sampling(temperature=0.4, max_tokens=1024)
    tries: int = Field(default=2, ge=1, le=10)
    count: int = Field(default=10, ge=1, le=100)  # the published release has nominally ten
    at_least: int = Field(default=3, ge=1, le=100)  # fewer say little about a solution
    sees_solution: bool = False  # a tester that sees the solution ratifies its bugs


async def testgen(
    row: Row, ask: Ask, prompts: Prompts, settings: TestgenSettings, *, seed: int
) -> Outcome:
    """Give `row` its tests in `unit_tests`, a JSON list of assert statements.

    Each calls the entry point and stands alone, none occurs twice, and no two contradict each
    other; those of a program call `run_program`. Tests that all call one other name are given the
    right one. Dropped as `too_few_tests` when fewer than `at_least` are left, as `other_name` when
    it is because they call something else.
    """
    is_program = row.get("contract") == "stdio"
    name = RUN if is_program else str(row["entry_point"])

    def read(text: str) -> list[str] | Unreadable:
        lines = printed_lines(text) if is_program else under_name(assert_lines(text), name)
        tests = usable_tests(lines, name)[: settings.count]
        if len(tests) < settings.at_least:
            strangers = [line for line in lines if name not in line]
            reason = "other_name" if len(strangers) > len(lines) / 2 else "too_few_tests"
            return Unreadable(reason, f"{len(tests)} usable: {text[:EVIDENCE]}")
        return tests

    request = Request(
        role="tester",
        messages=prompts.render(
            "testgen_program" if is_program else "testgen",
            count=settings.count,
            question=row["input"],
            solution=row["solution"] if settings.sees_solution else None,
        ),
        sampling=settings.sampling,
        seed=seed_of(seed, "testgen", row["id"]),
        schema=pairs_schema(settings.count) if is_program else None,
    )
    reading = await ask_until_read(ask, request, read, tries=settings.tries)
    asked = {**with_cost(row, reading.answers), "tester_model": reading.answer.model}
    if isinstance(reading.value, Unreadable):
        return Dropped(asked, reading.value.reason, reading.value.evidence)
    return Kept({**asked, "unit_tests": json.dumps(reading.value, ensure_ascii=False)})


testgen.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test

# Builtins that a test has no business with, and those that only `site` adds.
_NOT_FOR_TESTS = {"input", "open", "print", "breakpoint"}
_NOT_FOR_TESTS |= {"exit", "quit", "help", "copyright", "credits", "license"}
_KNOWN_NAMES = frozenset(dir(builtins)) - _NOT_FOR_TESTS


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a test says of a call: it gives `expected`, or something true or false.

    `expected` is a value where it can be read without running anything, else its code.
    """

    about: str
    expected: object = None
    truth: bool | None = None

    def contradicts(self, other: "_Claim") -> bool:
        """Whether no function can do what both say; they are about the same call."""
        if self.truth is None and other.truth is None:
            return self.expected != other.expected
        own, its = self.truthiness(), other.truthiness()
        return own is not None and its is not None and own != its

    def truthiness(self) -> bool | None:
        """Whether the call gives something true, where the test says so."""
        if self.truth is not None or isinstance(self.expected, _Code):
            return self.truth
        return bool(self.expected)


@dataclass(frozen=True, slots=True)
class _Code:
    text: str


def usable_tests(lines: list[str], name: str) -> list[str]:
    """Those of `lines` that can say something about the function `name`, in order.

    Left out: a line that does not call it, that uses a name that nobody defines, that holds
    whatever it returns (`f(x) == f(x)`, `... or True`), a repeated one, and all that expect
    different results of one and the same call.
    """
    tests: dict[str, ast.expr] = {}
    for line in lines:
        tree = parse_python(line)
        node = tree.body[0] if tree is not None and len(tree.body) == 1 else None
        text = unparsed(ast.Assert(node.test)) if isinstance(node, ast.Assert) else None
        if isinstance(node, ast.Assert) and text is not None and _is_usable(node.test, text, name):
            tests.setdefault(text, node.test)
    claims = {text: claim for text, test in tests.items() if (claim := _claim(test, name))}
    by_call: dict[str, list[_Claim]] = defaultdict(list)
    for claim in claims.values():
        by_call[claim.about].append(claim)
    return [
        text
        for text in tests
        if text not in claims or not any(map(claims[text].contradicts, by_call[claims[text].about]))
    ]


def _is_usable(test: ast.expr, text: str, name: str) -> bool:
    """Whether `test`, whose assert statement is `text`, says something about `name`."""
    if "\n" in text or not calls(test, name) or always_holds(test):
        return False
    used = free_names(text)
    return used is not None and used <= _KNOWN_NAMES | {name}


def _claim(test: ast.expr, name: str) -> _Claim | None:
    """What `test` says of a call of `name`, on either side of `==` or `is`, or by itself."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
            call, expected = (left, right) if calls(left, name) else (right, left)
            if calls(expected, name):  # f(1) == f(2): either may be wrong
                return None
            return _Claim(ast.unparse(call), _value(expected))
        case ast.Call():
            return _Claim(ast.unparse(test), truth=True)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call() as call):
            return _Claim(ast.unparse(call), truth=False)
    return None


def _value(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return _Code(ast.unparse(node))
