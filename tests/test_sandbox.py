"""The sandbox: what each test of a program is told."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.schema import VERDICTS
from opencodeinstruct.tools.ports import Limits
from opencodeinstruct.tools.sandbox.inside import records
from tests.programs import ADD, Open, opened

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Open]:
    with opened() as box:
        yield box


VERDICT_CASES = [
    ("a true assert passes", ADD, "assert add(1, 2) == 3", "pass"),
    ("a false assert fails", ADD, "assert add(1, 2) == 4", "fail"),
    ("a message does not matter", ADD, "assert add(1, 2) == 4, 'off'", "fail"),
    ("the code's own exception", "def f(): return 1 // 0", "assert f() == 1", "error"),
    ("the code's own assert is not the test's", "def f(): assert 0", "assert f()", "error"),
    ("an unknown name", ADD, "assert subtract(1, 2) == 3", "error"),
    ("a test that is not Python", ADD, "assert add(1,", "error"),
    ("a test that asserts nothing says nothing", ADD, "add(1, 2)", "refused"),
    ("an empty test", ADD, "", "refused"),
    ("code that does not compile", "def f(:", "assert True", "error"),
    ("code that raises on import", "raise ValueError('no')", "assert True", "error"),
    ("code that leaves on import", "import sys; sys.exit(0)", "assert True", "error"),
    ("code that leaves when called", "import sys", "assert sys.exit(0)", "error"),
    ("an unknown module", "import no_such_module", "assert True", "error"),
    ("a null byte", "x = 1\0", "assert True", "error"),
    ("a null byte in the test", ADD, "assert '\0'", "error"),
    ("a lone surrogate", "x = '\ud800'", "assert True", "error"),
    ("a lone surrogate in the test", ADD, "assert '\udcff'", "error"),
    ("input() finds an empty stdin", "def f(): return input()", "assert f()", "error"),
    ("recursion without end", "def f(): return f()", "assert f()", "error"),
    ("an exit is no verdict", "import os", "assert os._exit(0)", "crash"),
    ("an exit on import", "import os; os._exit(0)", "assert True", "crash"),
    ("a signal", "import os", "assert os.kill(os.getpid(), 11)", "crash"),
    ("a closed verdict pipe", "import os; os.closerange(0, 64)", "assert True", "crash"),
    ("an endless loop", "def f():\n    while True: pass", "assert f()", "timeout"),
    ("an endless loop on import", "while True: pass", "assert True", "timeout"),
    (
        "an endless loop that catches everything",
        "def f():\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        "assert f()",
        "timeout",
    ),
    ("one long step of the interpreter", "def f(): return 9 ** 9 ** 9", "assert f()", "timeout"),
    (
        "a timer of our own cannot be disarmed",
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\ndef f():\n    while True: pass",
        "assert f()",
        "timeout",
    ),
    ("sleep costs no CPU but wall time", "import time", "assert time.sleep(60)", "timeout"),
    ("a memory bomb", "def f(): return len(bytearray(1 << 40))", "assert f()", "memory"),
    ("a slow memory bomb", "x = [b'']\nwhile 1: x.append(b'1' * 9**6)", "assert x", "memory"),
    (
        "an exception that cannot be shown",
        "class E(Exception):\n    def __str__(self): raise ValueError\ndef f(): raise E",
        "assert f()",
        "error",
    ),
    (
        "code cannot fork",
        "import os\nos.fork()\ndef f(): return 1",
        "assert f() == 1",
        "error",
    ),
    (
        "a forged record",
        "import os\nfor fd in range(3, 64):\n"
        "    try: os.write(fd, b'x' * 64)\n    except OSError: pass",
        "assert True",
        "refused",
    ),
    ("code under __main__ is not run", "if __name__ == '__main__': input()", "assert 1", "pass"),
    ("a test may import the code", ADD, "from solution import add; assert add(1, 1) == 2", "pass"),
    (
        "dataclasses find their module",
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    x: int",
        "assert P(1) == P(1)",
        "pass",
    ),
    ("threads are allowed", "from concurrent.futures import *", "assert threads() == 45", "pass"),
]
THREADS = (
    "\ndef threads():\n    with ThreadPoolExecutor(4) as pool:\n"
    "        return sum(pool.map(int, range(10)))\n"
)


@pytest.mark.parametrize(
    ("code", "test", "verdict"),
    [pytest.param(*case, id=reason) for reason, *case in VERDICT_CASES],
)
def test_each_test_gets_the_verdict_it_deserves(
    sandbox: Open, code: str, test: str, verdict: str
) -> None:
    code = code + THREADS if "concurrent" in code else code
    assert sandbox.verdicts(code, test) == [verdict]


def test_the_verdicts_inside_are_those_of_the_schema() -> None:
    assert records.VERDICTS == VERDICTS


def test_a_verdict_says_which_exception_was_raised_and_where(sandbox: Open) -> None:
    code = "def f(x):\n    y = x\n    return {}[y]\n"
    result = sandbox.result(code, "assert f('k')", "assert f", "assert not f")
    assert [(v.verdict, v.exception, v.line) for v in result.verdicts] == [
        ("error", "KeyError: 'k'", 3),
        ("pass", None, None),
        ("fail", "AssertionError", 1),
    ]
    syntax = sandbox.result("x = 1\ny = (\n", "assert x").verdicts[0]
    assert syntax.line == 2
    assert syntax.exception is not None and syntax.exception.startswith("SyntaxError")


def test_an_exception_message_is_bounded_and_free_of_addresses(sandbox: Open) -> None:
    result = sandbox.result("", "assert int('9' * 10**6)", "assert {}[object()]")
    long, address = (verdict.exception or "" for verdict in result.verdicts)
    assert 0 < len(long) <= records.TEXT_BYTES
    assert address == "KeyError: <object object at 0x...>"


def test_a_test_that_hangs_or_dies_costs_only_itself(sandbox: Open) -> None:
    code = "import os, time\ndef f(x):\n    return x"
    tests = ["assert f(1)"] * 9
    tests[2] = "assert time.sleep(60)"
    tests[4] = "assert os._exit(3)"
    tests[5] = "while True: pass\nassert 1"
    expected = ["pass"] * 9
    expected[2], expected[4], expected[5] = "timeout", "crash", "timeout"
    assert sandbox.verdicts(code, *tests) == expected


def test_what_a_program_used_counts_although_it_ended_by_itself(sandbox: Open) -> None:
    code = (
        "import os, time\ndef f(seconds):\n"
        "    while time.process_time() < seconds: pass\n    os._exit(0)"
    )
    limits = Limits(cpu_seconds=5, wall_seconds=20, total_seconds=0.5)
    result = sandbox.result(code, *["assert f(0.2)"] * 9, limits=limits)
    verdicts = [verdict.verdict for verdict in result.verdicts]
    assert verdicts[:2] == ["crash", "crash"]
    assert verdicts[4:] == ["timeout"] * 5  # the program has used up its half second
    assert result.cpu_seconds >= 0.4


def test_a_program_without_tests_has_no_verdicts(sandbox: Open) -> None:
    assert sandbox.result("while True: pass").verdicts == ()


def test_a_program_that_is_too_long_is_refused_and_one_that_is_just_long_is_not(
    sandbox: Open,
) -> None:
    assert sandbox.verdicts("x = 1\n" * 10**6, "assert 1", "assert 1") == ["refused"] * 2
    assert sandbox.verdicts("x = 1\n" * 10**4, "assert x") == ["pass"]


def test_many_tests_keep_their_order(sandbox: Open) -> None:
    tests = [f"assert add({n}, 0) % 3" for n in range(300)]
    expected = ["pass" if n % 3 else "fail" for n in range(300)]
    assert sandbox.verdicts(ADD, *tests) == expected


def test_output_is_captured_and_a_flood_of_it_is_cut(sandbox: Open) -> None:
    code = "import sys\ndef say(text):\n    print(text); print('!', file=sys.stderr); return True"
    assert sandbox.result(code, "assert say('hello')").output in ("hello\n!\n", "!\nhello\n")
    assert sandbox.result(r"import os; os.write(1, b'\xff')", "assert True").output == "\ufffd"
    flood = "def f():\n    for _ in range(3000): print('x' * 1000)\n    return True"
    limits = Limits(cpu_seconds=5, output_bytes=1000)
    result = sandbox.result(flood, "assert f()", "assert True", limits=limits)
    assert [v.verdict for v in result.verdicts] == ["pass", "pass"]
    assert result.output == "x" * 1000


def test_the_same_program_gets_the_same_answers(sandbox: Open) -> None:
    code = "import random, time\nx = (hash('a'), random.random(), time.tzname)"
    tests = ("assert not x", "assert x == None, x")
    first, second = sandbox.result(code, *tests), sandbox.result(code, *tests)
    assert first.verdicts == second.verdicts
    assert "0.8444218515250481" in (first.verdicts[1].exception or "")


@settings(max_examples=10, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=3), st.text(max_size=60))
def test_any_text_gets_one_verdict_for_each_test(
    sandbox: Open, tests: list[str], code: str
) -> None:
    verdicts = sandbox.verdicts(code, *tests)
    assert len(verdicts) == len(tests)
    assert set(verdicts) <= set(VERDICTS)
