"""T: the process that runs the tests of a split program. It never runs a line of the candidate.

It alone holds the file for verdicts and knows what is expected. A name that a test uses and does
not define is asked of the candidate; built-in names keep their meaning, whatever the candidate
defines, but for the one that the question asks for.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import random
import sys
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import Unreadable
from opencodeinstruct.tools.sandbox.inside.enclosure import Plan, close
from opencodeinstruct.tools.sandbox.inside.findings import NOTHING_ASSERTED, compiled, finding
from opencodeinstruct.tools.sandbox.inside.handles import Handle
from opencodeinstruct.tools.sandbox.inside.link import Link
from opencodeinstruct.tools.sandbox.inside.names import MODULES, SHORT
from opencodeinstruct.tools.sandbox.inside.purity import leaves_no_trace
from opencodeinstruct.tools.sandbox.inside.records import (
    ERROR,
    LOADED,
    MEMORY,
    OBJECT_EQ,
    PASS,
    REFUSED,
    UNSAID,
    VERDICT,
    Record,
    unpacked_tests,
)
from opencodeinstruct.tools.sandbox.inside.steps import Steps
from opencodeinstruct.tools.sandbox.inside.wire import Closed, Wire

LOST, BROKEN = 73, 74  # exit codes: the candidate is gone; it talks nonsense
OWN_NAMES = frozenset(vars(builtins)) | {"__builtins__", "__name__"}
MUTABLE = (list, dict, set, bytearray)
Test = str | CodeType


class Solution(ModuleType):
    """The module `solution` for a test that imports it."""

    def __init__(self, link: Link) -> None:
        super().__init__("solution")
        self.__dict__["_link"] = link

    def __getattr__(self, name: str) -> Any:
        link = self.__dict__["_link"]
        if name == "__all__":
            names = link.value(link.request(["dir"]))
            return [one for one in names if one not in OWN_NAMES and not one.startswith("__")]
        if name.startswith("__"):
            raise AttributeError(name)
        values = link.names([name])
        if name not in values:
            raise AttributeError(f"module 'solution' has no attribute {name!r}")
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__"):
            self.__dict__["_link"].give_up("a test that changes the solution")
        super().__setattr__(name, value)


class Names:
    """The names that the tests see."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.space: dict[str, Any] = {"__name__": "solution"}
        self.known: set[str] = set()
        self.copied: dict[str, Any] = {}
        self.theirs: set[str] = set()
        self.lent: dict[str, Any] = {}
        self.mine = OWN_NAMES - {link.entry_point}

    def provide(self, code: CodeType) -> None:
        """Have ready what `code` needs of the solution."""
        used = names_in(code)
        wanted = used - self.known
        self.known |= wanted
        new = sorted(wanted - self.mine - self.space.keys())
        again = [name for name, value in self.copied.items() if self.space.get(name) is value]
        if new or again:
            values = self.link.names([*new, *again])
            self.space.update(values)
            self.theirs |= set(values)
            self.copied = {
                name: value for name, value in values.items() if isinstance(value, MUTABLE)
            }
        if self.fakes(used):
            self.link.trust = OBJECT_EQ
        if "seed" in used and random.seed != self.link.seed:
            vars(random)["seed"] = self.link.seed  # here and there
        for name in self.lent:
            self.space.pop(name, None)
        self.lent = self.borrowed(used)
        self.space.update(self.lent)

    def fakes(self, used: set[str]) -> bool:
        """Whether a test relies on a name of the library that the solution gave to its own.

        Where nobody says what the entry point is, the one such name that a test uses may be it, but
        not a module's, nor beside others of the solution's.
        """
        faked = used & self.link.faked
        if not faked:
            return False
        alone = len(used & self.theirs) == 1 and not faked & (MODULES | set(SHORT))
        return not (alone and self.link.entry_point is None)

    def borrowed(self, used: set[str]) -> dict[str, Any]:
        """Built-in names that this test alone takes from the solution, by another meaning.

        Where nobody says what the entry point is, and a test uses nothing else of the solution's,
        `sum` is what it is about.
        """
        if (
            self.link.entry_point is not None
            or not self.theirs.isdisjoint(used)
            or "solution" in used
        ):
            return {}
        known = sorted(name for name in used & OWN_NAMES if not name.startswith("_"))
        values = self.link.names(known) if known else {}
        return {name: value for name, value in values.items() if isinstance(value, Handle)}


def names_in(code: CodeType) -> set[str]:
    """All names that `code`, and the functions in it, look up or define."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_in(constant)
    return names


def ask(test: Test, names: Names) -> Record:
    """Run one test; its verdict, without the index."""
    link = names.link
    link.fresh()
    try:
        code: Any = compiled(test) if isinstance(test, str) else test
        if code is None:
            return Record(VERDICT, REFUSED, text=NOTHING_ASSERTED)
        names.provide(code)
        exec(code, names.space)
    except (Closed, Unreadable):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a test raises is its verdict
        return judged(error, link)
    finally:
        if link.broken is not None:  # the test may have caught it
            raise link.broken
    if link.unsaid:
        return unsaid(link)
    return Record(VERDICT, trust=link.trust)


def judged(error: BaseException, link: Link) -> Record:
    """The verdict on what a test raised, or the solution that it called."""
    if link.unsaid:
        return unsaid(link)
    for raised, line, text in link.foreign.raised:
        if raised is error:
            verdict = MEMORY if isinstance(error, MemoryError) else ERROR
            place = 1 if line else 0
            data = text.encode("utf-8", "backslashreplace")[:1000]
            return Record(
                VERDICT, verdict, line=min(max(line, 0), 2**32 - 1), place=place, text=data
            )
    return finding(error)


def unsaid(link: Link) -> Record:
    """That this test cannot be asked here, and why."""
    return Record(VERDICT, UNSAID, text=link.unsaid.encode("utf-8", "backslashreplace")[:1000])


def flush() -> None:
    """Send on what was printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


@dataclass
class Asked:
    """What is asked of a solution: tests, as text or compiled, the nonce, the entry point."""

    nonce: bytes
    tests: list[Test]
    entry_point: str | None


def asked_in(data: bytes) -> Asked:
    """What a file of tests holds."""
    nonce, tests, entry_point = unpacked_tests(data)
    return Asked(nonce, [*tests], entry_point)


def prepared(data: bytes, first: int) -> Asked | None:
    """The same, compiled from the test `first` on; None unless all of it leaves no trace."""
    asked = asked_in(data)
    for index in range(first, len(asked.tests)):
        try:
            code: Any = compiled(str(asked.tests[index]))
        except Exception:  # noqa: BLE001 - it is compiled once more when its turn comes
            continue
        if code is not None and not leaves_no_trace(code):
            return None
        asked.tests[index] = asked.tests[index] if code is None else code
    return asked


def judge_all(asked: Asked, first: int, verdicts: int, steps: Steps, wire: Wire) -> None:
    """Hear whether the solution was loaded, then run the tests from `first` on."""
    link = Link(wire, asked.entry_point)
    record = Record(LOADED)
    try:
        link.heard()
    except (Closed, Unreadable):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the code raised is its verdict
        record = judged(error, link)
        record.kind = LOADED
    record.index = first
    os.write(verdicts, record.packed(asked.nonce))
    if record.verdict != PASS:
        steps.add(1 + len(asked.tests) - first)
        return
    steps.add()
    sys.modules["solution"] = Solution(link)
    names = Names(link)
    for index in range(first, len(asked.tests)):
        record = ask(asked.tests[index], names)
        record.index = index
        flush()
        os.write(verdicts, record.packed(asked.nonce))
        steps.add()


def run(tests: tuple[int, int], first: int, plan: Plan, steps: Steps) -> None:
    """Give the tests from `first` on their verdicts, with a record for each step.

    `tests` are in a file of a size.
    """
    data = os.pread(*tests, 0)
    verdicts, socket = close(plan)
    try:
        judge_all(asked_in(data), first, verdicts, steps, Wire(socket))
    except Closed:
        os._exit(LOST)
    except Unreadable:
        os._exit(BROKEN)
    os._exit(0)
