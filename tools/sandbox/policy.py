"""Which runs of a program it takes to believe its verdicts.

Screening, in one process, finds what fails. What passes there is run again in two processes, under
another hash seed, and only that makes it a pass. A test that cannot be asked across two processes
keeps its screening and says so (`shared`), if a second screening agrees. Where runs disagree the
program is run again, to tell an unsteady program from one that only one process could fool; no
verdict is replaced by that.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opencodeinstruct.tools.ports import Program, TestVerdict
from opencodeinstruct.tools.sandbox.verdicts import Seen

Policy = Literal["confirm", "split", "screen"]
Place = Literal["first", "second", "third"]
"""Which of a worker's fork servers: for screening, for two processes, for screening once more.

The first differs from the others in its hash seed. The second never sees a test beside a candidate,
which could leave word of it there, in the numbers of processes say, for the next.
"""


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
    if policy == "split":
        return await _split(program, look)
    return await _confirmed(program, look)


async def _split(program: Program, look: Look) -> Finding:
    """Two processes for all tests; one for those that cannot be asked so."""
    glance = await look(program, True, "second")
    unsaid = [place for place, seen in enumerate(glance.seen) if seen is None]
    if not unsaid:
        return Finding(_said(glance.seen), glance.printed, glance.cpu_seconds)
    other = await look(_only(program, unsaid), False, "third")
    seen = list(glance.seen)
    for place, verdict in zip(unsaid, other.seen, strict=True):
        seen[place] = verdict
    return Finding(_said(seen), glance.printed, glance.cpu_seconds + other.cpu_seconds)


async def _confirmed(program: Program, look: Look) -> Finding:
    """Screening, then two processes for what passed."""
    screened = await look(program, False, "first")
    verdicts = _said(screened.seen)
    passed = [place for place, one in enumerate(verdicts) if one.verdict == "pass"]
    finding = Finding(verdicts, screened.printed, screened.cpu_seconds)
    if not passed:
        return finding
    asked = _only(program, passed)
    confirmed = await look(asked, True, "second")
    cpu_seconds = screened.cpu_seconds + confirmed.cpu_seconds
    again: Glance | None = None
    if None in confirmed.seen:
        again = await look(program, False, "third")
        cpu_seconds += again.cpu_seconds
    for place, seen in zip(passed, confirmed.seen, strict=True):
        if seen is not None:
            verdicts[place] = seen
        elif again is not None and (other := again.seen[place]) is not None:
            verdicts[place] = other
    finding = replace(finding, cpu_seconds=cpu_seconds)
    if all(verdicts[place].verdict == "pass" for place in passed):
        return finding
    return await _explained(finding, program, look, (screened, confirmed, asked))


async def _explained(
    finding: Finding, program: Program, look: Look, before: tuple[Glance, Glance, Program]
) -> Finding:
    """Whether a program that passed in one process only is unsteady: the same runs once more."""
    screened, confirmed, asked = before
    first = await look(program, False, "first")
    other = await look(program, False, "third")
    second = await look(asked, True, "second")
    cpu_seconds = sum(run.cpu_seconds for run in (first, other, second))
    same = (
        _outcomes(first) == _outcomes(screened) == _outcomes(other)
        and _outcomes(second) == _outcomes(confirmed)
    )  # fmt: skip
    return replace(finding, cpu_seconds=finding.cpu_seconds + cpu_seconds, flaky=not same)


def _outcomes(glance: Glance) -> list[str | None]:
    return [None if seen is None else seen.verdict for seen in glance.seen]


def _only(program: Program, places: Sequence[int]) -> Program:
    return replace(program, tests=tuple(program.tests[place] for place in places))


def _said(seen: Sequence[Seen]) -> list[TestVerdict]:
    """What was seen, which in one process is always something."""
    return [one if one is not None else TestVerdict("error", "it was not asked") for one in seen]
