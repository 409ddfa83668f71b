"""A rehearsal in the fork server before it serves: the code that its children will run, run.

Python rewrites a function's code for the types that it meets, and that costs a child twice: the
time, and a copy of the memory that is written. What was rehearsed before the fork is shared. The
program is ours and harmless; nothing of it is left.
"""

from __future__ import annotations

import _thread  # `threading` would have every fork do more
import contextlib
import os
import random
import socket
import sys
from typing import Any

from opencodeinstruct.tools.sandbox.inside import tester, together
from opencodeinstruct.tools.sandbox.inside.candidate import Candidate
from opencodeinstruct.tools.sandbox.inside.records import NONCE_BYTES, packed_tests
from opencodeinstruct.tools.sandbox.inside.steps import Steps
from opencodeinstruct.tools.sandbox.inside.wire import Closed, Wire

TIMES = 12  # Python 3.11 rewrites a function's code at its eighth call
CODE = """
from typing import Dict, List
import math

def add(a: int, b: int = 1) -> int:
    return a + b

def sort(items: List[int]) -> List[int]:
    items.sort()
    return items

def count(text: str) -> Dict[str, int]:
    return {letter: text.count(letter) for letter in text}

def fail():
    raise ValueError("no")
"""
TESTS = [
    "assert add(1, 2) == 3",
    "assert add(1.5, b=2) == 3.5",
    "assert sort([3, 1, 2]) == [1, 2, 3]",
    "assert count('aab') == {'a': 2, 'b': 1}",
    "def check(f):\n    assert f((1, 'x'), (2, None)) == (1, 'x', 2, None)\ncheck(add)",
    "try:\n    fail()\nexcept ValueError as error:\n    assert str(error) == 'no'",
]


def rehearse() -> None:
    """Run a program in both ways, several times."""
    streams, seed = (sys.stdout, sys.stderr), random.seed
    nowhere = os.open(os.devnull, os.O_WRONLY)
    tests = packed_tests(bytes(NONCE_BYTES), TESTS, "add")
    try:
        for _ in range(TIMES):
            in_one(nowhere)
            in_two(tests, nowhere)
            sys.stdout, sys.stderr = streams
            vars(random)["seed"] = seed
    finally:
        os.close(nowhere)
        sys.modules.pop("solution", None)


def in_one(nowhere: int) -> None:
    """Screening."""
    space: dict[str, Any] = together.load(CODE).__dict__
    for test in TESTS:
        os.write(nowhere, together.ask(test, space).packed(bytes(NONCE_BYTES)))
        together.flush()


def in_two(tests: bytes, nowhere: int) -> None:
    """Tests here, and the solution in a thread that stands for its process."""
    ours, theirs = socket.socketpair()
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(serve, (theirs.detach(), done))
    wire = Wire(ours.detach())
    asked = tester.prepared(tests, 0) or tester.asked_in(tests)
    try:
        tester.judge_all(asked, 0, nowhere, Steps(), wire)
    finally:
        wire.close()
        done.acquire()


def serve(fd: int, done: _thread.LockType) -> None:
    """The solution's side, until the other closes."""
    wire, solution = Wire(fd), Candidate()
    solution.code = CODE.encode()
    with contextlib.suppress(Closed):
        solution.serve(wire)
    wire.close()
    done.release()
