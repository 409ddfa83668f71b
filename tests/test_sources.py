"""Reading seeds from files in any state: no row is lost, none is read twice, order is stable."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.outcome import Dropped, Kept
from opencodeinstruct.tools.sources.read import read_seeds
from opencodeinstruct.tools.sources.records import MAX_LINE
from opencodeinstruct.tools.stages.seeds import Source
from tests.seed_files import dropped, origins, problems, read

FIELDS = {"input": "text", "entry_point": "name", "signature": "head"}


def test_each_broken_line_is_a_rejection_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"input": "first"}',  # a byte order mark
        b'{"input": "cut',
        b"[1, 2]",
        b"",  # blank lines are no rows
        b'{"question": "x"}',
        b'{"input": 1.5}',
        b'{"input": null}',
        b'{"input": "  "}',
        b'{"input": "na\xefve"}',  # Latin-1
        b'{"input": "a\\u0000b"}',
        b'{"input": "\\ud800"}',
        b'{"input": "a\0b"}',
        b"[" * 100_000,
        b'{"input": "' + b"9" * 5 + b'", "n": ' + b"9" * 5000 + b"}",
        b'{"input": "first"}',
        b'{"input": "last"}\r',
    ]
    path = tmp_path / "problems.jsonl"
    path.write_bytes(b"\n".join(lines))
    outcomes = problems(path, license="MIT")
    assert origins(outcomes) == ["problems.jsonl:1", "problems.jsonl:16"]
    assert dropped(outcomes) == [
        "broken_line",
        "broken_line",
        "missing_field",
        "wrong_type",
        "empty",
        "empty",
        "bad_encoding",
        "bad_characters",
        "bad_characters",
        "broken_line",
        "broken_line",
        "broken_line",
        "duplicate_seed",
    ]
    assert len(outcomes) == 15
    evidence = [one.evidence for one in outcomes if isinstance(one, Dropped)]
    assert evidence[0].startswith("problems.jsonl:2: ")
    assert evidence[2] == "problems.jsonl:5: no 'input'; it has question"
    assert outcomes[0].row["seed_text"] == "first"
    assert outcomes[0].row["domain"] == "algorithmic"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b"\n\n", "empty_file"),
        ('{"input": "x"}\n'.encode("utf-16"), "bad_encoding"),
        ('{"input": "x"}\n'.encode("utf-16-le"), "bad_encoding"),
        (b'[\n {"input": "x"}\n]\n', "not_jsonl"),
        (b"PAR1 is what Parquet begins with", "broken_file"),
        (b"\x1f\x8b no gzip", "broken_file"),
        (b"ARROW1 no arrow", "broken_file"),
    ],
)
def test_an_unusable_file_is_one_rejection(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(content)
    assert dropped(problems(path)) == [reason]


def test_a_cut_gzip_file_gives_what_came_before_the_cut(tmp_path: Path) -> None:
    lines = [json.dumps({"input": f"problem {n} {n**99}"}) for n in range(2000)]
    data = gzip.compress("\n".join(lines).encode())
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(data[: len(data) // 2])
    outcomes = problems(path)
    assert dropped(outcomes) == ["broken_file"]
    assert 100 < len(origins(outcomes)) < 2000
    path.write_bytes(data)
    assert len(origins(problems(path))) == 2000


def test_a_line_of_many_megabytes_is_skipped_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"input": "' + b"x" * (2 * MAX_LINE) + b'"}\n{"input": "small"}\n')
    outcomes = problems(path)
    assert dropped(outcomes) == ["line_too_long"]
    assert origins(outcomes) == ["p.jsonl:2"]


def test_a_problem_with_a_signature_is_a_question(tmp_path: Path) -> None:
    rows = [
        {"text": "Do f.", "name": "f", "head": "def f(x: int) -> int:"},
        {"text": "Do g.", "name": "g", "head": "def h(x)"},  # of another name
        {"text": "Do k.", "name": "k", "head": "k takes x"},
        {"text": "Do l.", "name": None, "head": None},  # a plain problem
        {"text": "Do m.", "name": "m"},
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    outcomes = problems(path, fields=FIELDS, license="CC-BY-4.0")
    assert dropped(outcomes) == ["bad_signature", "bad_signature", "missing_field"]
    first, plain = (one.row for one in outcomes if isinstance(one, Kept))
    assert first["input"] == first["seed_text"] == "Do f."
    assert (first["entry_point"], first["signature"]) == ("f", "def f(x: int) -> int")
    assert (first["operation"], first["generation_algorithm"]) == ("seed", "oss-instruct")
    assert first["license"] == "CC-BY-4.0"
    assert "input" not in plain


def test_a_records_own_licence_and_id_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"input": "a", "l": "MIT", "n": 7}\n{"input": "b", "l": null, "n": 8}\n'
        '{"input": "c", "l": "do as you like", "n": 9}\n'
    )
    outcomes = problems(path, fields={"license": "l", "id": "n"}, license="Apache-2.0")
    assert origins(outcomes) == ["p.jsonl:1#7", "p.jsonl:2#8"]
    assert [one.row["license"] for one in outcomes[:2]] == ["MIT", "Apache-2.0"]
    assert dropped(outcomes) == ["bad_license"]


def test_parquet_rows_are_read_in_order_and_bad_text_is_its_rows_trouble(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    bad = pa.array([b"good", b"na\xefve", None, b"fine"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 4, bad.buffers())
    pq.write_table(pa.table({"input": text, "other": [1, 2, 3, 4]}), path)
    outcomes = problems(path)
    assert origins(outcomes) == ["p.parquet:1", "p.parquet:4"]
    assert dropped(outcomes) == ["bad_encoding", "empty"]


def test_a_parquet_file_without_the_column_says_which_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"inputs": ["a"], "id": [1]}), path)
    with pytest.raises(ProjectError, match=r"no column 'input'.*inputs, id.*'inputs'"):
        problems(path)


@pytest.mark.parametrize("kind", ["code", "problems", "taco"])
def test_a_path_that_is_not_there_is_an_error_before_anything_is_read(
    tmp_path: Path, kind: str
) -> None:
    source = TypeAdapter[Any](Source).validate_python({"kind": kind, "path": f"{tmp_path}/absent"})
    with pytest.raises(ProjectError, match="absent"):
        read_seeds([source], 0)


def test_a_limit_draws_problems_by_seed_and_keeps_their_order(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(json.dumps({"input": f"p{n // 2}"}) for n in range(200)) + "\nbroken")
    source = {"kind": "problems", "path": str(path), "limit": 10}
    first, again, other = read(source), read(source), read(source, seed=1)
    assert first == again
    assert origins(first) != origins(other)
    numbers = [int(origin.split(":")[1]) for origin in origins(first)]
    assert len(numbers) == 10
    assert numbers == sorted(numbers)
    assert max(numbers) > 100
    assert Counter(dropped(first)) == {"duplicate_seed": 100, "broken_line": 1}


TACO: dict[str, list[Any]] = {
    "question": ["Add the numbers on each line.", "Find the path.", ""],
    "solutions": ["[]", "[]", "[]"],
    "starter_code": ["", "class Solution:\n    def path(self): ...", ""],
    "input_output": ['{"inputs": ["1 2"], "outputs": ["3"]}', "{broken", ""],
    "difficulty": ["EASY"] * 3,
    "raw_tags": ["[]"] * 3,
    "Expected Time Complexity": [None] * 3,
}


def test_taco_is_read_in_each_layout_it_is_published_in(tmp_path: Path) -> None:
    table = pa.table(TACO)
    for place in ("saved/train", "hub/ALL", "plain"):
        (tmp_path / place).mkdir(parents=True)
    with pa.ipc.new_stream(tmp_path / "saved/train/data-00000-of-00001.arrow", table.schema) as out:
        out.write_table(table)
    pq.write_table(table, tmp_path / "hub/ALL/train-00000-of-00001.parquet")
    pq.write_table(table, tmp_path / "hub/ALL/test-00000-of-00001.parquet")
    (tmp_path / "plain/train.jsonl").write_text("\n".join(map(json.dumps, table.to_pylist())))
    found = [
        read({"kind": "taco", "path": str(tmp_path / place)}) for place in ("saved", "hub", "plain")
    ]
    for outcomes in found:
        assert [one.row["seed_text"] for one in outcomes[:2]] == TACO["question"][:2]
        assert {one.row["license"] for one in outcomes[:2]} == {"Apache-2.0"}
        assert dropped(outcomes) == ["empty"]
    assert origins(found[0]) == [f"train/data-00000-of-00001.arrow:{n}" for n in (1, 2)]
    with pytest.raises(ProjectError, match="'valid'"):
        read({"kind": "taco", "path": str(tmp_path / "hub"), "split": "valid"})
