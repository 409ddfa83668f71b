"""`export`: rows in the shapes that trainers read."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.builder.shards import write_shards
from opencodeinstruct.builder.subsets import Choice
from opencodeinstruct.tools.export import Exported, Shape, export
from opencodeinstruct.tools.exports import messages_of, pairs_of
from tests.rows import finished_rows

ROWS = finished_rows(80)
QUESTION = "Add one."
TRL = os.environ.get("OPENCODEINSTRUCT_TRL")  # the interpreter of an environment that has trl


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("export") / "dataset"
    answers = [
        {**ROWS[number], "input": QUESTION, "output": f"answer {number}", "tests_total": 10}
        | {"tests_passed": passed, "pass_rate": passed / 10, "average_test_score": passed / 10}
        for number, passed in enumerate((10, 9, 5, 2, 0))
    ]
    write_shards([table_of(answers + ROWS[5:], dataset_schema())], place)
    return place


def exported(
    folder: Path, out: Path, shape: Shape, **more: Any
) -> tuple[Exported, list[dict[str, Any]]]:
    done = export(folder, shape, out, more.pop("choice", Choice()), **more)
    if done.path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(done.path).to_pylist()
        return done, rows
    return done, [json.loads(line) for line in done.path.read_text().splitlines()]


@pytest.mark.parametrize("name", ["train.jsonl", "train.parquet"])
def test_messages_are_question_and_answer(folder: Path, tmp_path: Path, name: str) -> None:
    done, records = exported(folder, tmp_path / name, Shape.MESSAGES)
    assert (done.rows, done.records) == (80, 80)
    said = {row["id"]: (row["input"], row["output"]) for row in ROWS[5:]}
    for record in records:
        user, assistant = record["messages"]
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        if record["id"] in said:
            assert (user["content"], assistant["content"]) == said[record["id"]]


def test_only_chosen_rows_are_written(folder: Path, tmp_path: Path) -> None:
    choice = Choice(min_judge_score=4, min_pass_rate=0.7, domains=("generic",))
    _, records = exported(folder, tmp_path, Shape.RL, choice=choice)
    expected = {
        row["id"]
        for row in ROWS[5:]
        if row["judge_score"] >= 4 and row["pass_rate"] >= 0.7 and row["domain"] == "generic"
    }
    first = {row["id"] for row in ROWS[:5]}
    assert {record["info"]["id"] for record in records} - first == expected


def test_a_task_has_prompt_tests_and_entry_point(folder: Path, tmp_path: Path) -> None:
    _, records = exported(folder, tmp_path / "tasks.jsonl", Shape.RL)
    by_id = {record["info"]["id"]: record for record in records}
    row = ROWS[10]
    assert by_id[row["id"]] == {
        "prompt": [{"role": "user", "content": row["input"]}],
        "answer": row["solution"],
        "tests": json.loads(row["unit_tests"]),
        "entry_point": row["entry_point"],
        "contract": row.get("contract") or "",
        "info": {name: row[name] for name in ("id", "domain", "judge_score", "pass_rate")},
    }


def test_pairs_are_those_of_acecoder(folder: Path, tmp_path: Path) -> None:
    done, records = exported(folder, tmp_path / "pairs.jsonl", Shape.PREFERENCE)
    pairs = [(record["score_chosen"], record["score_rejected"]) for record in records]
    assert pairs == [(1.0, 0.2), (0.9, 0.2)]  # none passes nothing, and 0.5 is not above 0.8
    assert records[0]["prompt"] == [{"role": "user", "content": QUESTION}]
    assert done.records == 2


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([1.0, 0.0], []),  # the rejected one must pass some
        ([1.0, 0.6], []),  # 0.4 less is not more than 0.4 less
        ([1.0, 0.5], [(1.0, 0.5)]),
        ([0.8, 0.1], []),  # not above 0.8
        ([0.9, None, 0.1], [(0.9, 0.1)]),
        ([1.0], []),
    ],
)
def test_the_rule_of_pairs_at_its_edges(
    rates: list[float | None], expected: list[tuple[float, float]]
) -> None:
    rows = [
        {"id": str(number), "input": QUESTION, "output": f"{number}", "pass_rate": rate}
        for number, rate in enumerate(rates)
    ]
    pairs = [(pair["score_chosen"], pair["score_rejected"]) for pair in pairs_of(rows)]
    assert pairs == expected


def test_without_several_answers_to_a_question_it_says_so_and_leaves_no_file(
    tmp_path: Path,
) -> None:
    write_shards([table_of(ROWS[5:25], dataset_schema())], tmp_path / "dataset")
    with pytest.raises(ProjectError, match="several answers to one question"):
        export(tmp_path / "dataset", Shape.PREFERENCE, tmp_path / "out.jsonl", Choice())
    assert not (tmp_path / "out.jsonl").exists()


def test_code_to_code_asks_with_the_code_that_a_question_quotes() -> None:
    row = {"id": "1", "input": "Fix:\n```python\nx = 1\n```\nPlease.", "output": "y"}
    asked = messages_of(row, code_to_code=True)
    assert asked is not None
    assert "```python\nx = 1\n```" in asked["messages"][0]["content"]
    assert "Please" not in asked["messages"][0]["content"]
    assert messages_of({**row, "input": "No code."}, code_to_code=True) is None


def test_trl_takes_them_for_what_they_are(folder: Path, tmp_path: Path) -> None:
    if TRL is None:
        pytest.skip("OPENCODEINSTRUCT_TRL names no Python of an environment with trl")
    files = {shape.value: tmp_path / f"{shape.value}.jsonl" for shape in Shape}
    for shape in Shape:
        export(folder, shape, files[shape.value], Choice())
    program = (
        "import sys\n"
        "from datasets import load_dataset\n"
        "from trl import data_utils\n"
        "for name, path in zip(('messages', 'preference', 'rl'), sys.argv[1:]):\n"
        "    rows = load_dataset('json', data_files=path, split='train')\n"
        "    row = rows[0]\n"
        "    print(name, data_utils.is_conversational(row), rows.num_rows)\n"
    )
    paths = [files[name] for name in ("messages", "preference", "rl")]
    done = subprocess.run(
        [TRL, "-c", program, *paths],
        capture_output=True,
        text=True,
        check=False,
        env={"HF_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "messages True 80",
        "preference True 2",
        "rl True 80",
    ]
