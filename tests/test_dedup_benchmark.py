"""What the benchmark of duplicates measures with: its truth, and how groups are judged by it."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.dedup import judge, run_method
from benchmarks.dedup_corpus import Truth, exact_pairs, write_corpus
from benchmarks.whole_process import Cost
from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.text.shingles import shingles

COST = Cost(1.0, 1.0, 1)


def test_the_truth_is_that_of_comparing_every_pair(tmp_path: Path) -> None:
    path = tmp_path / "corpus.parquet"
    write_corpus(path, 250)
    found = exact_pairs(path)
    sets = shingles(pq.read_table(path)["text"], 5, operators=False, split_case=False)
    own = [
        frozenset(sets.hashes[a:b].tolist())
        for a, b in zip(sets.offsets[:-1], sets.offsets[1:], strict=True)
    ]
    expected = {
        (one, other): len(own[one] & own[other]) / len(own[one] | own[other])
        for other in range(250)
        for one in range(other)
    }
    expected = {pair: alike for pair, alike in expected.items() if alike >= 0.7}
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    assert dict(zip(pairs, found.similarity.tolist(), strict=True)) == expected
    assert len(expected) > 10


@pytest.mark.parametrize(
    ("group", "precision", "high", "low"),
    [
        ([0, 0, 0, 3], 1.0, 1.0, 1.0),  # the chain 0-1-2 is one group
        ([0, 0, 2, 3], 1.0, 1.0, 0.0),
        ([0, 0, 0, 0], 0.5, 1.0, 1.0),  # three of six pairs are linked
        ([0, 1, 2, 3], 0.0, 0.0, 0.0),
    ],
)
def test_groups_are_judged_by_the_pairs_in_them(
    tmp_path: Path, group: list[int], precision: float, high: float, low: float
) -> None:
    truth = Truth(np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.75]))
    pq.write_table(pa.table({"row": range(4), "group": group}), tmp_path / "out.parquet")
    found = judge("x", COST, tmp_path / "out.parquet", 4, truth)
    assert (found.precision, found.found_high, found.found_low) == (precision, high, low)


def test_ours_runs_as_a_program_and_is_right(tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus.parquet", tmp_path / "out.parquet"
    write_corpus(corpus, 300)
    cost = run_method(sys.executable, "ours", corpus, out)
    assert cost.cpu > 0.1
    assert cost.peak > 50e6
    found = judge("ours", cost, out, 300, exact_pairs(corpus))
    assert found.precision == 1.0
    assert found.found_high > 0.95


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"ours: ended with 1 .*is not there"):
        run_method(sys.executable, "ours", tmp_path / "absent", tmp_path / "out.parquet")
