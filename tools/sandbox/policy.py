"""Which runs of a program it takes to believe its verdicts.

Tests and solution are run in two processes, which costs little more than one. A test that cannot be
asked so is run in one, and says so (`shared`). What passes is run once more, in one process under
another hash seed, where the solution reaches for anything that could make it unsteady: a set, a
clock, a random number, a module that is not known to be free of them. Where that disagrees the
program is run again in both ways, and is flaky if equal runs differ or the hash seed decides. No
verdict is replaced by any of that.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opencodeinstruct.tools.ports import Program, TestVerdict
from opencodeinstruct.tools.sandbox.verdicts import Seen

Policy = Literal["confirm", "split", "screen"]
Place = Literal["first", "second", "third"]
"""Which of a worker's fork servers: for one process, for two, for one under the second's hash seed.

The second never sees a test beside a candidate, which could leave word of it there, in the numbers
of processes say, for the next.
"""
STEADY_MODULES = """
abc bisect cmath collections copy dataclasses decimal enum fractions functools heapq itertools math
operator re statistics string typing __future__
"""
STEADY = frozenset(STEADY_MODULES.split())
IMPORTS = re.compile(r"^[ \t]*(?:from|import)[ \t]+(.*)$", re.MULTILINE)
UNSTEADY = re.compile(
    r"\b(?:set|frozenset|hash|id|object|globals|locals|vars|dir|open|input|exec|eval|__import__)\b"
    r"|\{[^{}:]+\}"  # a set
)
LONG = r"""(?:\"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:\"{3})?|'{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3})?)"""
SHORT = r"""(?:"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?)"""
PROSE = re.compile(rf"^[ \t]*+{LONG}[ \t]*+$|(?P<text>{LONG}|{SHORT})|\#[^\n]*+", re.S | re.M)
"""Documentation strings and comments; as `text`, any other string, in which none can begin."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One run: what was seen of each test, what was printed, seconds of CPU."""

    seen: list[Seen]
    printed: str
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdicts that a policy comes to, and whether equal runs differed."""

    verdicts: list[TestVerdict]
    printed: str
    cpu_seconds: float
    flaky: bool = False


Look = Callable[[Program, bool, Place], Awaitable[Glance]]
"""Run a program, in two processes if the second argument says so, on a worker's fork server."""


async def judge(program: Program, look: Look, policy: Policy) -> Finding:
    """The verdicts on `program` under `policy`."""
    if policy == "screen":
        glance = await look(program, False, "first")
        return Finding(_said(glance.seen), glance.printed, glance.cpu_seconds)
    finding, unsaid = await _apart(program, look)
    if policy == "split":
        return finding
    passed = [place for place, one in enumerate(finding.verdicts) if one.verdict == "pass"]
    if not passed or (steady(program.code) and not unsaid):
        return finding
    return await _again(finding, _only(program, passed), look)


def steady(code: str) -> bool:
    """Whether nothing in `code` could make two runs of it differ, as far as its words tell.

    What is said in documentation and comments does not count, what is in other strings does.
    """
    return _harmless(code) or _harmless(PROSE.sub(lambda found: found["text"] or "", code))


def _harmless(text: str) -> bool:
    """Whether no word of `text` is a source of chance."""
    named = [word for line in IMPORTS.findall(text) for word in _modules(line)]
    return STEADY.issuperset(named) and UNSTEADY.search(text) is None


def _modules(line: str) -> list[str]:
    """The modules in what follows `from` or `import` on a line."""
    first = line.partition(" import ")[0] if " import " in line else line
    return [part.strip().partition(" ")[0].partition(".")[0] for part in first.split(",")]


async def _apart(program: Program, look: Look) -> tuple[Finding, bool]:
    """Two processes for all tests, one for those that cannot be asked so; whether there are any."""
    glance = await look(program, True, "second")
    unsaid = [place for place, seen in enumerate(glance.seen) if seen is None]
    if not unsaid:
        return Finding(_said(glance.seen), glance.printed, glance.cpu_seconds), False
    other = await look(_only(program, unsaid), False, "third")
    seen = list(glance.seen)
    for place, verdict in zip(unsaid, other.seen, strict=True):
        seen[place] = verdict
    cpu_seconds = glance.cpu_seconds + other.cpu_seconds
    return Finding(_said(seen), glance.printed, cpu_seconds), True


async def _again(finding: Finding, passed: Program, look: Look) -> Finding:
    """Whether what passed does so once more, and if not, whether equal runs differ."""
    once = await look(passed, False, "first")
    cpu_seconds = finding.cpu_seconds + once.cpu_seconds
    if all(seen is not None and seen.verdict == "pass" for seen in once.seen):
        return replace(finding, cpu_seconds=cpu_seconds)
    twice = await look(passed, False, "first")
    other = await look(passed, False, "third")
    apart = await look(passed, True, "second")
    cpu_seconds += sum(run.cpu_seconds for run in (twice, other, apart))
    same = _outcomes(once) == _outcomes(twice) == _outcomes(other) and all(
        seen is None or seen.verdict == "pass" for seen in apart.seen
    )
    return replace(finding, cpu_seconds=cpu_seconds, flaky=not same)


def _outcomes(glance: Glance) -> list[str | None]:
    return [None if seen is None else seen.verdict for seen in glance.seen]


def _only(program: Program, places: Sequence[int]) -> Program:
    return replace(program, tests=tuple(program.tests[place] for place in places))


def _said(seen: Sequence[Seen]) -> list[TestVerdict]:
    """What was seen, which in one process is always something."""
    return [one if one is not None else TestVerdict("error", "it was not asked") for one in seen]
