"""The benchmark of execution: its programs are what they were, its arithmetic is right, it runs."""

import gzip
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.footprint import Sample, stretches
from benchmarks.harness import Case
from benchmarks.outer_wall import ROOT, behind_wall
from benchmarks.programs import at_pass_rate, load_cases
from benchmarks.ratios import HELD, Held, ratio_of
from benchmarks.session import Cost
from benchmarks.speed import WHOLE, Run
from opencodeinstruct.builder.errors import ProjectError, RowError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux")

ADD = "def add(a, b):\n    return a + b\n"
FROM = "from solution import add\n"

PYTEST_FILES = [
    ("test functions are called", "def test_it():\n    assert add(1, 2) == 3\n", True),
    ("each of them", "def test_a():\n    pass\ndef test_b():\n    assert add(1, 2) == 4\n", False),
    ("not what is no test", "def check_it():\n    assert False\ndef test_it():\n    pass\n", True),
    (
        "once for each case",
        "import pytest\n@pytest.mark.parametrize('a, sum', [(1, 2), (2, 4)])\n"
        "def test_it(a, sum):\n    assert add(a, 1) == sum\n",
        False,
    ),
    (
        "for each pair of cases",
        "import pytest\n@pytest.mark.parametrize('a', [1, 2])\n"
        "@pytest.mark.parametrize('b', [3, 4])\n"
        "def test_it(a, b):\n    assert add(a, b) == a + b != 6\n",
        False,
    ),
    (
        "an exception that is expected",
        "import pytest\ndef test_it():\n    with pytest.raises(TypeError, match='unsup'):\n"
        "        add(1, 'a')\n",
        True,
    ),
    (
        "one that does not come",
        "import pytest\ndef test_it():\n    with pytest.raises(TypeError):\n        add(1, 2)\n",
        False,
    ),
    (
        "another one",
        "import pytest\ndef test_it():\n    pytest.raises(ValueError, add, 1, 'a')\n",
        False,
    ),
    (
        "nearly equal numbers",
        "import pytest\ndef test_it():\n    assert add(0.1, 0.2) == pytest.approx(0.3)\n"
        "    assert [add(0.1, 0.2)] == pytest.approx([0.3])\n"
        "    assert add(0.1, 0.2) != pytest.approx(0.31)\n"
        "    assert add(1, 2) == pytest.approx(2.9, abs=0.2)\n"
        "    assert add(1, 2) != pytest.approx(2.7, abs=0.2)\n",
        True,
    ),
    (
        "pytest that was not imported is not there",
        "def test_it():\n    with pytest.raises(TypeError):\n        add(1, 'a')\n",
        False,
    ),
    (
        "what is set up before each test",
        "seen = []\ndef setup_function():\n    seen.append(1)\n"
        "def test_a():\n    assert seen == [1]\ndef test_b():\n    assert seen == [1, 1]\n",
        True,
    ),
    (
        "methods, each on a new object",
        "class TestIt:\n    def setup_method(self):\n        self.n = 1\n"
        "    def test_a(self):\n        self.n += 1\n        assert self.n == 2\n"
        "    def test_b(self):\n        assert add(self.n, 1) == 2\n",
        True,
    ),
    (
        "what is run as a program only",
        "def test_it():\n    pass\nif __name__ == '__main__':\n    raise SystemExit(1)\n",
        True,
    ),
    ("no tests at all", "x = 1\n", False),
    ("no Python", "def test it():\n", False),
]


def written(path: Path, *rows: dict[str, object]) -> Path:
    """A file of programs at `path`."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def row(
    tests: str, *, kind: str = "assert", expected: str = "pass", uid: str = "a"
) -> dict[str, object]:
    return {"uid": uid, "program": ADD, "tests": tests, "kind": kind, "expected": expected}


def passes(case: Case) -> bool:
    """Whether `case`, as one text, runs to its end; only for what is written in this file."""
    try:
        exec(case.script, {"__name__": "elsewhere"})
    except (SyntaxError, NameError, AssertionError, TypeError, SystemExit):
        return False
    finally:
        sys.modules.pop("solution", None)
    return True


# --- the programs


@pytest.fixture(scope="module")
def by_pytest(tmp_path_factory: pytest.TempPathFactory) -> list[bool]:
    """Which of `PYTEST_FILES` pass, by pytest itself."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "solution.py").write_text(ADD)
    for number, (_, tests, _) in enumerate(PYTEST_FILES):
        (folder / f"test_{number}.py").write_text(FROM + tests)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rA", "--tb=no", "-p", "no:cacheprovider"),
            "--continue-on-collection-errors",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.findall(r"^(PASSED|FAILED|ERROR) test_(\d+)", done.stdout, re.MULTILINE)
    outcomes = [{word for word, of in said if int(of) == n} for n in range(len(PYTEST_FILES))]
    return [found == {"PASSED"} for found in outcomes]


@pytest.mark.parametrize(
    ("number", "tests", "good"),
    [pytest.param(n, *case, id=name) for n, (name, *case) in enumerate(PYTEST_FILES)],
)
def test_a_pytest_file_passes_without_pytest_when_it_would_with_it(
    number: int, tests: str, good: bool, by_pytest: list[bool], tmp_path: Path
) -> None:
    (case,) = load_cases(written(tmp_path / "p.jsonl", row(FROM + tests, kind="pytest")))
    assert passes(case) == good
    assert by_pytest[number] == good


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("import pytest\n@pytest.fixture\ndef one():\n    return 1\n", "pytest.fixture"),
        ("def test_it(tmp_path):\n    pass\n", "takes fixtures"),
        ("from pytest import raises\n", "imports names from pytest"),
        ("import pytest\n@pytest.mark.skip\ndef test_it():\n    pass\n", "pytest.mark.skip"),
        ("import unittest\nclass TestIt(unittest.TestCase):\n    pass\n", "unittest"),
    ],
)
def test_a_pytest_file_that_cannot_be_turned_is_refused(
    tests: str, why: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "p.jsonl", row("assert True"), row(tests, kind="pytest", uid="b"))
    with pytest.raises(RowError, match=rf"p.jsonl:2: .*{why}"):
        load_cases(path)


def test_a_zipped_file_is_read_as_well_and_says_what_its_programs_import(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    program = "import numpy.linalg, math\nfrom pyarrow import table\nimport not_installed_at_all\n"
    line = {**row("assert add(1, 2) == 3"), "program": program, "entry_point": "add"}
    path.write_bytes(gzip.compress(json.dumps(line).encode()))
    (case,) = load_cases(path)
    assert (case.passes, case.entry_point) == (True, "add")
    assert case.packages == ("numpy", "pyarrow")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not json\n", "1: is not JSON"),
        (b"[]\n", "1: is not an object"),
        (b'{"uid": "a"}\n', '1: "program" must be a string'),
        (json.dumps({**row("x"), "expected": "?"}).encode(), '1: "expected"'),
        (json.dumps({**row("x"), "kind": "doctest"}).encode(), '1: "kind"'),
        (f"{json.dumps(row('x'))}\n{json.dumps(row('y'))}".encode(), "a uid occurs twice"),
        (b"", "holds no programs"),
        (b"\xff", "cannot be read"),
    ],
)
def test_a_file_that_is_no_file_of_programs_is_refused(
    content: bytes, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match=why):
        load_cases(path)


def test_without_a_file_there_are_humanevals_solutions_and_wrong_ones() -> None:
    cases = load_cases(None)
    assert [sum(case.passes for case in cases), len(cases)] == [164, 269]
    assert {case.uid for case in cases if case.passes} >= {"HumanEval/0/right"}


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from([0.1, 0.3, 0.61, 0.9]))
def test_programs_that_pass_are_left_out_until_the_rate_is_met(
    passing: list[bool], rate: float
) -> None:
    cases = [Case(str(index), "", "", good) for index, good in enumerate(passing)]
    kept = at_pass_rate(cases, rate)
    assert kept == at_pass_rate(cases, rate)
    assert [case for case in cases if case in kept] == kept
    assert [case for case in kept if not case.passes] == [c for c in cases if not c.passes]
    good = sum(case.passes for case in kept)
    assert good <= rate * len(kept) + 1e-9
    if good < sum(passing):  # one more would be too many
        assert (good + 1) / (len(kept) + 1) > rate


# --- the arithmetic


def run_of(method: str, turn: int, quick: tuple[float, float], slow: tuple[float, float]) -> Run:
    """A run of 10 quick programs and 2 slow ones, each (wall, CPU) seconds in all."""
    both = Cost(12, quick[0] + slow[0], quick[1] + slow[1], 0)
    return Run(method, WHOLE, 1, turn, Cost(10, *quick, 0), both, ())


def test_a_ratio_is_the_median_of_the_rounds_and_is_taken_within_a_round() -> None:
    runs = [
        run_of("screen", 0, (1, 1), (2, 2)),
        run_of("fork-server", 0, (1, 2), (2, 4)),  # 0.5
        run_of("screen", 1, (1, 9), (2, 9)),
        run_of("fork-server", 1, (1, 3), (2, 3)),  # 3
        run_of("screen", 2, (1, 4), (2, 8)),
        run_of("fork-server", 2, (1, 4), (2, 8)),  # 1
        run_of("screen", 3, (1, 99), (2, 99)),  # the other was not run in this round
    ]
    held = Held("screen", "fork-server", WHOLE, "cpu", 1.15)
    ratio = ratio_of(held, runs, 1, "all")
    assert ratio is not None
    assert (ratio.median, ratio.least, ratio.most) == (1, 0.5, 3)
    assert ratio_of(held, runs, 2, "all") is None
    assert held.holds(1.15) and not held.holds(1.16)


def test_programs_per_second_are_to_be_more_and_the_slow_can_be_left_out() -> None:
    runs = [run_of("screen", 0, (1, 1), (2, 2)), run_of("python", 0, (6, 6), (2, 2))]
    held = Held("screen", "python", WHOLE, "rate", 5)
    everything, quick = (ratio_of(held, runs, 1, part) for part in ("all", "quick"))
    assert everything is not None and everything.median == pytest.approx(8 / 3)
    assert quick is not None and quick.median == pytest.approx(6)
    assert held.holds(quick.median) and not held.holds(everything.median)


def test_what_is_asked_of_the_sandbox_is_what_is_held_against_it() -> None:
    assert [(one.method, one.other, one.asked) for one in HELD] == [
        ("screen", "fork-server", "at most 1.15"),
        ("confirm", "evalplus", "at most 0.7"),
        ("confirm", "evalplus", "at most 0.5"),
        ("screen", "python", "at least 5"),
        ("confirm", "python", "at least 5"),
    ]


@given(st.integers(0, 49), st.integers(0, 300), st.just(50))
def test_a_long_run_goes_round_its_programs(first: int, count: int, length: int) -> None:
    found = list(stretches(first, count, length))
    ran = [start + index for start, size in found for index in range(size)]
    assert ran == [(first + index) % length for index in range(count)]


@pytest.mark.parametrize(
    ("change", "grown"),
    [
        ({}, []),
        ({"processes": 9}, ["processes"]),
        ({"tmp_inodes": 2, "files": 1}, ["tmp_inodes", "files"]),
        ({"memory": 104}, []),  # within what an allocator keeps
        ({"memory": 106}, ["memory"]),
        ({"descriptors": None}, []),  # the kernel did not say
    ],
)
def test_what_grew_in_a_long_run_is_named(change: dict[str, int], grown: list[str]) -> None:
    before = dict.fromkeys(Sample.__dataclass_fields__, 0)
    before |= {"processes": 8, "descriptors": 30, "tmp_inodes": 1, "memory": 100}
    assert Sample(**{**before, **change}).grew_since(Sample(**before)) == grown


# --- the command


def benchmark(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """The command, ended."""
    return subprocess.run(
        [sys.executable, "benchmarks/execution.py", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def walled() -> None:
    """The outer wall can be built here."""
    tried = subprocess.run(behind_wall(["true"]), capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no wall can be built here: {tried.stderr}")


@pytest.mark.usefixtures("walled")
def test_a_small_run_gives_every_figure_of_two_methods(tmp_path: Path) -> None:
    data = written(
        tmp_path / "p.jsonl",
        row("assert add(1, 2) == 3", uid="right"),
        row(FROM + "def test_it():\n    assert add(1, 2) == 4\n", kind="pytest", expected="fail"),
        row("while True:\n    pass\n", expected="fail", uid="endless"),
        row("assert add(1, 2) == 4", uid="known wrongly"),
    )
    json_path = tmp_path / "figures" / "e.json"
    done = benchmark(
        *("--data", data, "--json", json_path, "--parts", "speed", "--rounds", "2"),
        *("--only", "python,fork-server", "--workers", "2", "--seconds", "2"),
    )
    assert done.returncode == 0, done.stderr
    assert "| fork server without walls" in done.stdout
    found = json.loads(json_path.read_text(encoding="utf-8"))
    assert found["sets"][0] == {
        "name": WHOLE,
        "programs": 4,
        "pass_rate": 0.5,
        "slow": ["endless"],
    }
    runs = found["runs"]
    assert [len(runs), {run["method"] for run in runs}] == [4, {"python", "fork-server"}]
    for run in runs:
        assert run["wrong"] == ["known wrongly"]
        assert (run["quick"]["programs"], run["all"]["programs"]) == (3, 4)
        assert run["all"]["seconds"] >= 1.9
        assert run["quick"]["cpu_seconds"] < run["all"]["cpu_seconds"] + 10
    assert found["machine"]["cores"] > 0
    assert "benchmarks/execution.py" in found["machine"]["command"]


@pytest.mark.usefixtures("walled")
@pytest.mark.skipif(find_spec("evalplus") is not None, reason="EvalPlus is installed")
def test_a_harness_that_is_not_installed_is_said_and_left_out(tmp_path: Path) -> None:
    data = written(tmp_path / "p.jsonl", row("assert add(1, 2) == 3"))
    done = benchmark("--data", data, "--parts", "speed", "--only", "evalplus", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    assert "Left out: evalplus: the package evalplus is absent" in done.stdout
    assert "pip install --no-deps -r benchmarks/requirements.txt" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "--only fork-server,screen"),
        (["--only", "nsjail"], 2, "nsjail"),
        (["--parts", "colour"], 2, "colour"),
        (["--workers", "1,x"], 2, "--workers"),
        (["--data", "no-such-file.jsonl"], 1, "error: no-such-file.jsonl: cannot be read"),
    ],
)
def test_the_command_says_what_it_takes(arguments: list[str], code: int, said: str) -> None:
    done = benchmark(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
