"""Partitions and named subsets."""

from fnmatch import fnmatchcase
from itertools import product

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import opencodeinstruct
from opencodeinstruct.builder.subsets import (
    BUCKETS,
    DOMAINS,
    EMPTY_FILE,
    JUDGE_SCORES,
    SUBSETS,
    bucket_of,
    buckets_of,
    partition_folder,
)


@pytest.mark.parametrize(
    ("passed", "total", "bucket"),
    [
        (0, 1, "none"),
        (0, 10, "none"),
        (1, 10, "low"),
        (4, 9, "low"),  # 0.444
        (5, 10, "high"),  # a half belongs to the upper bucket
        (1, 2, "high"),
        (5, 11, "low"),  # 0.4545
        (9, 10, "high"),
        (32766, 32767, "high"),  # rounds to 1 in 16 bits
        (16383, 32767, "low"),  # a half less 1/65534
        (16384, 32767, "high"),  # twice the number is above 16 bits
        (1, 1, "all"),
        (32767, 32767, "all"),
    ],
)
def test_the_bucket_is_decided_from_the_integers(passed: int, total: int, bucket: str) -> None:
    assert bucket_of(passed, total) == bucket
    column = buckets_of(
        pa.chunked_array([pa.array([passed], pa.int16())]),
        pa.chunked_array([pa.array([total], pa.int16())]),
    )
    assert [BUCKETS[place] for place in column.tolist()] == [bucket]


@given(st.integers(1, 32767).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_rows_and_columns_agree_on_buckets(pair: tuple[int, int]) -> None:
    columns = [pa.chunked_array([pa.array([value], pa.int16())]) for value in pair]
    assert BUCKETS[int(buckets_of(columns[0], columns[1])[0])] == bucket_of(*pair)


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: subset.name)
def test_the_globs_of_a_subset_match_exactly_its_folders(subset: object) -> None:
    named = next(one for one in SUBSETS if one is subset)
    for place in product(DOMAINS, JUDGE_SCORES, BUCKETS):
        path = f"{partition_folder(*place)}/train-00000-of-00001.parquet"
        matched = [pattern for pattern in named.globs() if fnmatchcase(path, pattern)]
        assert len(matched) == int(named.covers(*place)), path
    assert not any(fnmatchcase(EMPTY_FILE, pattern) for pattern in named.globs())


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("default", lambda domain, judge, passed, total: True),
        ("judge_5", lambda domain, judge, passed, total: judge == 5),
        ("judge_4plus", lambda domain, judge, passed, total: judge >= 4),
        ("tests_all", lambda domain, judge, passed, total: passed == total),
        ("judge_5_tests_all", lambda domain, judge, passed, total: (judge, passed) == (5, total)),
        ("generic", lambda domain, judge, passed, total: domain == "generic"),
        ("algorithmic", lambda domain, judge, passed, total: domain == "algorithmic"),
        ("failures", lambda domain, judge, passed, total: passed == 0),
    ],
)
def test_a_subset_holds_what_its_name_says(name: str, holds: object) -> None:
    subset = next(one for one in SUBSETS if one.name == name)
    assert callable(holds)
    for domain, judge, passed in product(DOMAINS, JUDGE_SCORES, range(11)):
        row = {"domain": domain, "judge_score": judge, "tests_passed": passed, "tests_total": 10}
        assert subset.holds(row) is holds(domain, judge, passed, 10)


def test_the_self_contained_builder_knows_the_same_subsets() -> None:
    theirs = {
        name: (subset.meaning, subset.globs()) for name, subset in opencodeinstruct._SUBSETS.items()
    }
    assert theirs == {subset.name: (subset.meaning, subset.globs()) for subset in SUBSETS}
    assert list(theirs) == [subset.name for subset in SUBSETS]
    assert opencodeinstruct._EMPTY_FILE == EMPTY_FILE
