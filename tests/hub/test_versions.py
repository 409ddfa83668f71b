"""Named subsets from the Hub, on each version of `datasets` that is said to work.

By itself this is tried with the version that is installed. `make test-matrix` names others in
`OPENCODEINSTRUCT_MATRIX`, as `NAME=PYTHON` separated by colons.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.builder.subsets import SUBSETS
from tests.hub import LocalHub, python
from tests.hub.built import built
from tests.rows import finished_rows

ROWS = finished_rows(240)
MATRIX = dict(
    pair.split("=", 1)
    for pair in os.environ.get("OPENCODEINSTRUCT_MATRIX", f"own={sys.executable}").split(":")
)

CONDITIONS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "default": lambda row: True,
    "judge_5": lambda row: row["judge_score"] == 5,
    "judge_4plus": lambda row: row["judge_score"] >= 4,
    "tests_all": lambda row: row["tests_passed"] == row["tests_total"],
    "tests_90plus": lambda row: 10 * row["tests_passed"] >= 9 * row["tests_total"],
    "generic": lambda row: row["domain"] == "generic",
    "algorithmic": lambda row: row["domain"] == "algorithmic",
    "failures": lambda row: row["tests_passed"] == 0,
}
"""What the parts of a subset's name mean, written down apart from the code under test."""

PROGRAM = """
import json, sys
from datasets import load_dataset
told = {}
for name in sys.argv[1:]:
    loaded = load_dataset("me/data", name, split="train")
    told[name] = sorted(loaded["id"])
    streamed = load_dataset("me/data", name, split="train", streaming=True)
    assert sorted(row["id"] for row in streamed) == told[name], name
first = loaded[0]
assert isinstance(first["test_verdicts"], list) and isinstance(first["pass_rate"], float), first
print(json.dumps(told))
"""

FILTERED = """
import json, sys
from datasets import load_dataset
rows = load_dataset("me/data", split="train", columns=["id", "pass_rate"])
told = {}
for rate in map(float, sys.argv[1:]):
    told[rate] = len(rows.filter(lambda row: row["pass_rate"] >= rate, keep_in_memory=True))
    filtered = load_dataset("me/data", split="train", filters=[("pass_rate", ">=", rate)],
                            verification_mode="no_checks")
    assert len(filtered) == told[rate], (rate, len(filtered), told[rate])
print(json.dumps(list(told.values())))
"""


def holds(name: str, row: dict[str, Any]) -> bool:
    """Whether a row belongs to the subset of that name, by the parts of the name."""
    parts = [part for part in CONDITIONS if f"_{part}_" in f"_{name}_"]
    assert parts and sum(map(len, parts)) + len(parts) - 1 == len(name), name
    return all(CONDITIONS[part](row) for part in parts)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    folder = built(tmp_path_factory.mktemp("versions") / "dataset", ROWS)
    with LocalHub(tmp_path_factory.mktemp("hub")) as running:
        paths = (path for path in folder.rglob("*") if path.is_file())
        running.put("me/data", {path.relative_to(folder).as_posix(): path for path in paths})
        yield running


@pytest.mark.parametrize("version", MATRIX)
def test_every_named_subset_loads_exactly_its_rows(hub: LocalHub, version: str) -> None:
    wanted = {
        subset.name: sorted(row["id"] for row in ROWS if holds(subset.name, row))
        for subset in SUBSETS
    }
    names = [name for name, rows in wanted.items() if rows]
    assert len(names) > 5
    said = python(PROGRAM, *names, env=hub.environment(), interpreter=MATRIX[version]).ok()
    assert json.loads(said.splitlines()[-1]) == {name: wanted[name] for name in names}


@pytest.mark.parametrize("version", MATRIX)
def test_no_row_at_the_edge_of_a_pass_rate_is_lost(hub: LocalHub, version: str) -> None:
    rates = ("0.1", "0.3", "0.7", "0.9", "1.0")
    said = python(FILTERED, *rates, env=hub.environment(), interpreter=MATRIX[version]).ok()
    counts = [
        sum(
            100 * row["tests_passed"] >= round(100 * float(rate)) * row["tests_total"]
            for row in ROWS
        )
        for rate in rates
    ]
    assert json.loads(said.splitlines()[-1]) == counts


@pytest.mark.parametrize("version", MATRIX)
def test_only_the_files_of_a_subset_are_fetched(hub: LocalHub, version: str) -> None:
    hub.log.clear()
    load = "from datasets import load_dataset\nload_dataset('me/data', 'judge_5_tests_all')"
    python(load, env=hub.environment(), interpreter=MATRIX[version]).ok()
    fetched = hub.log.paths(r"^/cdn/.*\.parquet", "GET")
    assert fetched and all("/judge=5/pass=all/" in path for path in fetched)


SCRIPT = """
import json, sys
from datasets import load_dataset
place, *arguments = sys.argv[1:]
told = []
for chosen in ({}, {"min_pass_rate": 0.9, "columns": ["id", "judge_score"]}):
    rows = load_dataset(place, "judge_4plus", split="train", data_dir="me/data",
                        trust_remote_code=True, **chosen)
    assert chosen == {} or rows.column_names == ["id", "judge_score"], rows.column_names
    told.append(sorted(rows["id"]))
print(json.dumps(told))
"""


@pytest.mark.parametrize("place", ["a file", "a repository"])
@pytest.mark.parametrize("version", MATRIX)
def test_the_loader_runs_as_a_script_where_scripts_run(
    hub: LocalHub, version: str, place: str, tmp_path: Path
) -> None:
    script = Path(__file__).parents[2] / "opencodeinstruct.py"
    if place == "a repository":
        hub.put("me/opencodeinstruct", {"opencodeinstruct.py": script})
        place = "me/opencodeinstruct"
    else:  # alone, as a user has it who fetched that one file
        (tmp_path / "opencodeinstruct.py").write_bytes(script.read_bytes())
        place = str(tmp_path / "opencodeinstruct.py")
    env = hub.environment() | {"PYTHONPATH": ""}
    said = python(SCRIPT, place, env=env, interpreter=MATRIX[version])
    number = "import datasets; print(datasets.__version__)"
    if int(python(number, env=env, interpreter=MATRIX[version]).ok().split(".")[0]) >= 4:
        assert said.code != 0 and "scripts are no longer supported" in said.err
        return
    good = [row for row in ROWS if row["judge_score"] >= 4]
    assert json.loads(said.ok().splitlines()[-1]) == [
        sorted(row["id"] for row in good),
        sorted(row["id"] for row in good if row["pass_rate"] >= 0.9),
    ]


def test_the_versions_of_the_matrix_are_what_they_are_called() -> None:
    for version, interpreter in MATRIX.items():
        if version != "own":
            env = {"PATH": os.environ["PATH"], "HOME": str(Path.home())}
            said = python("import datasets; print(datasets.__version__)", env=env,
                          interpreter=interpreter).ok()  # fmt: skip
            assert said.startswith(version)
