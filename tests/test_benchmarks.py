"""Loading benchmarks: in full or not at all."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.text.benchmark import Item

FIELDS = {"id": "task", "prompt": "text", "solution": "code", "tests": "asserts"}
RECORD = {"task": 7, "text": "Add.", "code": "return a + b", "asserts": ["assert 1", "assert 2"]}


def test_humaneval_comes_with_its_package() -> None:
    benchmark = load_benchmark("humaneval")
    assert (benchmark.name, len(benchmark.items)) == ("humaneval", 164)
    assert all(item.prompt and item.solution and item.tests for item in benchmark.items)
    first = benchmark.items[0]
    assert first.id == "HumanEval/0"
    assert "assert has_close_elements([1.0, 2.0" in first.tests  # as a row would call it
    assert load_benchmark("HumanEval") == benchmark


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet"])
def test_any_file_is_a_benchmark_by_its_fields(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine.{suffix}"
    line = (json.dumps(RECORD) + "\n").encode()
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist([RECORD]), path)
    else:
        path.write_bytes(gzip.compress(line) if suffix.endswith("gz") else b"\xef\xbb\xbf" + line)
    benchmark = load_benchmark({"name": "mine", "path": str(path), "fields": FIELDS})
    assert benchmark.items == (Item("7", "Add.", "return a + b", "assert 1\nassert 2"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b'{"prompt": "x"}\n{"prompt": "cut', "mine.jsonl:2"),
        (b'{"question": "x"}\n', "no field 'prompt' .*question"),
        (b'{"prompt": "  "}\n', "field 'prompt' is empty"),
        (b'{"prompt": null}\n', "field 'prompt' is empty"),
        (b"[1]\n", "not a JSON object"),
        (b"\x1f\x8b not gzip", "cannot be read"),
        (gzip.compress(b'{"prompt": "x"}\n' * 999)[:-12], "cannot be read"),
    ],
)
def test_half_a_benchmark_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match=message) as caught:
        load_benchmark({"name": "mine", "path": str(path)})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mbpp", "no benchmark is called 'mbpp'"),
        ({"name": "x"}, "path"),
        ({"name": "x", "path": "/absent.jsonl"}, "no such file"),
        ({"name": "x", "path": "/absent.jsonl", "field": {}}, "field"),
    ],
)
def test_a_benchmark_that_cannot_be_had_is_an_error(
    spec: str | dict[str, Any], message: str
) -> None:
    with pytest.raises(ProjectError, match=message):
        load_benchmark(spec)
