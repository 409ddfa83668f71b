"""Running the programs of a file: order, resuming, bad lines; what runs them is a function here."""

import asyncio
import fcntl
import gc
import gzip
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import Missing, ProjectError, RunFolderError, ServiceError
from opencodeinstruct.tools.in_order import WINDOW, in_order
from opencodeinstruct.tools.ports import Program, Run, RunResult, TestVerdict
from opencodeinstruct.tools.programs.execute_file import Job, Report, execute_file
from opencodeinstruct.tools.programs.lines import Splitter
from opencodeinstruct.tools.programs.results import part_of, record_of
from opencodeinstruct.tools.stages.execute import ExecuteSettings

Fake = Callable[[Program], RunResult]
Line = dict[str, Any]


class Stop(Exception):
    """What stops a command in the middle."""


def judged(program: Program) -> RunResult:
    """A test passes if its text holds the code's."""
    verdicts = [
        TestVerdict("pass", trust="split")
        if program.code in test
        else TestVerdict("fail", "AssertionError", 1, "test")
        for test in program.tests
    ]
    return RunResult(tuple(verdicts), 0.25)


def opening(fake: Fake = judged) -> Callable[[Job], AbstractAsyncContextManager[Run]]:
    """`fake` as what runs a job's programs, some sooner than others."""

    async def run(program: Program) -> RunResult:
        for _ in range(len(program.code) % 5):
            await asyncio.sleep(0)
        return fake(program)

    @asynccontextmanager
    async def opened(job: Job) -> AsyncIterator[Run]:
        yield run

    return opened


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, lines: Sequence[object]) -> Path:
    """`lines` as JSON, those of bytes as they are."""
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def job_of(source: Path | None, out: Path | None, **changes: Any) -> Job:
    return replace(Job(source, out, ExecuteSettings(), workers=2), **changes)


def executed(source: Path, out: Path, fake: Fake = judged, **changes: Any) -> Report:
    return execute_file(job_of(source, out, **changes), lambda *_: None, opening(fake))


def programs(count: int) -> list[Line]:
    """Programs whose tests pass, fail, and do one and the other."""
    tests = [["assert f(0) == x{n}"], ["assert f(0) == y"], ["assert f(0) == x{n}", "assert f()"]]
    return [
        {"id": f"p{n}", "code": f"x{n}", "tests": [t.format(n=n) for t in tests[n % 3]]}
        for n in range(count)
    ]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in.jsonl", programs(50))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "out.jsonl"


def test_each_program_has_its_line_in_its_place(source: Path, out: Path) -> None:
    report = executed(source, out)
    found = lines_of(out)
    assert [line["id"] for line in found] == [f"p{n}" for n in range(50)]
    assert [line["verdicts"] for line in found[:3]] == [["pass"], ["fail"], ["pass", "fail"]]
    assert found[1] == {
        "id": "p1",
        "verdicts": ["fail"],
        "trust": "shared",
        "seconds": 0.25,
        "passed": False,
        "flaky": False,
        "exceptions": ["AssertionError"],
        "faults": [None],
    }
    assert (report.tally.programs, report.tally.passed, report.code) == (50, 17, 0)
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "out.jsonl",
        "out.jsonl.run.json",
    ]


@pytest.mark.parametrize("workers", [1, 2, 7, 100])
def test_how_many_work_at_once_changes_no_byte(source: Path, out: Path, workers: int) -> None:
    executed(source, out)
    executed(source, out.with_name("other"), workers=workers)
    assert out.with_name("other").read_bytes() == out.read_bytes()


def test_gzip_and_odd_line_ends_change_nothing(source: Path, out: Path, tmp_path: Path) -> None:
    executed(source, out)
    text = b"\xef\xbb\xbf\r\n" + source.read_bytes().replace(b"\n", b"\r\n \n")[:-3]
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(text))
    executed(packed, out.with_name("other"))
    assert out.with_name("other").read_bytes() == out.read_bytes()


BAD = [
    (b"{", "bad.jsonl:2: not JSON in UTF-8 (Expecting"),
    (b"\xff\xfe{}", "not JSON in UTF-8 ('utf-8' codec"),
    (b"[" * 100_000, "not JSON in UTF-8 (maximum recursion"),
    (b'{"id": ' + b"9" * 5000 + b"}", "not JSON in UTF-8 (Exceeds the limit"),
    ([1], "not a JSON object"),
    (None, "not a JSON object"),
    ({}, '"tests" must be a list'),
    ({"tests": ["x"]}, '"code" is missing'),
    ({"code": 3, "tests": ["x"]}, '"code" must be a string'),
    ({"code": "x", "tests": "assert x"}, '"tests" must be a list of at least one'),
    ({"code": "x", "tests": []}, '"tests" must be a list of at least one'),
    ({"code": "x", "tests": ["x", 3]}, "each of its tests must be a string"),
    ({"code": "x", "tests": ["x"], "entry_point": 3}, '"entry_point" must be the name'),
    ({"code": "x", "tests": ["x"], "entry_point": ""}, '"entry_point" must be the name'),
    ({"code": "x", "tests": ["x"], "id": [1]}, '"id" must be text or a whole number'),
    ({"code": "x", "tests": ["x"], "id": True}, '"id" must be text or a whole number'),
    ({"code": "x", "tests": ["x"], "id": 1.5}, '"id" must be text or a whole number'),
    ({"code": "x\ud800", "tests": ["x"]}, '"code" holds half a surrogate pair'),
    ({"code": "x", "tests": ["x"], "id": "\udfff"}, '"id" holds half a surrogate pair'),
    ({"task_id": "HumanEval/0", "solution": "x"}, "a sample of a benchmark, which needs"),
]


@pytest.mark.parametrize(("line", "says"), BAD)
def test_a_bad_line_says_where_and_why_and_loses_no_other(
    tmp_path: Path, out: Path, line: object, says: str
) -> None:
    good = {"code": "x", "tests": ["x"]}
    report = executed(write(tmp_path / "bad.jsonl", [good, line, {**good, "id": "last"}]), out)
    first, bad, last = lines_of(out)
    assert (first["id"], first["passed"]) == (1, True)  # its line's number
    assert (last["id"], last["passed"]) == ("last", True)
    assert set(bad) == {"id", "error", "verdicts"} and bad["verdicts"] == []
    assert bad["error"].startswith(f"{tmp_path / 'bad.jsonl'}:2: ") and says in bad["error"]
    assert bad["error"].endswith("Fix or delete that line.") and "\n" not in bad["error"]
    assert (report.tally.unusable, report.code) == (1, 1)


def test_ids_may_occur_twice_and_be_numbers(tmp_path: Path, out: Path) -> None:
    ids = ["a", "a", 7, 7, 10**30, ""]
    lines = [{"id": own, "code": "x", "tests": ["x"]} for own in ids]
    executed(write(tmp_path / "in.jsonl", lines), out)
    assert [line["id"] for line in lines_of(out)] == ids


def test_an_empty_file_has_empty_results(tmp_path: Path, out: Path) -> None:
    report = executed(write(tmp_path / "in.jsonl", []), out, ks=(1,))
    assert (out.read_bytes(), report.code, report.tally.lines) == (b"", 0, 0)


def test_limits_and_packages_reach_the_program_and_the_record(source: Path, out: Path) -> None:
    seen: list[Program] = []

    def noted(program: Program) -> RunResult:
        seen.append(program)
        return judged(program)

    limited = ExecuteSettings(cpu_seconds=1, memory_mib=64, packages=("numpy",))
    executed(source, out, noted, settings=limited)
    assert {program.limits for program in seen} == {limited.limits()}
    record = json.loads(record_of(out).read_text())
    assert set(record["made_of"]["packages"]) == {"numpy"}
    assert record["summary"]["passed"] == 17


# --- going on


def stopping(after: int) -> Fake:
    """As `judged`, until it is asked once more than `after` times: then all stops."""
    left = [after]

    def fake(program: Program) -> RunResult:
        left[0] -= 1
        if left[0] < 0:
            raise Stop
        return judged(program)

    return fake


@pytest.mark.parametrize("after", [0, 1, 20, 49])
@pytest.mark.parametrize("torn", [b"", b'{"id": "p', b'{"id": "p1"}\n', b"\0\0\n"])
def test_a_run_that_stopped_goes_on_and_ends_with_the_same_bytes(
    source: Path, out: Path, after: int, torn: bytes
) -> None:
    executed(source, out.with_name("whole"))
    with pytest.raises(Stop):
        executed(source, out, stopping(after))
    assert not out.exists()
    with part_of(out).open("ab") as part:
        part.write(torn)
    asked: list[str] = []

    def noted(program: Program) -> RunResult:
        asked.append(program.code)
        return judged(program)

    done = part_of(out).read_bytes().count(b'"passed"')
    report = executed(source, out, noted)
    assert out.read_bytes() == out.with_name("whole").read_bytes()
    assert len(asked) == 50 - done  # nothing that stood there was run again
    assert report.tally == executed(source, out.with_name("whole")).tally
    assert not part_of(out).exists()


def test_what_is_complete_is_counted_and_not_run_again(source: Path, out: Path) -> None:
    first = executed(source, out)
    again = executed(source, out, stopping(0))
    assert again.before and not first.before
    assert again.tally == first.tally


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"policy": "screen"}, 'another policy ("confirm", now "screen")'),
        ({"settings": ExecuteSettings(cpu_seconds=1)}, "another cpu_seconds (5.0, now 1.0)"),
        ({"settings": ExecuteSettings(packages=("numpy",))}, "another packages ({}, now"),
        ({"source": "other"}, "another input"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_results_made_of_something_else_are_not_mixed(
    source: Path, out: Path, tmp_path: Path, change: dict[str, Any], says: str, complete: bool
) -> None:
    if complete:
        executed(source, out)
    else:
        with pytest.raises(Stop):
            executed(source, out, stopping(30))
    lines = out if complete else part_of(out)
    before = lines.read_bytes()
    write(tmp_path / "other", programs(51))
    changes = {"source": source, **change}
    changes["source"] = tmp_path / changes["source"]
    with pytest.raises(RunFolderError) as caught:
        executed(out=out, **changes)
    assert says in str(caught.value)
    assert f"Delete {lines}" in str(caught.value)
    assert lines.read_bytes() == before


@pytest.mark.parametrize("content", ["", "mine\n", '{"id": 1, "verdicts": []}\n'])
def test_a_file_of_yours_is_never_replaced(source: Path, out: Path, content: str) -> None:
    out.parent.mkdir()
    out.write_text(content)
    with pytest.raises(RunFolderError, match="does not say what it is made of"):
        executed(source, out)
    assert out.read_text() == content


def test_a_second_command_on_the_same_output_is_refused(source: Path, out: Path) -> None:
    out.parent.mkdir()
    with part_of(out).open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunFolderError, match="another command is writing it"):
            executed(source, out)


def test_results_do_not_replace_their_own_input_nor_a_folder(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is the input"):
        executed(source, source)
    with pytest.raises(ProjectError, match="is a folder"):
        executed(source, tmp_path)
    with pytest.raises(ProjectError, match="there is no such file"):
        executed(tmp_path / "none", tmp_path / "out")


def test_where_walls_cannot_be_built_nothing_is_written(source: Path, out: Path) -> None:
    @asynccontextmanager
    async def opened(job: Job) -> AsyncIterator[Run]:
        raise Missing("no walls")
        yield

    with pytest.raises(Missing, match="no walls"):
        execute_file(job_of(source, out), lambda *_: None, opened)
    assert not out.parent.exists()


# --- when the sandbox fails


def failing(*codes: str) -> Fake:
    def fake(program: Program) -> RunResult:
        if program.code in codes:
            raise ServiceError("sandbox: it broke")
        return judged(program)

    return fake


def test_a_program_that_the_sandbox_failed_on_is_tried_again_and_no_other(
    source: Path, out: Path
) -> None:
    executed(source, out.with_name("whole"))
    report = executed(source, out, failing("x3", "x49"))
    assert (report.code, report.tally.deferred, report.tally.programs) == (3, 2, 48)
    line = lines_of(out)[3]
    assert line == {"id": "p3", "error": "sandbox: it broke", "deferred": True, "verdicts": []}
    asked: list[str] = []

    def noted(program: Program) -> RunResult:
        asked.append(program.code)
        return failing("x3")(program)

    assert executed(source, out, noted).tally.deferred == 1
    assert asked == ["x3", "x49"]
    with pytest.raises(Stop):
        executed(source, out, stopping(0))  # killed while it is made again: it is still whole
    assert len(lines_of(out)) == 50
    assert executed(source, out).code == 0
    assert out.read_bytes() == out.with_name("whole").read_bytes()


def test_a_sandbox_that_fails_on_and_on_stops_the_command_and_costs_no_line(
    source: Path, out: Path
) -> None:
    executed(source, out.with_name("whole"))
    with pytest.raises(ServiceError, match="20 programs in a row failed: sandbox: it broke"):
        executed(source, out, failing(*(f"x{n}" for n in range(10, 50))))
    assert executed(source, out).tally.programs == 50
    assert out.read_bytes() == out.with_name("whole").read_bytes()


def test_verdicts_that_are_not_one_for_each_test_are_a_failure_of_the_sandbox(
    source: Path, out: Path
) -> None:
    def fake(program: Program) -> RunResult:
        return judged(replace(program, tests=program.tests[:1]))

    report = executed(source, out, fake)
    assert report.tally.deferred == 16
    assert "judged 1 of 2 tests" in lines_of(out)[2]["error"]


# --- many at once, in order, in bounded memory


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 9))
@settings(deadline=None)
def test_results_come_in_order_with_so_many_under_way(waits: list[int], at_once: int) -> None:
    emitted: list[int] = []
    under_way, most = 0, 0

    async def items() -> AsyncIterator[tuple[int, int]]:
        for numbered in enumerate(waits):
            yield numbered

    async def work(item: tuple[int, int]) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(item[1]):
            await asyncio.sleep(0)
        under_way -= 1
        return item[0]

    asyncio.run(in_order(items(), work, emitted.append, at_once=at_once))
    assert emitted == list(range(len(waits)))
    assert most <= at_once


def test_a_slow_first_one_stops_no_other_and_takes_no_more_than_a_window() -> None:
    taken: list[int] = []
    emitted: list[int] = []

    async def items() -> AsyncIterator[int]:
        for number in range(3 * WINDOW):
            taken.append(number)
            yield number

    async def work(item: int) -> int:
        while item == 0 and len(taken) <= WINDOW:  # until the window is full
            await asyncio.sleep(0)
        if item == 0:
            assert emitted == []
        return item

    asyncio.run(in_order(items(), work, emitted.append, at_once=4))
    assert emitted == list(range(3 * WINDOW))


@pytest.mark.parametrize("where", ["items", "work", "emit"])
def test_whatever_raises_ends_what_is_under_way_and_is_raised(where: str) -> None:
    ended: list[int] = []

    def stop_at(place: str, number: int) -> None:
        if (place, number) == (where, 5):
            raise Stop

    async def items() -> AsyncIterator[int]:
        for number in range(20):
            stop_at("items", number)
            yield number

    async def work(item: int) -> int:
        stop_at("work", item)
        try:
            await asyncio.sleep(0 if item <= 5 or where == "items" else 60)
        finally:
            ended.append(item)
        return item

    with pytest.raises(Stop):
        asyncio.run(in_order(items(), work, lambda result: stop_at("emit", result), at_once=3))
    assert set(ended) >= set(range(5))


@given(st.lists(st.binary(max_size=12)), st.integers(1, 9))
def test_lines_are_those_of_the_whole_text_however_it_arrives(
    texts: list[bytes], size: int
) -> None:
    text = b"\n".join(texts)
    splitter = Splitter(longest=8)
    found = []
    for start in range(0, len(text), size):
        found += [*splitter.feed(text[start : start + size])]
    found += [*splitter.end()]
    expected = [
        (number, line if len(line) <= 8 else None)
        for number, line in enumerate(text.split(b"\n"), start=1)
        if line.strip() or len(line) > 8
    ]
    assert [(line.number, line.text) for line in found] == [
        (number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 and line else line)
        for number, line in expected
        if line is None or line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").strip()
    ]


def test_when_all_fail_the_first_failure_is_told_and_no_other_complains() -> None:
    said: list[str] = []
    emitted: list[int] = []

    async def items() -> AsyncIterator[int]:
        for number in range(5):
            yield number

    async def work(number: int) -> int:
        await asyncio.sleep(0.001 if number else 0.05)
        raise KeyError(number)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: said.append(context["message"]))
        with pytest.raises(KeyError, match="0"):
            await in_order(items(), work, emitted.append, at_once=5)

    asyncio.run(main())
    gc.collect()
    assert (said, emitted) == ([], [])
