"""Screening: a child that loads a solution once, then asks its tests in order.

Tests and candidate share this process, so a hostile candidate can forge what it reports.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.enclosure import Plan, close
from opencodeinstruct.tools.sandbox.inside.endless import know
from opencodeinstruct.tools.sandbox.inside.findings import (
    NOTHING_ASSERTED,
    SOLUTION,
    compiled,
    finding,
)
from opencodeinstruct.tools.sandbox.inside.records import (
    LOADED,
    PASS,
    REFUSED,
    VERDICT,
    Record,
    unpacked_tests,
)
from opencodeinstruct.tools.sandbox.inside.steps import Steps


def load(code: str) -> ModuleType:
    """The module `solution` of `code`; raises what the code raises."""
    know(code)
    module = ModuleType("solution")
    module.__file__ = SOLUTION
    sys.modules["solution"] = module
    exec(compile(code, SOLUTION, "exec", dont_inherit=True), module.__dict__)
    return module


def ask(test: str, namespace: dict[str, Any]) -> Record:
    """Run one test; its verdict, without the index."""
    try:
        code: Any = compiled(test)
        if code is None:
            return Record(VERDICT, REFUSED, text=NOTHING_ASSERTED)
        exec(code, namespace)
    except BaseException as error:  # noqa: BLE001 - whatever a test raises is its verdict
        return finding(error)
    return Record(VERDICT)


def flush() -> None:
    """Send on what was printed, so far as the candidate left the streams usable."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # noqa: BLE001 - the candidate may have replaced the stream
            continue


def run(
    solution: tuple[int, int], tests: tuple[int, int], first: int, plan: Plan, steps: Steps
) -> None:
    """Load the code, then run the tests from `first` on, with a record for each step.

    `solution` and `tests` are files and their sizes.
    """
    write, leave, add = os.write, os._exit, steps.add
    code = os.pread(*solution, 0)
    nonce, asked, _ = unpacked_tests(os.pread(*tests, 0))
    (verdicts,) = close(plan)
    namespace: dict[str, Any] = {}
    try:
        namespace = load(code.decode("utf-8", "surrogatepass")).__dict__
        record = Record(LOADED)
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its verdict
        record = finding(error)
        record.kind = LOADED
    record.index = first
    flush()
    write(verdicts, record.packed(nonce))
    if record.verdict != PASS:
        add(1 + len(asked) - first)  # there is nothing more to wait for
        leave(0)
    add()
    for index in range(first, len(asked)):
        record = ask(asked[index], namespace)
        record.index = index
        flush()
        write(verdicts, record.packed(nonce))
        add()
    leave(0)
