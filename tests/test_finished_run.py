"""A run that `make quickstart` or CI finished: its subsets load what an independent count gives."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from opencodeinstruct.builder.subsets import SUBSETS

FINISHED = os.environ.get("OPENCODEINSTRUCT_FINISHED_RUN")

pytestmark = pytest.mark.skipif(
    FINISHED is None, reason="OPENCODEINSTRUCT_FINISHED_RUN names no run folder"
)


def _rows() -> list[dict[str, Any]]:
    shards = sorted(Path(str(FINISHED), "dataset", "data").rglob("domain=*/**/*.parquet"))
    return [row for shard in shards for row in pq.ParquetFile(shard).read().to_pylist()]


Row = dict[str, Any]


def _all(row: Row) -> bool:
    return bool(row["tests_passed"] == row["tests_total"])


def _most(row: Row) -> bool:
    return bool(10 * row["tests_passed"] >= 9 * row["tests_total"])


INDEPENDENT: dict[str, Callable[[Row], bool]] = {
    "default": lambda row: True,
    "judge_5": lambda row: row["judge_score"] == 5,
    "judge_4plus": lambda row: row["judge_score"] >= 4,
    "tests_all": _all,
    "tests_90plus": _most,
    "judge_5_tests_all": lambda row: row["judge_score"] == 5 and _all(row),
    "judge_5_tests_90plus": lambda row: row["judge_score"] == 5 and _most(row),
    "judge_4plus_tests_all": lambda row: row["judge_score"] >= 4 and _all(row),
    "judge_4plus_tests_90plus": lambda row: row["judge_score"] >= 4 and _most(row),
    "generic": lambda row: row["domain"] == "generic",
    "generic_judge_5_tests_all": lambda row: (
        row["domain"] == "generic" and row["judge_score"] == 5 and _all(row)
    ),
    "algorithmic": lambda row: row["domain"] == "algorithmic",
    "algorithmic_judge_5_tests_all": lambda row: (
        row["domain"] == "algorithmic" and row["judge_score"] == 5 and _all(row)
    ),
    "failures": lambda row: row["tests_passed"] == 0,
}
"""The subsets once more, written down apart from the code under test."""


def test_every_named_subset_is_counted_here() -> None:
    assert list(INDEPENDENT) == [subset.name for subset in SUBSETS]


@pytest.mark.parametrize("name", [subset.name for subset in SUBSETS])
def test_a_subset_loads_exactly_its_rows(name: str, tmp_path: Path) -> None:
    folder = str(Path(str(FINISHED), "dataset"))
    wanted = {row["id"] for row in _rows() if INDEPENDENT[name](row)}
    streamed = [row["id"] for row in load_dataset(folder, name, split="train", streaming=True)]
    assert sorted(streamed) == sorted(wanted)
    if wanted:  # `datasets` refuses a split without rows unless it is streamed
        loaded = load_dataset(folder, name, split="train", cache_dir=str(tmp_path))
        assert sorted(loaded["id"]) == sorted(wanted)


def test_rows_are_whole_and_their_verdicts_aligned() -> None:
    rows = _rows()
    assert rows
    for row in rows:
        assert len(row["test_verdicts"]) == row["tests_total"] > 0
        assert row["pass_rate"] == row["tests_passed"] / row["tests_total"]
        assert row["entry_point"] in row["solution"]
        assert row["license"]
        assert row["contamination"]
