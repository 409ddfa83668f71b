"""The command `exec` behind real walls: kills, Ctrl-C, pipes, pass@k, what it prints."""

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from opencodeinstruct.tools.benchmarks.load import humaneval_file, json_lines
from opencodeinstruct.tools.programs.results import part_of
from opencodeinstruct.tools.programs.shown import ProgramBar
from opencodeinstruct.tools.programs.tally import Tally
from tests.calling import call, flat
from tests.pipeline import command, environment

linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

ADD = "def add(a, b):\n    return a + b\n"


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def results(path: Path) -> list[dict[str, Any]]:
    """The lines of `path` without what a clock says."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{key: line[key] for key in line if key != "seconds"} for line in lines]


def slow_programs(count: int) -> list[dict[str, Any]]:
    """Programs that take a while; every fourth one is wrong."""
    code = "import time\ntime.sleep(0.02)\ndef f(x):\n    return x + {wrong}\n"
    return [
        {"id": n, "code": code.format(wrong=n % 4 == 3), "tests": [f"assert f({n}) == {n}"]}
        for n in range(count)
    ]


def started(source: Path, out: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command("exec", source, "--out", out, *options),
        cwd=source.parent,
        env=environment(source.parent),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_lines(process: "subprocess.Popen[str]", out: Path, count: int) -> None:
    """Wait until `count` results of `process` are written."""
    part = part_of(out)
    while not part.exists() or part.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


@linux
def test_kills_change_no_line_and_run_nothing_twice(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", slow_programs(36))
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert call("exec", source, "--out", whole).code == 0
    written = b""
    for count in (2, 16):
        process = started(source, out)
        wait_for_lines(process, out, count)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = part_of(out).read_bytes()
        assert found.startswith(written[: written.rfind(b"\n") + 1])  # kept, seconds and all
        written = found
    ended = call("exec", source, "--out", out)
    assert ended.code == 0 and "lines were done before" in ended.err
    assert results(out) == results(whole)
    assert out.read_bytes().startswith(written[: written.rfind(b"\n") + 1])
    assert not part_of(out).exists()


@linux
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", slow_programs(30)), tmp_path / "out.jsonl"
    process = started(source, out)
    wait_for_lines(process, out, 5)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "Stopped. Run the same command again to continue." in said
    assert "Traceback" not in said
    assert call("exec", source, "--out", out).code == 0
    assert [line["id"] for line in results(out)] == list(range(30))


@linux
def test_workers_change_nothing_but_seconds(tmp_path: Path) -> None:
    tests = ["assert add(1, 2) == 3", "assert add(1) == 3", "assert add(", "assert ad(1)", "1"]
    lines = [{"id": n, "code": ADD, "tests": tests[n % 3 :]} for n in range(12)]
    lines[5]["code"], lines[6]["code"] = "def add(", "while True: pass"
    source = write(tmp_path / "in.jsonl", lines)
    found = []
    for workers in ("1", "3"):
        out = tmp_path / f"{workers}.jsonl"
        ended = call("exec", source, "--out", out, "--workers", workers, "--cpu-seconds", "0.3")
        assert ended.code == 0
        found.append(results(out))
    assert found[0] == found[1]
    assert found[0][0]["verdicts"][:2] == ["pass", "error"]
    assert found[0][6]["verdicts"] == ["timeout"] * 5


@linux
def test_a_pipe_gets_each_result_as_soon_as_it_is_there(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("exec", "-", "--out", "-", "--workers", "1"),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    for number in range(3):
        line = {"id": number, "code": ADD, "tests": [f"assert add(1, {number}) == 2"]}
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == number  # stdin is still open
    rest, said = process.communicate(timeout=20)
    assert (rest, process.returncode) == ("", 0)
    assert "pass all their tests" in said  # the table does not mix with results


@linux
def test_samples_of_humaneval_give_pass_at_k(tmp_path: Path) -> None:
    problems = list(json_lines(humaneval_file()))[:12]
    lines = []
    for number, problem in enumerate(problems):
        right = {"task_id": problem["task_id"], "completion": problem["canonical_solution"]}
        wrong = {"task_id": problem["task_id"], "solution": "def f(): pass"}
        lines += [right, wrong if number % 2 else right]
    source, out = write(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl"
    arguments = ("exec", source, "--out", out, "--problems", "humaneval")
    ended = call(*arguments)
    assert ended.code == 0
    assert [line["passed"] for line in results(out)] == [True, True, True, False] * 6
    assert {line["trust"] for line in results(out) if line["passed"]} <= {"split", "object_eq"}
    assert "pass@1: 0.7500 over 12 tasks" in ended.out
    assert "Not estimated: pass@10, pass@100; 12 of 12 tasks have fewer samples." in ended.out
    assert "Only 12 of 164 problems have a sample" in ended.out
    again = call(*arguments, "--k", "2")
    assert again.code == 0 and "nothing was run" in again.out
    assert "pass@2: 1.0000 over 12 tasks" in again.out


@linux
def test_programs_import_what_is_listed_and_nothing_else(tmp_path: Path) -> None:
    code = "import numpy\ndef f(x): return numpy.ones(x)"
    line = {"id": 1, "code": code, "tests": ["import numpy\nassert list(f(2)) == [1, 1]"]}
    source = write(tmp_path / "in.jsonl", [line])
    assert call("exec", source, "--out", tmp_path / "without").code == 0
    assert results(tmp_path / "without")[0]["verdicts"] == ["error"]
    ended = call("exec", source, "--out", tmp_path / "with", "--packages", "numpy")
    assert ended.code == 0
    assert results(tmp_path / "with")[0]["verdicts"] == ["pass"]


@linux
@pytest.mark.parametrize("where", ["/dev/null", "/dev/full"])
def test_a_device_is_written_to_and_never_replaced(tmp_path: Path, where: str) -> None:
    source = write(tmp_path / "in.jsonl", [{"code": ADD, "tests": ["assert add(1, 2) == 3"]}])
    ended = call("exec", source, "--out", where)
    assert Path(where).is_char_device()
    if where == "/dev/full":
        assert ended.code == 1 and ended.error.startswith("error: /dev/full: no space left")
    else:
        assert ended.code == 0 and not Path("/dev/null.part").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["in.jsonl"], "Missing option '--out'"),
        (["in.jsonl", "--out", "o", "--workers", "0"], "Invalid value for '--workers'"),
        (["in.jsonl", "--out", "o", "--policy", "trust"], "Invalid value for '--policy'"),
        (["in.jsonl", "--out", "o", "--k", "1,x"], "give numbers from 1"),
        (["in.jsonl", "--out", "o", "--k", "0"], "give numbers from 1"),
        (["in.jsonl", "--out", "o", "--packages", "numpy==2"], "is no name of a package"),
        (["in.jsonl", "--out", "o", "--cpu-seconds", "0"], "Invalid value for --cpu-seconds"),
        (["in.jsonl", "--out", "o", "--memory-mib", "1"], "Invalid value for --memory-mib"),
    ],
)
def test_a_wrong_option_exits_with_2_and_says_why(arguments: list[str], says: str) -> None:
    ended = call("exec", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in flat(ended.err)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.jsonl", "--out", "o"], "none.jsonl: there is no such file"),
        (["in.jsonl", "--out", "."], ".: is a folder. Give a file."),
        (["in.jsonl", "--out", "in.jsonl"], "in.jsonl: is the input"),
        (["in.jsonl", "--out", "o", "--problems", "none"], "none: no such file. --problems takes"),
        (["in.jsonl", "--out", "o", "--packages", "no-such-one"], "pip install no-such-one"),
        (["in.jsonl.gz", "--out", "o"], "in.jsonl.gz: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    write(tmp_path / "in.jsonl", [{"code": ADD, "tests": ["assert add(1, 2) == 3"]}])
    (tmp_path / "in.jsonl.gz").write_bytes(b"\x1f\x8b no gzip")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        ended = call("exec", *arguments)
    finally:
        os.chdir(here)
    assert (ended.code, ended.out) == (1, "")
    assert says in ended.error
    assert len(list(tmp_path.iterdir())) == 2


@linux
def test_bad_lines_are_counted_and_exit_with_1(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    good = json.dumps({"code": ADD, "tests": ["assert add(1, 2) == 3"]})
    source.write_text(f"{good}\nnope\n[]\n{good}\n")
    ended = call("exec", source, "--out", tmp_path / "out.jsonl")
    assert ended.code == 1
    assert "2 lines of the input cannot be used" in ended.err
    assert [line.get("passed") for line in results(tmp_path / "out.jsonl")] == [
        True,
        None,
        None,
        True,
    ]
    assert "lines that cannot be used" in ended.out


@pytest.mark.parametrize("in_terminal", [True, False])
def test_the_bar_shows_speed_and_pass_rate_and_a_pipe_none(in_terminal: bool) -> None:
    stream = StringIO()
    console = Console(file=stream, force_terminal=in_terminal, width=120, color_system=None)
    tally = Tally()
    line = {"id": 1, "verdicts": ["pass"], "trust": "split", "passed": True, "flaky": False}
    tally.add({**line, "faults": [None]})
    with ProgramBar(console) as bar:
        bar.show(tally, 3)
        tally.add({**line, "verdicts": ["fail"], "passed": False, "faults": ["unknown_name"]})
        tally.add({"id": 2, "error": "in:2: no", "verdicts": []})
        bar.show(tally, 3)
    said = stream.getvalue()
    assert "1 lines were done before." in said
    assert ("3/3" in said and "/s  50.00% pass, 1 unusable" in said) == in_terminal
    assert ("\x1b" in said) == in_terminal
