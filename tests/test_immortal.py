"""What was there before a fork: not counted where Python can, and otherwise as it was."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.tools.sandbox.inside import immortal
from opencodeinstruct.tools.sandbox.walls import find_interpreter

KNOWN = sys.version_info >= (3, 12) and not sysconfig.get_config_var("Py_GIL_DISABLED")
SCRIPT = """
import ctypes, importlib.util, json, os, sys, weakref
spec = importlib.util.spec_from_file_location("immortal", {file!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

class Thing: pass

def count(one):
    return ctypes.c_uint32.from_address(id(one)).value

text, deep = "old" * {more}, [[["low", {{"key": Thing()}}]]]
bottom = deep[0][0][1]["key"]
first = module.immortalize()
second = module.immortalize()
before = [count(one) for one in (deep, bottom, Thing, json.dumps, text)]
held = [(deep, bottom, Thing, json.dumps, text)] * 3
after = [count(one) for one in (deep, bottom, Thing, json.dumps, text)]

was = text
text += "new"
thing = Thing()
gone = weakref.ref(thing)
del thing
deep[0] = None
pid = os.fork()
if pid == 0:
    os._exit(json.loads(json.dumps(deep)) != [None])
told = dict(first=first, second=second, before=before, after=after, gone=gone() is None,
            was=was == "old" * {more}, status=os.waitpid(pid, 0)[1])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    script = SCRIPT.format(file=str(Path(immortal.__file__)), more=10)
    command = [str(find_interpreter()), "-s", "-P", "-S", "-B", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_can_be_reached_is_no_longer_counted(told: dict[str, Any]) -> None:
    if not KNOWN:
        pytest.skip("this Python counts all objects")
    assert told["first"] > 1000
    assert set(told["before"]) == set(told["after"])
    assert min(told["before"]) >= immortal.LEAST


def test_what_is_immortal_is_left_alone(told: dict[str, Any]) -> None:
    assert told["second"] < 10  # what was made meanwhile


def test_a_python_that_counts_all_objects_goes_on_counting(told: dict[str, Any]) -> None:
    if KNOWN:
        pytest.skip("this Python has immortal objects")
    assert told["first"] == 0
    assert all(now > then for then, now in zip(told["before"], told["after"], strict=True))


def test_new_objects_are_freed(told: dict[str, Any]) -> None:
    assert told["gone"]


def test_a_text_that_is_added_to_stays_what_it_is(told: dict[str, Any]) -> None:
    assert told["was"]


def test_all_of_it_can_be_used_after_a_fork(told: dict[str, Any]) -> None:
    assert told["status"] == 0
