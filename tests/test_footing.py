"""The fork server's memory: what is laid out is of use, is bounded, and changes nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from opencodeinstruct.tools.sandbox.inside import footing
from opencodeinstruct.tools.sandbox.inside.findings import compiled
from opencodeinstruct.tools.sandbox.walls import find_interpreter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

MOST_MORE_KIB = 12 << 10  # of memory for laying it out
SCRIPT = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("footing", {file!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

def kib(name):
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

footing = module.Footing()
import json, typing, decimal, dataclasses
held = [json.dumps([number] * 50) for number in range(5000)]
del held[::2]
before = kib("Anonymous")
footing.firm()
more, huge = kib("Anonymous") - before, kib("AnonHugePages")
fresh = [bytes(100) for _ in range(8)]
steps = [id(b) - id(a) for a, b in zip(fresh, fresh[1:])]
pid = os.fork()
if pid == 0:
    os._exit(held != [json.dumps([number] * 50) for number in range(1, 5000, 2)])
_, status = os.waitpid(pid, 0)
print(more, huge, status, *steps)
"""


@pytest.fixture(scope="module")
def told() -> list[int]:
    script = SCRIPT.format(file=str(Path(footing.__file__)))
    command = [str(find_interpreter()), "-s", "-P", "-S", "-B", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [int(word) for word in done.stdout.split()]


def test_laying_memory_out_takes_little_of_it(told: list[int]) -> None:
    assert told[0] < MOST_MORE_KIB


def test_what_was_there_before_is_there_after_a_fork(told: list[int]) -> None:
    assert told[2] == 0


def test_new_objects_lie_side_by_side(told: list[int]) -> None:
    assert set(told[3:]) == {footing.STEP * 9}  # 100 bytes and their head, rounded up


def test_memory_is_in_huge_pages_where_the_kernel_has_them(told: list[int]) -> None:
    if told[1] == 0:
        pytest.skip("this kernel makes no huge pages of small ones")
    assert told[1] >= footing.HUGE >> 10


TESTS = [
    ("an assert", "x = 1\nassert x", True),
    ("an assert within a function", "def f():\n    assert f\nf()", True),
    ("an assert of a constant", "x = 1\nassert True", True),
    ("an assert that is never reached", "if False:\n    assert x", True),
    ("a raise", "x = 1\nif x: raise ValueError", True),
    ("a method that asserts", "case.assertEqual(1, 2)", True),
    ("nothing", "x = 1\nprint(x)", False),
    ("nothing, and it could not be run", "x = 1\nreturn x", False),
]


@pytest.mark.parametrize(("text", "asserts"), [pytest.param(*one[1:], id=one[0]) for one in TESTS])
def test_what_asserts_something_is_known(text: str, asserts: bool) -> None:
    assert (compiled(text) is not None) == asserts


def test_a_test_that_does_not_parse_says_so() -> None:
    with pytest.raises(SyntaxError):
        compiled("x = 1\nassert x ==")
