"""The child behind the walls: loads a solution once, then asks its tests in order.

Tests and candidate share this process, so a hostile candidate can forge what it reports.
"""

from __future__ import annotations

import _ast
import os
import random
import resource
import signal
import sys
from types import ModuleType

from opencodeinstruct.tools.sandbox.inside.records import (
    ERROR,
    FAIL,
    LOADED,
    MEMORY,
    PASS,
    REFUSED,
    TEXT_BYTES,
    VERDICT,
    Job,
    Record,
)

SOLUTION, TEST = "<solution>", "<test>"
MOST_PROCESSES = 32  # of one program, threads included
MOST_FILES = 256
MOST_FILE_BYTES = 64 << 20
STACK_BYTES = 8 << 20
VERDICT_FD = 3
TREE_ONLY = 0x400  # ast.PyCF_ONLY_AST; importing ast takes half as long as starting Python


def load(code: str, namespace: dict[str, object]) -> None:
    """Execute the candidate's code once."""
    exec(compile(code, SOLUTION, "exec", dont_inherit=True), namespace)


def ask(test: str, namespace: dict[str, object]) -> Record:
    """Run one test; its verdict, without the index."""
    try:
        tree = compile(test, TEST, "exec", TREE_ONLY, dont_inherit=True)
        if not any(isinstance(statement, _ast.Assert) for statement in tree.body):
            return Record(VERDICT, REFUSED, text=b"the test holds no assert statement")
        exec(compile(tree, TEST, "exec", dont_inherit=True), namespace)
    except BaseException as error:  # noqa: BLE001 - whatever a test raises is its verdict
        return finding(error)
    return Record(VERDICT)


def finding(error: BaseException) -> Record:
    """The verdict on what the code or a test raised, with its place and a bounded message."""
    try:
        place, line = where(error)
        own = type(error) is AssertionError and place == TEST
        verdict = MEMORY if isinstance(error, MemoryError) else FAIL if own else ERROR
        return Record(VERDICT, verdict, line=line, text=described(error))
    except MemoryError:
        return Record(VERDICT, MEMORY, text=b"MemoryError")
    except BaseException:  # noqa: BLE001 - an exception may be written so that looking at it fails
        return Record(VERDICT, ERROR, text=b"an exception that cannot be shown")


def where(error: BaseException) -> tuple[str, int]:
    """File of the frame that raised, and the last line in the code or test on the way to it."""
    place, line = "", 0
    trace = error.__traceback__
    while trace is not None:
        place = trace.tb_frame.f_code.co_filename
        if place in (SOLUTION, TEST):
            line = trace.tb_lineno or 0
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename in (SOLUTION, TEST):
        line = error.lineno or 0
    return place, max(0, min(int(line), 2**32 - 1))


def described(error: BaseException) -> bytes:
    """`Type: message`, cut to `TEXT_BYTES`; the bare type where the message cannot be had."""
    name = str(type(error).__name__)[:200]
    try:
        message = str(error)[:TEXT_BYTES]
    except MemoryError:
        raise
    except BaseException:  # noqa: BLE001 - a candidate's own __str__
        message = ""
    text = f"{name}: {message}" if message else name
    return text.encode("utf-8", "backslashreplace")[:TEXT_BYTES]


def flush() -> None:
    """Send on what was printed, so far as the candidate left the streams usable."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # noqa: BLE001 - the candidate may have replaced the stream
            continue


def limit(kind: int, most: int) -> None:
    """Lower a resource limit to `most`, or to what it already is."""
    _, hard = resource.getrlimit(kind)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (value, value))


def enclose(job: Job, records: int, output: int) -> None:
    """Leave the child with /dev/null, its output and its verdict pipe, and under its limits."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(records, VERDICT_FD, inheritable=False)
    os.closerange(VERDICT_FD + 1, MOST_FILES)
    limit(resource.RLIMIT_NOFILE, MOST_FILES)
    limit(resource.RLIMIT_FSIZE, MOST_FILE_BYTES)
    limit(resource.RLIMIT_STACK, STACK_BYTES)
    limit(resource.RLIMIT_NPROC, MOST_PROCESSES)
    limit(resource.RLIMIT_AS, max(0, job.memory))
    random.seed(0)


def run(job: Job, first: int, nonce: bytes) -> None:
    """Load the code, then run the tests from `first` on, sending a record for each step."""
    write, leave, getpid = os.write, os._exit, os.getpid
    self = getpid()
    module = ModuleType("solution")
    for name in [name for name in sys.modules if name.partition(".")[0] == "opencodeinstruct"]:
        del sys.modules[name]  # a candidate finds the standard library and itself
    sys.modules["solution"] = module
    try:
        load(job.code, module.__dict__)
        loaded = Record(LOADED)
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its verdict
        loaded = finding(error)
        loaded.kind = LOADED
    steps = [None, *range(first, len(job.tests))]
    for step in steps:
        record = loaded if step is None else ask(job.tests[step], module.__dict__)
        record.index = first if step is None else step
        flush()
        if getpid() != self:  # the candidate forked, and this is the other one
            leave(0)
        write(VERDICT_FD, record.packed(nonce))
        if record is loaded and record.verdict != PASS:
            break
    leave(0)
