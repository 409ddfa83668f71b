"""Whether the verdicts are the known ones, program by program."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness import Case, Seen, Setting
from benchmarks.methods import OURS
from benchmarks.session import opened
from benchmarks.watching import Watch
from opencodeinstruct.builder.errors import Missing

COMPARED = ("bubblewrap", *OURS)
"""The reference, a fresh interpreter for each program, and the sandbox under its policies."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A program whose verdict was not the known one, with what the harness said."""

    uid: str
    known: str
    seen: str
    why: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far one method agrees.

    `trust` counts the passes by how they were seen; `weaker` names those not seen in two processes
    with plain data compared, with their trust. Both are empty where the method does not tell.
    """

    method: str
    programs: int
    disagreements: tuple[Disagreement, ...]
    trust: dict[str, int]
    weaker: dict[str, str]


def measure_agreement(
    methods: Sequence[str], cases: Sequence[Case], setting: Setting, watch: Watch
) -> list[Agreement]:
    """All of `cases` by each of `methods` that can be had.

    Programs that import packages are run apart, by a harness to which these are named.
    """
    found = []
    for method in methods:
        try:
            seen = all_seen(method, cases, setting, watch)
        except Missing as error:
            watch.say(f"left out: {error}")
        else:
            found.append(compared(method, cases, seen))
    return found


def all_seen(method: str, cases: Sequence[Case], setting: Setting, watch: Watch) -> dict[str, Seen]:
    """What `method` sees of each of `cases`, by uid."""
    seen: dict[str, Seen] = {}
    for packages in sorted({case.packages for case in cases}):
        chosen = [case for case in cases if case.packages == packages]
        asked = Setting(setting.workers, setting.seconds, setting.memory_mib, packages)
        name = f"agrees? {method}"
        with watch.task(name, len(chosen)) as done, opened(method, asked) as session:
            session.load(chosen)
            session.run(0, len(chosen), done)
            seen.update(zip((case.uid for case in chosen), session.seen(), strict=True))
    return seen


def compared(method: str, cases: Sequence[Case], seen: dict[str, Seen]) -> Agreement:
    """`seen` beside what is known."""
    passed = {case.uid: seen[case.uid].trust for case in cases if seen[case.uid].passed}
    return Agreement(
        method,
        len(cases),
        tuple(
            Disagreement(case.uid, said(case.passes), said(one.passed), one.why)
            for case in cases
            if (one := seen[case.uid]).passed != case.passes
        ),
        dict(Counter(trust for trust in passed.values() if trust)),
        {uid: trust for uid, trust in passed.items() if trust not in ("", "split")},
    )


def said(passes: bool) -> str:
    """`pass` or `fail`."""
    return "pass" if passes else "fail"
