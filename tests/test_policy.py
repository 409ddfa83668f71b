"""The policy: which runs it takes to believe a verdict."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from opencodeinstruct.tools.ports import Program, TestVerdict
from opencodeinstruct.tools.sandbox.policy import Finding, Glance, Place, Policy, judge, steady

PROGRAM = Program("x = len({1, 2})", ("assert x", "assert x > 0", "assert x < 0"))
Script = Mapping[tuple[bool, Place], Sequence[str]]
"""By mode and server the letters of what each run sees: Pass, Fail, Unsaid, Object's opinion."""
LETTERS = {
    "P": TestVerdict("pass", trust="shared"),
    "S": TestVerdict("pass", trust="split"),
    "O": TestVerdict("pass", trust="object_eq"),
    "F": TestVerdict("fail"),
    "E": TestVerdict("error"),
    "U": None,
}
ONE: tuple[bool, Place] = (False, "first")
OTHER: tuple[bool, Place] = (False, "third")
APART: tuple[bool, Place] = (True, "second")


def judged(
    script: Script, policy: Policy = "confirm", program: Program = PROGRAM
) -> tuple[Finding, list[tuple[bool, Place]]]:
    """What the policy comes to, and the runs that it asked for."""
    runs: list[tuple[bool, Place]] = []

    async def look(program: Program, split: bool, place: Place) -> Glance:
        answers = script[(split, place)]
        answer = answers[min(runs.count((split, place)), len(answers) - 1)]
        runs.append((split, place))
        assert len(answer) == len(program.tests)
        return Glance([LETTERS[letter] for letter in answer], "", 0.5)

    return asyncio.run(judge(program, look, policy)), runs


def shown(finding: Finding) -> list[tuple[str, str]]:
    """Verdicts and trust."""
    return [(one.verdict, one.trust) for one in finding.verdicts]


CASES = [
    (
        "what fails in two processes is not run again",
        {APART: ["FFE"]},
        [("fail", "shared"), ("fail", "shared"), ("error", "shared")],
        [APART],
        False,
    ),
    (
        "what passes there is run once more in one, under another hash seed",
        {APART: ["SOF"], ONE: ["PP"]},
        [("pass", "split"), ("pass", "object_eq"), ("fail", "shared")],
        [APART, ONE],
        False,
    ),
    (
        "what two processes cannot ask is run in one, and says so",
        {APART: ["SUF"], OTHER: ["P"], ONE: ["PP"]},
        [("pass", "split"), ("pass", "shared"), ("fail", "shared")],
        [APART, OTHER, ONE],
        False,
    ),
    (
        "one that another hash seed changes is flaky, and its verdict stays",
        {APART: ["SSF", "SS"], ONE: ["PF"], OTHER: ["PP"]},
        [("pass", "split"), ("pass", "split"), ("fail", "shared")],
        [APART, ONE, ONE, OTHER, APART],
        True,
    ),
    (
        "one that the next equal run does not see is flaky",
        {APART: ["SSF", "SF"], ONE: ["PF"], OTHER: ["PF"]},
        [("pass", "split"), ("pass", "split"), ("fail", "shared")],
        [APART, ONE, ONE, OTHER, APART],
        True,
    ),
    (
        "one that one process always refuses and two always pass is steady",
        {APART: ["SSF", "SS"], ONE: ["PF"], OTHER: ["PF"]},
        [("pass", "split"), ("pass", "split"), ("fail", "shared")],
        [APART, ONE, ONE, OTHER, APART],
        False,
    ),
]


@pytest.mark.parametrize(
    ("script", "verdicts", "runs", "flaky"),
    [pytest.param(*case, id=reason) for reason, *case in CASES],
)
def test_a_pass_comes_from_two_processes_and_is_looked_at_again(
    script: Script,
    verdicts: list[tuple[str, str]],
    runs: list[tuple[bool, Place]],
    flaky: bool,
) -> None:
    finding, asked = judged(script)
    assert shown(finding) == verdicts
    assert asked == runs
    assert finding.flaky is flaky
    assert finding.cpu_seconds == 0.5 * len(runs)


def test_screening_alone_is_one_run() -> None:
    finding, runs = judged({ONE: ["PPF"]}, "screen")
    assert shown(finding) == [("pass", "shared"), ("pass", "shared"), ("fail", "shared")]
    assert runs == [ONE]


def test_two_processes_alone_fall_back_on_one_only_for_what_they_cannot_ask() -> None:
    finding, runs = judged({APART: ["SUF"], OTHER: ["P"]}, "split")
    assert shown(finding) == [("pass", "split"), ("pass", "shared"), ("fail", "shared")]
    assert runs == [APART, OTHER]


STEADY_CASES = [
    ("arithmetic", "def f(x):\n    return x * 2", True),
    ("modules without chance", "import math, re\nfrom typing import List\nf = math.sqrt", True),
    ("a dictionary", "def f(xs): return {x: 1 for x in xs} or {}", True),
    ("chance", "import random\ndef f(): return random.random()", False),
    ("a clock", "from time import time\nf = time", False),
    ("one module of two", "import math, uuid\nf = uuid.uuid4", False),
    ("a module under another name", "import time as math\nf = math.time", False),
    ("an import within a function", "def f():\n    import os\n    return os.getpid()", False),
    ("a set", "def f(xs): return list(set(xs))", False),
    ("a set in braces", "def f(xs): return list({x for x in xs})", False),
    ("a hash", "def f(x): return hash(x)", False),
    ("an address", "def f(x): return id(x)", False),
    ("an object's text", "def f(): return str(object())", False),
    (
        "documentation of a set",
        "\"\"\"A set, by id.\"\"\"\ndef f(x):\n    '''Open \\'it.'''\n    return x",
        True,
    ),
    ("a comment on a set", "def f(x):\n    return x  # a set", True),
    ("a comment that begins a string", "# it's\ndef f(xs): return list(set(xs))  # it's", False),
    ("a string that begins a comment", "def f(xs): return '#', list(set(xs))", False),
    ("documentation that begins a comment", '"""#"""\ndef f(xs): return list(set(xs))', False),
    ("a name in a string", "def f(x): return getattr(f, 'x', x).__getattribute__('id')", False),
    ("a name in a long string", 'NAMES = """\nset\n""".split()', False),
    ("code in a string", "def f(xs): return f'{list(set(xs))}'", False),
    ("code after documentation", '"""A."""; f = set', False),
]


@pytest.mark.parametrize(
    ("code", "expected"), [pytest.param(*case, id=reason) for reason, *case in STEADY_CASES]
)
def test_a_program_is_steady_when_its_words_name_no_source_of_chance(
    code: str, expected: bool
) -> None:
    assert steady(code) is expected


@pytest.mark.parametrize("part", ['"""', "\\'''", "'\\\\", '"', "# ", "\t", "\n "])
def test_looking_for_chance_takes_time_in_line_with_the_text(part: str) -> None:
    assert steady("if x: set(" + part * (200_000 // len(part))) is False


def test_a_steady_program_that_passes_in_two_processes_is_run_once() -> None:
    program = replace(PROGRAM, code="def f(x): return x")
    _, runs = judged({APART: ["SSF"]}, program=program)
    assert runs == [APART]
