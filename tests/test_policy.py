"""The policy: which runs it takes to believe a verdict."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from opencodeinstruct.tools.ports import Program, TestVerdict
from opencodeinstruct.tools.sandbox.policy import Finding, Glance, Place, Policy, judge

PROGRAM = Program("x = 1", ("assert x", "assert x > 0", "assert x < 0"))
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
SCREEN: tuple[bool, Place] = (False, "first")
AGAIN: tuple[bool, Place] = (False, "third")
APART: tuple[bool, Place] = (True, "second")


def judged(script: Script, policy: Policy = "confirm") -> tuple[Finding, list[tuple[bool, Place]]]:
    """What the policy comes to, and the runs that it asked for."""
    runs: list[tuple[bool, Place]] = []

    async def look(program: Program, split: bool, place: Place) -> Glance:
        answers = script[(split, place)]
        answer = answers[min(runs.count((split, place)), len(answers) - 1)]
        runs.append((split, place))
        assert len(answer) == len(program.tests)
        return Glance([LETTERS[letter] for letter in answer], "", 0.5)

    return asyncio.run(judge(PROGRAM, look, policy)), runs


def shown(finding: Finding) -> list[tuple[str, str]]:
    """Verdicts and trust."""
    return [(one.verdict, one.trust) for one in finding.verdicts]


CASES = [
    (
        "what fails in one process is not run again",
        {SCREEN: ["FFE"]},
        [("fail", "shared"), ("fail", "shared"), ("error", "shared")],
        [SCREEN],
        False,
    ),
    (
        "what passes is confirmed in two processes, and only that",
        {SCREEN: ["PPF"], APART: ["SO"]},
        [("pass", "split"), ("pass", "object_eq"), ("fail", "shared")],
        [SCREEN, APART],
        False,
    ),
    (
        "what two processes cannot ask is run once more in one, and says so",
        {SCREEN: ["PPF"], APART: ["SU"], AGAIN: ["PPF"]},
        [("pass", "split"), ("pass", "shared"), ("fail", "shared")],
        [SCREEN, APART, AGAIN],
        False,
    ),
    (
        "a pass that only one process sees is none, and is steady",
        {SCREEN: ["PPF"], APART: ["SF"], AGAIN: ["PPF"]},
        [("pass", "split"), ("fail", "shared"), ("fail", "shared")],
        [SCREEN, APART, SCREEN, AGAIN, APART],
        False,
    ),
    (
        "one that the next run in one process does not see is flaky",
        {SCREEN: ["PPF", "PFF"], APART: ["SF"], AGAIN: ["PPF"]},
        [("pass", "split"), ("fail", "shared"), ("fail", "shared")],
        [SCREEN, APART, SCREEN, AGAIN, APART],
        True,
    ),
    (
        "one that another hash seed changes is flaky",
        {SCREEN: ["PPF"], APART: ["SF"], AGAIN: ["PFF"]},
        [("pass", "split"), ("fail", "shared"), ("fail", "shared")],
        [SCREEN, APART, SCREEN, AGAIN, APART],
        True,
    ),
    (
        "one that passes in two processes the next time is flaky, and its verdict stays",
        {SCREEN: ["PPF"], APART: ["SF", "SS"], AGAIN: ["PPF"]},
        [("pass", "split"), ("fail", "shared"), ("fail", "shared")],
        [SCREEN, APART, SCREEN, AGAIN, APART],
        True,
    ),
    (
        "what cannot be asked and fails the second time in one process is flaky",
        {SCREEN: ["PPF"], APART: ["SU"], AGAIN: ["PEF"]},
        [("pass", "split"), ("error", "shared"), ("fail", "shared")],
        [SCREEN, APART, AGAIN, SCREEN, AGAIN, APART],
        True,
    ),
]


@pytest.mark.parametrize(
    ("script", "verdicts", "runs", "flaky"),
    [pytest.param(*case, id=reason) for reason, *case in CASES],
)
def test_a_pass_is_believed_when_two_processes_agree(
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
    finding, runs = judged({SCREEN: ["PPF"]}, "screen")
    assert shown(finding) == [("pass", "shared"), ("pass", "shared"), ("fail", "shared")]
    assert runs == [SCREEN]


def test_two_processes_alone_fall_back_on_one_only_for_what_they_cannot_ask() -> None:
    finding, runs = judged({APART: ["SUF"], AGAIN: ["P"]}, "split")
    assert shown(finding) == [("pass", "split"), ("pass", "shared"), ("fail", "shared")]
    assert runs == [APART, AGAIN]
