"""From what a fork server told to a verdict for each test."""

import re
import signal

from opencodeinstruct.tools.ports import TestVerdict
from opencodeinstruct.tools.sandbox.fork_server import Told
from opencodeinstruct.tools.sandbox.inside.endless import NEVER
from opencodeinstruct.tools.sandbox.inside.records import (
    ENDED,
    FORGER,
    KILLED,
    LATE,
    LEFT,
    LOADED,
    NONSENSE,
    PASS,
    PLACES,
    SPENT,
    TRUST,
    UNSAID,
    VERDICT,
    VERDICTS,
    Forged,
    Record,
    Stretch,
    records_of,
)

NEVER_ENDS = (
    "it does not end in time: a loop comes back to a state that it had, moves away from its end, "
    "or has more turns left than there is time for"
)
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
FORGED = TestVerdict("refused", "the program wrote verdicts of its own")
Seen = TestVerdict | None
"""A verdict; None for a test that cannot be asked across two processes."""


def verdicts_of(told: Told, tests: int) -> list[Seen]:
    """A verdict for each of so many tests, in order."""
    try:
        return _verdicts(told, tests)
    except Forged:
        return [FORGED] * tests


def _verdicts(told: Told, tests: int) -> list[Seen]:
    found: list[Seen] = []
    start = 0
    for stretch in told.report.stretches:
        if stretch.cause == FORGER or stretch.done != len(found):
            raise Forged
        records = _records(told.verdicts[start : stretch.size], told.nonce, stretch)
        start = stretch.size
        if records and records[0].verdict != PASS:
            return [*found, *[seen(records[0])] * (tests - len(found))]
        found += [seen(record) for record in records[1:]]
        if stretch.cause != ENDED:
            rest = tests - len(found)
            whole = stretch.cause == SPENT or not stretch.loaded
            found += [epitaph(stretch)] * (rest if whole else min(rest, 1))
    return found + [TestVerdict("crash", "the sandbox ended before a verdict")] * (
        tests - len(found)
    )


def _records(data: bytes, nonce: bytes, stretch: Stretch) -> list[Record]:
    """The records of a stretch: that the code was loaded, then one for each test.

    A child that was killed may have left one more, whole or in part, than it was seen to have.
    """
    expected = [(LOADED, stretch.done)] if stretch.loaded else []
    expected += [(VERDICT, index) for index in range(stretch.done, stretch.upto)]
    records = records_of(data, nonce, torn=stretch.cause != ENDED)
    if records and records[0].kind == LOADED and records[0].verdict != PASS:
        if len(records) != 1 or records[0].index != stretch.done:
            raise Forged
        return records
    told = [(record.kind, record.index) for record in records]
    extra = len(told) - len(expected)
    if told[: len(expected)] != expected or extra > (stretch.cause != ENDED):
        raise Forged
    return records[: len(expected)]


def seen(record: Record) -> Seen:
    """The verdict in a record."""
    if record.verdict == UNSAID:
        return None
    return TestVerdict(
        VERDICTS[record.verdict],
        readable(record.text) or None,
        record.line or None,
        PLACES[record.place],
        TRUST[record.trust],
    )


def epitaph(stretch: Stretch) -> TestVerdict:
    """The verdict on a test whose process gave none."""
    if stretch.cause == LATE:
        return TestVerdict("timeout", "it took longer than it may")
    if stretch.cause == SPENT:
        return TestVerdict("timeout", "the whole program took longer than it may")
    if (stretch.cause, stretch.status) == (KILLED, NEVER):
        return TestVerdict("timeout", NEVER_ENDS)
    if stretch.cause == KILLED:
        name = signal.strsignal(stretch.status) or "unknown"
        return TestVerdict("crash", f"killed by signal {stretch.status} ({name})")
    if stretch.cause == LEFT:
        return TestVerdict("crash", f"exit with code {stretch.status} before a verdict")
    if stretch.cause == NONSENSE:
        return TestVerdict("refused", "the solution's process answered with what is no answer")
    return TestVerdict("crash", "the solution's process closed its line to the tests")


def readable(text: bytes) -> str:
    """`text` decoded, and without memory addresses, which differ from run to run."""
    return ADDRESS.sub("at 0x...", text.decode("utf-8", "replace"))
