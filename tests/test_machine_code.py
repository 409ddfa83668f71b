"""Python's machine code in huge pages: the same code, in the same place, and it runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.tools.sandbox.inside import machine_code
from opencodeinstruct.tools.sandbox.inside.machine_code import HUGE
from opencodeinstruct.tools.sandbox.walls import find_interpreter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

SCRIPT = """
import ctypes, decimal, hashlib, importlib.util, json, os, re, sys
spec = importlib.util.spec_from_file_location("machine_code", {file!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

def maps():
    with open("/proc/self/maps") as lines:
        for line in lines:
            span, rights, *rest = line.split()
            start, end = (int(word, 16) for word in span.split("-"))
            yield start, end, rights, rest[-1] if len(rest) == 4 else ""

found = module.Found()
own = ctypes.cast(ctypes.pythonapi.Py_GetVersion, ctypes.c_void_p)
ctypes.CDLL(None).dladdr(own, ctypes.byref(found))
ranges = [span for span in module.runs(found.base) if span[1]]
known = list(maps())
file = next(name for start, end, _, name in known if start <= own.value < end)
places = list(module.whole_pages(iter(ranges)))

def content():
    return hashlib.sha256(
        b"".join(ctypes.string_at(start, end - start) for start, end in ranges)
    ).hexdigest()

before = content()
{spoil}
size = sum(end - start for start, end, _, _ in maps())
done = module.settle()
left = sum(end - start for start, end, _, _ in maps()) - size
with open("/proc/self/smaps") as lines:
    parts = re.split(r"\\n(?=[0-9a-f]+-)", lines.read())
huge = sum("AnonHugePages:" in part and " r-xp " in part.partition("\\n")[0] and
           int(re.search(r"AnonHugePages: *(\\d+)", part)[1]) for part in parts)
pid = os.fork()
if pid == 0:
    os._exit(sum(range(1000)) != 499500 or str(decimal.Decimal(2).sqrt())[:4] != "1.41")
print(json.dumps(dict(
    ranges=ranges, places=places, done=done, huge=huge, same=content() == before,
    status=os.waitpid(pid, 0)[1], holds_own=any(start <= own.value < end for start, end in ranges),
    mapped=[[start, end, rights] for start, end, rights, name in known if name == file],
    left=left,
)))
"""


def told(spoil: str = "") -> dict[str, Any]:
    script = SCRIPT.format(file=str(Path(machine_code.__file__)), spoil=spoil)
    command = [str(find_interpreter()), "-s", "-P", "-S", "-B", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    return told()


def test_the_code_is_what_it_was_and_runs(usual: dict[str, Any]) -> None:
    assert usual["same"]
    assert usual["status"] == 0


def test_what_is_found_is_python_and_cannot_be_written(usual: dict[str, Any]) -> None:
    assert usual["holds_own"]
    for start, end in usual["ranges"]:
        inside = [one for one in usual["mapped"] if one[0] < end and start < one[1]]
        assert sum(one[1] - one[0] for one in inside) == end - start
        assert all("w" not in rights for _, _, rights in inside)


def test_all_of_it_that_fills_huge_pages_is_in_them(usual: dict[str, Any]) -> None:
    if usual["done"] == 0:
        pytest.skip("this kernel has no huge pages for it, or Python lies across them")
    assert usual["done"] == len(usual["places"])
    assert usual["huge"] == usual["done"] * HUGE >> 10


def test_it_takes_no_room_of_its_own(usual: dict[str, Any]) -> None:
    assert usual["left"] < HUGE


@pytest.mark.parametrize("call", ["mprotect", "madvise", "mremap", "mmap"])
def test_where_the_kernel_refuses_all_stays_as_it_is(call: str) -> None:
    spoil = f"""
class Refusing:
    def __init__(self, name): self.real = ctypes.PyDLL(None)
    def __getattr__(self, name):
        if name != {call!r}: return getattr(self.real, name)
        def refuse(*_): return -1 if name in ("mprotect", "madvise") else module.FAILED
        return refuse
module.ctypes.CDLL = Refusing
"""
    seen = told(spoil)
    assert seen["done"] == seen["huge"] == 0
    assert seen["same"]
    assert seen["status"] == 0
    assert seen["left"] < HUGE


@pytest.mark.parametrize(
    ("spans", "places"),
    [
        ([(0, HUGE)], [0]),
        ([(1, HUGE)], []),
        ([(HUGE - 1, 3 * HUGE)], [HUGE, 2 * HUGE]),
        ([(HUGE, 2 * HUGE - 1)], []),
        ([(0, 0), (HUGE, 2 * HUGE), (5 * HUGE, 7 * HUGE - 1)], [HUGE, 5 * HUGE]),
    ],
)
def test_only_whole_huge_pages_are_replaced(
    spans: list[tuple[int, int]], places: list[int]
) -> None:
    assert list(machine_code.whole_pages(iter(spans))) == places
