"""Hostile programs: what they are told, what they cannot reach, and that nothing is left."""

import asyncio
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from opencodeinstruct.tools.ports import Limits, Program, RunResult
from opencodeinstruct.tools.sandbox import Sandbox
from tests.hostile import (
    bombs,
    endless,
    exits,
    forgery,
    leftovers,
    lies,
    patches,
    peeping,
    protocol,
    results,
    system,
)
from tests.hostile.attack import SHORT, Attack
from tests.hostile.controls import CONTROLS, OBJECTS
from tests.hostile.leftovers import MESSAGES, Message
from tests.hostile.outside import Outside
from tests.programs import ADD, Open, descendants, opened, start_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

THEMES = (
    exits,
    lies,
    patches,
    peeping,
    forgery,
    protocol,
    results,
    endless,
    bombs,
    system,
    leftovers,
)
NUMBERED = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the numbers of its system calls are those of x86-64"
)
LOOK = """
import builtins, fcntl, os, resource, signal, sys, threading
def ask(question, *words):
    try: return question(*words)
    except OSError as error: return error.errno
room = os.statvfs("/tmp")
print(sorted(os.listdir("/tmp")), oct(os.stat("/tmp").st_mode), room.f_bfree, room.f_ffree)
print(os.getcwd(), os.umask(0o22), os.getresuid(), os.getgroups(), sorted(os.environ.items()))
print([ask(fcntl.fcntl, n, what) for n in range(32) for what in (1, 3, 11)])
print([ask(resource.getrlimit, n) for n in range(16)], ask(os.getpriority, 0, 0))
print([str(signal.getsignal(n)) for n in range(1, 32)], signal.pthread_sigmask(0, []))
print(threading.active_count(), ask(os.sched_getaffinity, 0), sys.getrecursionlimit(), sys.path)
print(sorted(sys.modules), sorted(vars(builtins)), len, sys.meta_path, sys.flags)
def add(a, b): return a + b
"""
ROOMY = Limits(cpu_seconds=2.0, wall_seconds=10.0, memory_mib=128)


def look(sandbox: Open) -> RunResult:
    """What a harmless program is told, and what it sees around itself."""
    return sandbox.result(LOOK, "assert add(2, 3) == 5", "assert add(2, 3) == 6", limits=ROOMY)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Open]:
    with opened() as box:
        yield box


@pytest.fixture(scope="module")
def view(sandbox: Open) -> str:
    """What a program sees around itself before any attack, with all servers started."""
    start_all(sandbox)
    look(sandbox)
    return look(sandbox).output


@pytest.fixture(scope="module")
def outside(
    sandbox: Open, view: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outside]:
    place = Outside(tmp_path_factory.mktemp("outside"))
    place.processes = len(descendants())
    yield place
    place.close()


def marked(attack: Attack) -> list[pytest.MarkDecorator]:
    """What holds it back on this machine."""
    return [NUMBERED] if "libc.syscall" in attack.code else []


ATTACKS = [
    pytest.param(attack, id=f"{theme.__name__[14:]}: {attack.reason}", marks=marked(attack))
    for theme in THEMES
    for attack in theme.ATTACKS
]


def same_as_ever(sandbox: Open, outside: Outside, view: str, before: dict[str, object]) -> None:
    """Nothing has changed outside, nothing still runs, and the next program finds nothing."""
    after = look(sandbox)
    assert [verdict.verdict for verdict in after.verdicts] == ["pass", "fail"]
    assert after.output == view
    assert outside.state() == before
    assert outside.quiet()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_its_verdict_and_nothing_else(
    sandbox: Open, outside: Outside, view: str, attack: Attack
) -> None:
    before = outside.state()
    code, limits = outside.placed(attack.code), attack.limits
    result = sandbox.result(code, *attack.tests, limits=limits, entry_point=attack.entry_point)
    told = [verdict.verdict for verdict in result.verdicts]
    assert len(told) == len(attack.tests)
    for verdict, allowed in zip(result.verdicts, attack.allowed(), strict=True):
        labelled = attack.believed and verdict.verdict == "pass" and verdict.trust != "split"
        assert verdict.verdict in allowed or labelled, (verdict, told)
    assert len(result.output.encode()) <= attack.limits.output_bytes
    same_as_ever(sandbox, outside, view, before)


@pytest.mark.parametrize("attack", [pytest.param(a, id=a.reason) for a in leftovers.ATTACKS])
def test_no_run_of_a_program_tells_a_later_one_what_to_answer(
    sandbox: Open, attack: Attack
) -> None:
    for _ in range(3):
        result = sandbox.result(attack.code, *attack.tests, limits=attack.limits)
        assert "pass" not in {verdict.verdict for verdict in result.verdicts}


@pytest.mark.parametrize("message", [pytest.param(m, id=m.reason) for m in MESSAGES])
def test_a_program_finds_nothing_of_the_one_before(
    sandbox: Open, outside: Outside, view: str, message: Message
) -> None:
    before = outside.state()
    sandbox.result(outside.placed(message.leave), "assert True", limits=SHORT)
    found = sandbox.result(message.find, "assert not found()", limits=ROOMY).verdicts[0]
    assert found.verdict == "pass", found
    same_as_ever(sandbox, outside, view, before)


@pytest.mark.parametrize("control", [pytest.param(c, id=c.reason) for c in CONTROLS + OBJECTS])
def test_an_honest_program_passes(sandbox: Open, control: Attack) -> None:
    result = sandbox.result(
        control.code, *control.tests, limits=ROOMY, entry_point=control.entry_point
    )
    assert [verdict.verdict for verdict in result.verdicts] == ["pass"] * len(control.tests), result
    if control in CONTROLS:
        assert {verdict.trust for verdict in result.verdicts} == {"split"}


def test_attacks_on_one_worker_cost_the_programs_on_another_nothing() -> None:
    hostile = [
        replace(attack, limits=SHORT)
        for theme in (forgery, bombs)
        for attack in theme.ATTACKS[:8]
        if "timeout" not in attack.allowed()[0]
    ]
    honest = Program(ADD, ("assert add(2, 3) == 5", "assert add(2, 3) == 6"), limits=ROOMY)

    async def scenario() -> list[RunResult]:
        async with Sandbox(workers=2) as sandbox:
            calls = []
            for attack in hostile:
                program = Program(attack.code, attack.tests, limits=attack.limits)
                calls += [sandbox(program), *(sandbox(honest) for _ in range(4))]
            results = await asyncio.gather(*calls)
        return [result for number, result in enumerate(results) if number % 5]

    told = [tuple(v.verdict for v in result.verdicts) for result in asyncio.run(scenario())]
    assert Counter(told) == {("pass", "fail"): 4 * len(hostile)}


def test_each_attack_has_a_reason_of_its_own() -> None:
    reasons = [attack.reason for theme in THEMES for attack in theme.ATTACKS]
    assert len(reasons) > 60
    assert [reason for reason, count in Counter(reasons).items() if count > 1] == []
