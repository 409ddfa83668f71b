"""The example problems: each is right about itself and none is near a benchmark's."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.outcome import Kept
from opencodeinstruct.tools.sources.read import read_seeds
from opencodeinstruct.tools.stages.clean import CleanSettings, clean
from opencodeinstruct.tools.stages.decontaminate import (
    DecontaminateSettings,
    decontaminate,
    survey,
)
from opencodeinstruct.tools.stages.dedup import DedupSettings, dedup
from opencodeinstruct.tools.stages.seeds import ProblemFields, ProblemsSource
from opencodeinstruct.tools.text.benchmark_index import index_benchmarks
from tests.driving import columns_in

PATH = Path(__file__).parents[1] / "examples" / "problems.jsonl"
PROBLEMS: list[dict[str, Any]] = [json.loads(line) for line in PATH.read_text().splitlines()]
each_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=[one["id"] for one in PROBLEMS])


def test_there_are_twenty_five_different_problems() -> None:
    assert len(PROBLEMS) == 25
    assert (
        len({one["id"] for one in PROBLEMS}) == len({one["entry_point"] for one in PROBLEMS}) == 25
    )


@each_problem
def test_the_reference_passes_its_three_tests(problem: dict[str, Any]) -> None:
    names: dict[str, Any] = {}
    exec(problem["reference"], names)  # the file is ours
    assert len(problem["tests"]) == 3
    for test in problem["tests"]:
        exec(test, names)


@each_problem
def test_the_example_in_the_statement_is_right(problem: dict[str, Any]) -> None:
    names: dict[str, Any] = {}
    exec(problem["reference"], names)
    shown = re.search(r"[Ff]or example, `(.+?)` returns ", problem["statement"])
    assert shown is not None
    given = eval(shown.group(1).replace("\n", "\\n"), names)
    assert problem["statement"][shown.end() :].replace('"', "'").startswith(repr(given))


@each_problem
def test_the_statement_is_short_and_names_the_function(problem: dict[str, Any]) -> None:
    assert 40 <= len(problem["statement"].split()) <= 90
    assert problem["signature"].removeprefix("def ") in problem["statement"]
    assert problem["signature"].startswith(f"def {problem['entry_point']}(")
    assert problem["license"] == "MIT"


def test_all_are_read_as_ready_made_questions() -> None:
    fields = ProblemFields(
        input="statement",
        id="id",
        entry_point="entry_point",
        signature="signature",
        license="license",
    )
    source = ProblemsSource(kind="problems", path=str(PATH), fields=fields)
    outcomes = list(read_seeds([source], 0))
    assert all(isinstance(outcome, Kept) for outcome in outcomes)
    assert [outcome.row["signature"] for outcome in outcomes] == [
        one["signature"] for one in PROBLEMS
    ]


def test_none_is_unclean_alike_or_near_a_benchmark() -> None:
    table = pa.table(
        {
            "input": [one["statement"] for one in PROBLEMS],
            "entry_point": [one["entry_point"] for one in PROBLEMS],
            "output": [one["reference"] for one in PROBLEMS],
            "unit_tests": [json.dumps(one["tests"]) for one in PROBLEMS],
        }
    )
    assert clean(table, CleanSettings()).reasons.null_count == 25
    assert dedup(columns_in(table), DedupSettings(threshold=0.2)).reasons.null_count == 25
    strict = DecontaminateSettings(ngram_words=8, containment=0.5, evidence=5)
    scales = survey([table], index_benchmarks([load_benchmark("humaneval")]), strict)
    verdicts = decontaminate(table, scales, strict)
    assert verdicts.evidence is not None
    assert verdicts.evidence.drop_null().to_pylist() == []
