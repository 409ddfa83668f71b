"""Write unit tests for a question: single-line asserts, from the description alone.

A tester that sees the solution ratifies its bugs, so by default it does not.
"""

import ast
import json
from collections import defaultdict

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, Sampling, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import EVIDENCE, Unreadable, ask_until_read, with_cost
from opencodeinstruct.tools.text.python_code import assert_lines, calls, parse_python


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

    Each calls the entry point, none occurs twice, and no two contradict each other. Dropped as
    `too_few_tests` when fewer than `at_least` are left.
    """
    name = str(row["entry_point"])

    def read(text: str) -> list[str] | Unreadable:
        tests = usable_tests(assert_lines(text), name)[: settings.count]
        if len(tests) < settings.at_least:
            return Unreadable("too_few_tests", f"{len(tests)} usable: {text[:EVIDENCE]}")
        return tests

    request = Request(
        role="tester",
        messages=prompts.render(
            "testgen",
            count=settings.count,
            question=row["input"],
            solution=row["solution"] if settings.sees_solution else None,
        ),
        sampling=settings.sampling,
        seed=seed_of(seed, "testgen", row["id"]),
    )
    reading = await ask_until_read(ask, request, read, tries=settings.tries)
    asked = {**with_cost(row, reading.answers), "tester_model": reading.answer.model}
    if isinstance(reading.value, Unreadable):
        return Dropped(asked, reading.value.reason, reading.value.evidence)
    return Kept({**asked, "unit_tests": json.dumps(reading.value, ensure_ascii=False)})


testgen.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test


def usable_tests(lines: list[str], name: str) -> list[str]:
    """Those of `lines` that can say something about the function `name`, in order.

    Left out: a line that does not call it, one that holds whatever it returns (`f(x) == f(x)`,
    `... or True`), a repeated one, and all that expect different results of one and the same call.
    """
    tests: dict[str, ast.Assert] = {}
    for line in lines:
        tree = parse_python(line)
        node = tree.body[0] if tree is not None and len(tree.body) == 1 else None
        if isinstance(node, ast.Assert) and calls(node.test, name) and not _always_holds(node.test):
            tests.setdefault(ast.unparse(ast.Assert(node.test)), node)
    expected: dict[str, set[str]] = defaultdict(set)
    for node in tests.values():
        if (pair := _equality(node.test)) is not None:
            expected[pair[0]].add(pair[1])
    return [
        text
        for text, node in tests.items()
        if (pair := _equality(node.test)) is None or len(expected[pair[0]]) == 1
    ]


def _equality(test: ast.expr) -> tuple[str, str] | None:
    """The two sides of `call == expected`, as text."""
    if (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq | ast.Is)
    ):
        return ast.unparse(test.left), ast.unparse(test.comparators[0])
    return None


def _always_holds(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(isinstance(value, ast.Constant) and value.value for value in test.values)
    if isinstance(test, ast.Tuple):
        return True
    pair = _equality(test)
    return pair is not None and pair[0] == pair[1]
