"""Partitions and named subsets."""

from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import opencodeinstruct
from opencodeinstruct.builder.subsets import (
    ANY_BUCKET,
    ANY_DOMAIN,
    ANY_SCORE,
    BUCKETS,
    DOMAINS,
    EMPTY_FILE,
    JUDGE_SCORES,
    SUBSETS,
    bucket_of,
    buckets_of,
    partition_folder,
    subset_of,
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
        (8, 10, "high"),
        (9, 10, "most"),
        (8, 9, "high"),  # 0.889
        (18, 20, "most"),  # nine tenths as well
        (29490, 32767, "high"),  # 0.9 less 1/109223
        (29491, 32767, "most"),
        (32766, 32767, "most"),  # rounds to 1 in 16 bits
        (16383, 32767, "low"),  # a half less 1/65534
        (16384, 32767, "high"),  # twice the number is above 16 bits
        (1, 1, "all"),
        (32767, 32767, "all"),
        (None, None, "unknown"),
        (None, 10, "unknown"),
        (0, 0, "unknown"),  # no test says nothing
    ],
)
def test_the_bucket_is_decided_from_the_integers(
    passed: int | None, total: int | None, bucket: str
) -> None:
    assert bucket_of(passed, total) == bucket
    column = buckets_of(
        pa.chunked_array([pa.array([passed], pa.int16())]),
        pa.chunked_array([pa.array([total], pa.int16())]),
    )
    assert [ANY_BUCKET[place] for place in column.tolist()] == [bucket]


@given(st.integers(1, 32767).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_rows_and_columns_agree_on_buckets(pair: tuple[int, int]) -> None:
    columns = [pa.chunked_array([pa.array([value], pa.int16())]) for value in pair]
    assert BUCKETS[int(buckets_of(columns[0], columns[1])[0])] == bucket_of(*pair)


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: subset.name)
def test_the_globs_of_a_subset_match_exactly_its_folders(subset: object) -> None:
    named = next(one for one in SUBSETS if one is subset)
    for place in product(ANY_DOMAIN, ANY_SCORE, ANY_BUCKET):
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
        ("tests_90plus", lambda domain, judge, passed, total: passed / total >= 0.9),
        ("judge_5_tests_all", lambda domain, judge, passed, total: (judge, passed) == (5, total)),
        ("judge_5_tests_90plus", lambda domain, judge, passed, total: judge == 5 and passed >= 9),
        ("judge_4plus_tests_all", lambda domain, judge, passed, total: judge >= 4 and passed == 10),
        ("judge_4plus_tests_90plus", lambda *row: row[1] >= 4 and row[2] >= 9),
        ("generic_judge_5_tests_all", lambda *row: row == ("generic", 5, 10, 10)),
        ("algorithmic_judge_5_tests_all", lambda *row: row == ("algorithmic", 5, 10, 10)),
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


@pytest.mark.parametrize(
    "absent",
    [{"domain": None}, {"judge_score": None}, {"tests_passed": None, "tests_total": None}],
)
def test_a_row_that_does_not_say_belongs_to_what_does_not_ask(absent: dict[str, None]) -> None:
    row = {"domain": "generic", "judge_score": 5, "tests_passed": 10, "tests_total": 10} | absent
    asking = {"domain": "generic", "judge_score": "judge", "tests_passed": "tests"}
    (word,) = [asking[name] for name in absent if name in asking]
    held = {subset.name for subset in SUBSETS if subset.holds(row)}
    full = {"domain": "generic", "judge_score": 5, "tests_passed": 10, "tests_total": 10}
    assert held == {one.name for one in SUBSETS if one.holds(full) and word not in one.name}


@pytest.mark.parametrize("least", [None, 0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("below", [None, 0.5, 0.9, 1.0])
def test_a_subset_of_ones_own_holds_exactly_what_it_asks_for(
    least: float | None, below: float | None
) -> None:
    if None not in (least, below) and (least or 0) >= (below or 0):
        with pytest.raises(ValueError, match="no pass rate"):
            subset_of("mine", min_pass_rate=least, below_pass_rate=below)
        return
    subset = subset_of("mine", min_judge_score=3, min_pass_rate=least, below_pass_rate=below)
    for judge, total in product(JUDGE_SCORES, range(1, 21)):
        for passed in range(total + 1):
            row = {"domain": None, "judge_score": judge, "tests_passed": passed}
            rate = passed / total
            asked = judge >= 3 and (least or 0) <= rate and (below is None or rate < below)
            assert subset.holds({**row, "tests_total": total}) is asked, (passed, total)


@pytest.mark.parametrize(
    ("name", "conditions", "said"),
    [
        ("mine", {"min_pass_rate": 0.7}, "cuts a folder in two"),
        ("mine", {"below_pass_rate": 0.25}, "cuts a folder in two"),
        ("mine", {"min_judge_score": 6}, "min_judge_score is 6"),
        ("mine", {"domains": ("Generic",)}, "no domain is called 'Generic'"),
        ("judge_5", {}, "give a new name"),
        ("My Subset", {}, "give a new name"),
        ("", {}, "give a new name"),
    ],
)
def test_a_subset_that_folders_cannot_tell_apart_is_refused(
    name: str, conditions: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        subset_of(name, **conditions)


def test_the_self_contained_builder_knows_the_same_subsets() -> None:
    theirs = {
        name: (subset.meaning, subset.globs()) for name, subset in opencodeinstruct._SUBSETS.items()
    }
    assert theirs == {subset.name: (subset.meaning, subset.globs()) for subset in SUBSETS}
    assert list(theirs) == [subset.name for subset in SUBSETS]
    assert opencodeinstruct._EMPTY_FILE == EMPTY_FILE
