"""Loading benchmarks: in full or not at all."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.benchmarks.known import KNOWN
from opencodeinstruct.tools.benchmarks.load import known_names, load_benchmark
from opencodeinstruct.tools.text.benchmark import Item
from tests.hub import LocalHub

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
        (b'{"puzzle": "x"}\n', "no field 'prompt' or .*puzzle"),
        (b'{"prompt": "  "}\n', "is empty"),
        (b'{"prompt": null}\n', "is empty"),
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
        ("nonesuch", "no benchmark is called 'nonesuch'. Known: humaneval, humaneval_plus, mbpp"),
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


ASSERT = ["assert f(1) == 2"]
LAYOUTS: dict[str, tuple[str, dict[str, Any], Item]] = {
    "humaneval_plus": (
        "data/test-00000-of-00001-5973903632b82d40.parquet",
        {
            "task_id": "HumanEval/0",
            "prompt": "def f(x):",
            "canonical_solution": "    return x + 1",
            "entry_point": "f",
            "test": "def check(f): assert f(1) == 2",
        },
        Item("HumanEval/0", "def f(x):", "    return x + 1", "def check(f): assert f(1) == 2", "f"),
    ),
    "mbpp": (
        "full/test-00000-of-00001.parquet",
        {
            "task_id": 11,
            "text": "Write f.",
            "code": "def f(x): return x + 1",
            "test_list": ASSERT,
            "test_setup_code": "",
            "challenge_test_list": [],
        },
        Item("11", "Write f.", "def f(x): return x + 1", ASSERT[0]),
    ),
    "mbpp_sanitized": (
        "sanitized/test-00000-of-00001.parquet",
        {
            "source_file": "a.csv",
            "task_id": 11,
            "prompt": "Write f.",
            "code": "def f(x): return x + 1",
            "test_imports": [],
            "test_list": ASSERT,
        },
        Item("11", "Write f.", "def f(x): return x + 1", ASSERT[0]),
    ),
    "mbpp_plus": (
        "data/test-00000-of-00001-d5781c9c51e02795.parquet",
        {
            "task_id": 2,
            "code": "def f(x): return x + 1",
            "prompt": "Write f.",
            "source_file": "a.csv",
            "test_imports": [],
            "test_list": ASSERT,
            "test": "import numpy",
        },
        Item("2", "Write f.", "def f(x): return x + 1", "import numpy"),
    ),
    "bigcodebench": (
        "data/v0.1.4-00000-of-00001.parquet",
        {
            "task_id": "BigCodeBench/0",
            "complete_prompt": "import os",
            "instruct_prompt": "Write it.",
            "canonical_solution": "    pass",
            "code_prompt": "import os",
            "test": "import unittest",
            "entry_point": "task_func",
        },
        Item("BigCodeBench/0", "import os", "    pass", "import unittest", "task_func"),
    ),
    "livecodebench": (
        "test6.jsonl",
        {
            "question_title": "A",
            "question_content": "Read n.",
            "question_id": "abc387_c",
            "contest_date": "2025-01-04T00:00:00",
            "starter_code": "",
            "public_test_cases": "[]",
        },
        Item("abc387_c", "Read n.", tests="[]", date="2025-01-04T00:00:00"),
    ),
    "apps": (
        "test.jsonl",
        {
            "id": 5,
            "question": "Read n.",
            "solutions": '["print(1)", "print(2)"]',
            "input_output": "",
        },
        Item("5", "Read n.", "print(1)", ""),
    ),
    "codecontests": (
        "data/test-00000-of-00001-9c49eeff30aacaa8.parquet",
        {
            "name": "1575_A",
            "description": "Andi and Budi.",
            "public_tests": {"input": ["1"], "output": ["2"]},
            "solutions": {"language": [2, 3], "solution": ["int main(){}", "print(2)"]},
        },
        Item("1575_A", "Andi and Budi.", "print(2)", "1\n2"),
    ),
    "ds1000": (
        "test.jsonl",
        {"prompt": "A frame.", "reference_code": "df", "metadata": {}, "code_context": "exec"},
        Item("1", "A frame.", "df", "exec"),
    ),
    "cruxeval": (
        "test.jsonl",
        {"code": "def f(x):\n    return x", "input": "[1]", "output": "[1]", "id": "sample_0"},
        Item("sample_0", "", "def f(x):\n    return x", "assert f([1]) == [1]"),
    ),
}
"""For each benchmark a file of its repository, a record in its form, and the item that it is."""


def stored(path: str, records: list[dict[str, Any]]) -> bytes:
    if path.endswith(".jsonl"):
        return b"".join(json.dumps(record).encode() + b"\n" for record in records)
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), buffer)
    return buffer.getvalue()


def test_every_known_benchmark_has_a_layout_that_is_tried() -> None:
    assert {"humaneval", *LAYOUTS} == set(known_names())


@pytest.fixture(scope="module")
def said_by_hub(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process says of each benchmark, loaded from a Hub of one item each, at `main`."""
    with LocalHub(tmp_path_factory.mktemp("hub")) as hub:
        for name, (path, record, _) in LAYOUTS.items():
            hub.put(KNOWN[name].repo, {path: stored(path, [record])})
        hub.put("codeparrot/apps", {"README.md": b"# APPS"})
        program = (
            "import json, sys\n"
            "from dataclasses import asdict\n"
            "from opencodeinstruct.builder.errors import ProjectError\n"
            "from opencodeinstruct.tools.benchmarks.load import load_benchmark\n"
            "def told(spec):\n"
            "    try:\n"
            "        return asdict(load_benchmark(spec))\n"
            "    except ProjectError as error:\n"
            "        return str(error)\n"
            "print(json.dumps({spec: told(spec) for spec in sys.argv[1:]}))"
        )
        specs = [f"{name}@main" for name in LAYOUTS]
        said: dict[str, Any] = json.loads(
            hub.python(program, *specs, "mbpp", "cruxeval", "ds1000@gone").ok().splitlines()[-1]
        )
        return said


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_known_benchmark_comes_from_the_hub_with_its_fields(
    said_by_hub: dict[str, Any], name: str
) -> None:
    said = said_by_hub[f"{name}@main"]
    assert isinstance(said, dict), said
    assert [Item(**item) for item in said["items"]] == [LAYOUTS[name][2]]
    repo, _, commit = said["origin"].partition("@")
    assert repo == KNOWN[name].repo
    assert len(commit) == 40


def test_a_benchmark_that_is_not_whole_or_not_there_stops_the_run(
    said_by_hub: dict[str, Any],
) -> None:
    assert "cannot be had from the Hub" in said_by_hub["mbpp"]  # not at the pinned commit
    assert "has 1 items, not 800" in said_by_hub["cruxeval"]
    assert "cannot be had from the Hub" in said_by_hub["ds1000@gone"]
    assert all("\n" not in said_by_hub[spec] for spec in ("mbpp", "cruxeval", "ds1000@gone"))


def test_a_folder_of_this_machine_stands_in_for_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCODEINSTRUCT_BENCHMARKS", str(tmp_path))
    records = [{"code": "x", "input": str(n), "output": "1", "id": f"s{n}"} for n in range(800)]
    (tmp_path / "cruxeval.jsonl").write_bytes(stored("a.jsonl", records))
    benchmark = load_benchmark("CRUXEval")
    assert (benchmark.name, len(benchmark.items)) == ("cruxeval", 800)
    assert benchmark.origin == str(tmp_path / "cruxeval.jsonl")
    (tmp_path / "cruxeval.jsonl").write_bytes(stored("a.jsonl", records[1:]))
    with pytest.raises(ProjectError, match="has 799 items, not 800"):
        load_benchmark("cruxeval")


def test_a_file_under_a_known_name_has_its_fields_and_moved_ones_are_told(tmp_path: Path) -> None:
    path, record, item = LAYOUTS["mbpp"]
    local = tmp_path / "mbpp.parquet"
    local.write_bytes(stored(path, [record]))
    assert load_benchmark({"name": "mbpp", "path": str(local)}).items == (item,)
    moved = {("body" if key == "code" else key): value for key, value in record.items()}
    local.write_bytes(stored(path, [moved]))
    with pytest.raises(ProjectError, match=r"no field 'code' or 'canonical_solution' .*body"):
        load_benchmark({"name": "mbpp", "path": str(local)})


DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "benchmarks"


@pytest.mark.skipif(not DATA.is_dir(), reason="the benchmarks' own files are not on this machine")
@pytest.mark.parametrize(
    ("name", "file", "items"),
    [
        ("mbpp", "mbpp/MBPP.jsonl.gz", 974),
        ("mbpp_sanitized", "mbpp/mbpp_sanitized_for_code_generation.jsonl.gz", 427),
        ("mbpp_sanitized", "mbpp/MbppBase.jsonl.gz", 427),
        ("cruxeval", "cruxeval/cruxeval.jsonl.gz", 800),
        ("humaneval_file", "humaneval/HumanEval.jsonl.gz", 164),
    ],
)
def test_real_files_of_benchmarks_are_read_in_full(name: str, file: str, items: int) -> None:
    benchmark = load_benchmark({"name": name, "path": str(DATA / file)})
    assert len(benchmark.items) == items
    assert all(item.solution.strip() and item.tests.strip() for item in benchmark.items)
