"""Execute: a verdict for each test; whatever the verdicts, the row goes on."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.builder.schema import VERDICTS, table_of, working_schema
from opencodeinstruct.tools.outcome import Deferred, Kept, Row
from opencodeinstruct.tools.ports import Limits, Program, Run, RunResult, TestVerdict
from opencodeinstruct.tools.stages.asking import settle
from opencodeinstruct.tools.stages.execute import ExecuteSettings, execute


def row_with(tests: int) -> Row:
    lines = [f"assert f({number}) == {number}" for number in range(tests)]
    return {
        "id": "0" * 32,
        "solution": "def f(x):\n    return x\n",
        "unit_tests": json.dumps(lines),
        "entry_point": "f",
    }


def judging(*verdicts: str, ran: list[Program] | None = None) -> Run:
    async def run(program: Program) -> RunResult:
        if ran is not None:
            ran.append(program)
        return RunResult(tuple(TestVerdict(verdict) for verdict in verdicts), 0.1)

    return run


def executed(row: Row, run: Run, **settings: Any) -> Row:
    outcome = asyncio.run(execute(row, run, ExecuteSettings(**settings)))
    assert isinstance(outcome, Kept)
    return outcome.row


@pytest.mark.parametrize(
    ("verdicts", "statuses", "passed", "rate"),
    [
        (["pass", "pass"], ["pass", "pass"], 2, 1.0),
        (["pass", "fail", "pass"], ["pass", "fail", "pass"], 2, 2 / 3),
        (["fail"], ["fail"], 0, 0.0),
        (list(VERDICTS), ["pass", *["fail"] * 6], 1, 1 / 7),
        (["pass"] * 9 + ["error"], ["pass"] * 9 + ["fail"], 9, 0.9),
        (["crash"] * 3, ["fail"] * 3, 0, 0.0),
        (["timeout", "pass"], ["fail", "pass"], 1, 0.5),
    ],
)
def test_every_test_has_its_status_in_its_place(
    verdicts: list[str], statuses: list[str], passed: int, rate: float
) -> None:
    row = executed(row_with(len(verdicts)), judging(*verdicts))
    assert row["test_verdicts"] == verdicts
    assert json.loads(row["tests_execution_status"]) == statuses
    assert (row["tests_passed"], row["tests_total"]) == (passed, len(verdicts))
    assert row["pass_rate"] == rate  # exactly: `>= 0.9` must find nine of ten
    assert row["average_test_score"] == rate
    table = table_of([row], working_schema())
    assert table.column("pass_rate").to_pylist() == [rate]


@given(verdicts=st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=30))
def test_counts_add_up_whatever_the_verdicts(verdicts: list[str]) -> None:
    before = row_with(len(verdicts))
    row = executed(before, judging(*verdicts))
    statuses = json.loads(row["tests_execution_status"])
    assert len(statuses) == len(json.loads(row["unit_tests"])) == row["tests_total"]
    assert statuses.count("pass") == row["tests_passed"]
    assert row["pass_rate"] * row["tests_total"] == pytest.approx(row["tests_passed"])
    assert {key: row[key] for key in before} == before


def test_the_program_is_the_row_s_code_with_its_tests_and_the_limits() -> None:
    ran: list[Program] = []
    executed(
        row_with(2),
        judging("pass", "fail", ran=ran),
        cpu_seconds=1,
        wall_seconds=2,
        memory_mib=64,
        total_seconds=3,
    )
    assert ran == [
        Program(
            "def f(x):\n    return x\n",
            ("assert f(0) == 0", "assert f(1) == 1"),
            "f",
            Limits(1, 2, 64, total_seconds=3),
        )
    ]


def having(*verdicts: TestVerdict, flaky: bool = False) -> Run:
    async def run(program: Program) -> RunResult:
        return RunResult(verdicts, 0.1, flaky=flaky)

    return run


@pytest.mark.parametrize(
    ("verdicts", "trust"),
    [
        ([TestVerdict("pass", trust="split")] * 2, "split"),
        ([TestVerdict("pass", trust="split"), TestVerdict("pass", trust="object_eq")], "object_eq"),
        ([TestVerdict("pass", trust="shared"), TestVerdict("pass", trust="split")], "shared"),
        ([TestVerdict("pass", trust="split"), TestVerdict("fail")], "split"),  # of what passes
        ([TestVerdict("fail")] * 2, "shared"),  # nothing does
    ],
)
@pytest.mark.parametrize("flaky", [True, False])
def test_a_row_says_how_far_its_verdicts_can_be_trusted(
    verdicts: list[TestVerdict], trust: str, flaky: bool
) -> None:
    row = executed(row_with(2), having(*verdicts, flaky=flaky))
    assert (row["test_trust"], row["flaky"]) == (trust, flaky)
    table_of([row], working_schema())


def test_a_row_tells_tests_that_cannot_run_from_a_solution_that_fails() -> None:
    tests = ["assert f(1) == 2", "assert f(1) ==", "assert g(1) == 1", "assert f(k) == 1", "f(1)"]
    row = executed(
        {**row_with(0), "unit_tests": json.dumps(tests)},
        having(
            TestVerdict("fail", "AssertionError", 1, "test"),
            TestVerdict("error", "SyntaxError: invalid syntax", 1, "test"),
            TestVerdict("error", "NameError: name 'g' is not defined", 1, "test"),
            TestVerdict("error", "NameError: name 'k' is not defined", 1, "test"),
            TestVerdict("pass", trust="split"),
        ),
    )
    assert row["test_faults"] == [
        None,
        "does_not_parse",
        "does_not_call",
        "unknown_name",
        "asserts_nothing",
    ]
    (column,) = table_of([row], working_schema()).column("test_faults").to_pylist()
    assert column == row["test_faults"]


def test_packages_are_kept_once_each_as_indexes_spell_them() -> None:
    settings = ExecuteSettings(packages=("Pandas", "numpy", "ruamel.yaml", "pandas", "a_b"))
    assert settings.packages == ("a-b", "numpy", "pandas", "ruamel-yaml")


@pytest.mark.parametrize(
    "name", ["numpy==2.0", "numpy>=1", "", " numpy", "../x", "-r", "a b", "numpy[x]", "numpy\n"]
)
def test_what_is_no_name_of_a_package_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no name of a package"):
        ExecuteSettings(packages=(name,))


def test_without_any_test_the_rates_are_unknown() -> None:
    row = executed(row_with(0), judging())
    assert (row["tests_passed"], row["tests_total"]) == (0, 0)
    assert row["pass_rate"] is None
    assert row["average_test_score"] is None
    assert json.loads(row["tests_execution_status"]) == []
    table_of([row], working_schema())


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_sandbox_that_judges_other_than_all_tests_has_failed(count: int) -> None:
    row = row_with(2)
    outcome = asyncio.run(settle(execute(row, judging(*["pass"] * count), ExecuteSettings()), row))
    assert outcome == Deferred(row, f"the sandbox judged {count} of 2 tests")


def test_a_failed_sandbox_says_nothing_about_the_row() -> None:
    async def run(program: Program) -> RunResult:
        raise ServiceError("no walls")

    with pytest.raises(ServiceError, match="no walls"):
        executed(row_with(1), run)
