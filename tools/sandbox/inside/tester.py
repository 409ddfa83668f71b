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
from types import CodeType, ModuleType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import Unreadable
from opencodeinstruct.tools.sandbox.inside.findings import NOTHING_ASSERTED, compiled, finding
from opencodeinstruct.tools.sandbox.inside.handles import Handle
from opencodeinstruct.tools.sandbox.inside.link import Link
from opencodeinstruct.tools.sandbox.inside.names import MODULES, SHORT
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
from opencodeinstruct.tools.sandbox.inside.wire import Closed, Wire

LOST, BROKEN = 73, 74  # exit codes: the candidate is gone; it talks nonsense
OWN_NAMES = frozenset(vars(builtins)) | {"__builtins__", "__name__"}
MUTABLE = (list, dict, set, bytearray)


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

    def provide(self, code: CodeType) -> None:
        """Have ready what `code` needs of the solution."""
        used = names_in(code)
        wanted = used - self.known
        self.known |= wanted
        mine = OWN_NAMES - {self.link.entry_point}
        new = sorted(wanted - mine - set(self.space))
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
        alone = len(used & self.theirs) == 1 and not faked & (MODULES | set(SHORT))
        return bool(faked) and not (alone and self.link.entry_point is None)

    def borrowed(self, used: set[str]) -> dict[str, Any]:
        """Built-in names that this test alone takes from the solution, by another meaning.

        Where nobody says what the entry point is, and a test uses nothing else of the solution's,
        `sum` is what it is about.
        """
        if self.link.entry_point is not None or used & self.theirs or "solution" in used:
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


def ask(test: str, names: Names) -> Record:
    """Run one test; its verdict, without the index."""
    link = names.link
    link.fresh()
    try:
        code: Any = compiled(test)
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


def judge_all(tests: bytes, first: int, verdicts: int, ticks: int, wire: Wire) -> None:
    """Hear whether the solution was loaded, then run the tests from `first` on."""
    nonce, asked, entry_point = unpacked_tests(tests)
    link = Link(wire, entry_point)
    record = Record(LOADED)
    try:
        link.heard()
    except (Closed, Unreadable):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the code raised is its verdict
        record = judged(error, link)
        record.kind = LOADED
    record.index = first
    os.write(verdicts, record.packed(nonce))
    if record.verdict != PASS:
        os.write(ticks, b"t" * (1 + len(asked) - first))
        return
    os.write(ticks, b"t")
    sys.modules["solution"] = Solution(link)
    vars(random)["seed"] = link.seed
    names = Names(link)
    for index in range(first, len(asked)):
        record = ask(asked[index], names)
        record.index = index
        flush()
        os.write(verdicts, record.packed(nonce))
        os.write(ticks, b"t")


def run(tests: bytes, first: int, verdicts: int, ticks: int, socket: int) -> None:
    """Give the tests from `first` on their verdicts, with a record and a tick for each step."""
    try:
        judge_all(tests, first, verdicts, ticks, Wire(socket))
    except Closed:
        os._exit(LOST)
    except Unreadable:
        os._exit(BROKEN)
    os._exit(0)
