"""Samples of a benchmark, and the problems that they are run against."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.ports import Limits, Program
from opencodeinstruct.tools.programs.entries import Entry, Reader, Unusable
from opencodeinstruct.tools.programs.lines import Line
from opencodeinstruct.tools.programs.problems import Problem, read_problems

HUMANEVAL = {
    "task_id": "Mine/0",
    "prompt": "def add(a, b):\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}
MBPP = {
    "task_id": 11,
    "text": "Add.",
    "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
}
LIMITS = Limits(cpu_seconds=1)


def problems_of(path: Path, *records: dict[str, Any]) -> dict[str, Problem]:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read_problems(str(path))


def test_humaneval_comes_with_its_package_and_is_checked_as_one_test() -> None:
    problems = read_problems("humaneval")
    assert list(problems) == [f"HumanEval/{number}" for number in range(164)]
    first = problems["HumanEval/0"]
    assert first.entry_point == "has_close_elements"
    (test,) = first.tests
    assert test.endswith("\ncheck(has_close_elements)") and test.count("check(") == 2


def test_a_file_of_humaneval_s_form_may_be_gzipped(tmp_path: Path) -> None:
    plain = problems_of(tmp_path / "mine.jsonl", HUMANEVAL)
    packed = tmp_path / "mine.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "mine.jsonl").read_bytes()))
    assert read_problems(str(packed)) == plain
    assert plain["Mine/0"].tests == (f"{HUMANEVAL['test']}\ncheck(add)",)


@pytest.mark.parametrize(
    "test", ["def check(c):\n    assert c(1)\n\ncheck(add)\n", "assert add(1, 2) == 3"]
)
def test_a_test_that_checks_already_stays_as_it_is(tmp_path: Path, test: str) -> None:
    problems = problems_of(tmp_path / "mine.jsonl", {**HUMANEVAL, "test": test})
    assert problems["Mine/0"].tests == (test,)


def test_problems_of_mbpp_s_form_have_a_test_for_each_assert(tmp_path: Path) -> None:
    problem = {**MBPP, "test_imports": ["import math"], "test_setup_code": "root = Node(1)"}
    problems = problems_of(tmp_path / "mbpp.jsonl", MBPP, {**problem, "task_id": "Mbpp/12"})
    assert problems["11"] == Problem("", tuple(map(str, MBPP["test_list"])))  # type: ignore[call-overload]
    assert problems["Mbpp/12"].tests[0] == "import math\nassert add(1, 2) == 3"
    assert problems["Mbpp/12"].setup == "\nroot = Node(1)\n"


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({**HUMANEVAL, "task_id": None}, '"task_id" must be text or a whole number'),
        ({**HUMANEVAL, "test": 3}, '"test" must be a string'),
        ({**HUMANEVAL, "prompt": ["x"]}, '"prompt" must be a string'),
        ({**HUMANEVAL, "entry_point": None}, "what is to be checked"),
        ({"task_id": 1}, 'neither a "test" nor a "test_list"'),
        ({**MBPP, "test_list": []}, 'neither a "test" nor a "test_list"'),
        ({**MBPP, "test_list": "assert add(1, 2) == 3"}, '"test_list" must be a list of strings'),
        ({**MBPP, "test_imports": [1]}, '"test_imports" must be a list of strings'),
        (HUMANEVAL, "task_id 'Mine/0' stands there twice"),
    ],
)
def test_half_a_benchmark_is_refused(tmp_path: Path, record: dict[str, Any], says: str) -> None:
    path = tmp_path / "mine.jsonl"
    with pytest.raises(ProjectError) as caught:
        problems_of(path, HUMANEVAL, record)
    assert str(caught.value).startswith(f"{path}:2: ") and says in str(caught.value)


@pytest.mark.parametrize("name", ["humanevil", "none.jsonl"])
def test_problems_that_are_not_there_are_named(name: str) -> None:
    with pytest.raises(ProjectError, match=f"{name}: no such file. --problems takes `humaneval`"):
        read_problems(name)


def test_a_file_without_problems_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="holds no problem"):
        problems_of(tmp_path / "mine.jsonl")


ADD = "def add(a, b):\n    return a + b\n"
TESTS = (f"{HUMANEVAL['test']}\ncheck(add)",)


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        ({"task_id": "Mine/0", "completion": "    return a + b\n"}, ADD),
        ({"task_id": "Mine/0", "solution": ADD}, ADD),
        ({"task_id": "Mine/0", "solution": ADD, "completion": "nonsense"}, ADD),  # as EvalPlus
        ({"task_id": "Mine/0", "solution": None, "completion": "    return a + b\n"}, ADD),
        ({"id": "Mine/0", "solution": ADD}, ADD),
        ({"id": 5, "task_id": "Mine/0", "solution": ADD}, ADD),  # five of Mine/0
    ],
)
def test_a_sample_is_a_solution_or_completes_the_prompt(
    tmp_path: Path, sample: dict[str, str], code: str
) -> None:
    reader = Reader("in", LIMITS, problems_of(tmp_path / "mine.jsonl", HUMANEVAL))
    entry = reader.read(Line(1, json.dumps(sample).encode()))
    assert entry == Entry("Mine/0", Program(code, TESTS, "add", LIMITS))


def test_what_tests_need_is_set_up_behind_the_sample(tmp_path: Path) -> None:
    problem = {**MBPP, "test_setup_code": "root = 1"}
    reader = Reader("in", LIMITS, problems_of(tmp_path / "mbpp.jsonl", problem))
    entry = reader.read(Line(1, b'{"task_id": 11, "solution": "def add(a, b): return a + b"}'))
    assert isinstance(entry, Entry) and entry.id == 11
    assert entry.program.code == "def add(a, b): return a + b\nroot = 1\n"


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ({"solution": ADD}, '"task_id" is missing: which problem is it for?'),
        ({"task_id": "Mine/1", "solution": ADD}, "no problem is called 'Mine/1'; they are called"),
        ({"task_id": "Mine/0"}, 'a sample has a "solution" (the whole code) or a "completion"'),
        ({"task_id": "Mine/0", "solution": 3}, '"solution" must be a string'),
        ({"task_id": "Mine/0", "completion": ["x"]}, '"completion" must be a string'),
    ],
)
def test_a_sample_that_cannot_be_used_says_why(
    tmp_path: Path, sample: dict[str, Any], says: str
) -> None:
    reader = Reader("in", LIMITS, problems_of(tmp_path / "mine.jsonl", HUMANEVAL))
    found = reader.read(Line(7, json.dumps(sample).encode()))
    assert isinstance(found, Unusable)
    assert found.error.startswith("in:7: ") and says in found.error
