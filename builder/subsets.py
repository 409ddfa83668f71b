"""The partitions of a dataset folder and the named subsets of it.

Rows lie in folders by domain, judge score and share of tests passed, so a named subset is a few
globs over folders and a user downloads nothing else. The share is decided from the integers
`tests_passed` and `tests_total`: a rounded share would put a row in its neighbour's folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

DOMAINS = ("generic", "algorithmic")
JUDGE_SCORES = (1, 2, 3, 4, 5)
BUCKETS = ("none", "low", "high", "all")
"""Share of tests passed: 0; above 0 and below a half; from a half and below 1; 1."""

EMPTY_FILE = "data/empty/train-00000-of-00001.parquet"
"""A shard without rows that every dataset holds: what a subset without rows points at."""


@dataclass(frozen=True, slots=True)
class Subset:
    """A named subset: the rows whose domain, judge score and bucket are all among the named."""

    name: str
    meaning: str
    domains: tuple[str, ...] = DOMAINS
    judge_scores: tuple[int, ...] = JUDGE_SCORES
    buckets: tuple[str, ...] = BUCKETS

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether `row`, a finished row, belongs to this subset."""
        return self.covers(
            row["domain"], row["judge_score"], bucket_of(row["tests_passed"], row["tests_total"])
        )

    def covers(self, domain: str, judge_score: int, bucket: str) -> bool:
        """Whether the rows of that partition belong to this subset."""
        return (
            domain in self.domains and judge_score in self.judge_scores and bucket in self.buckets
        )

    def globs(self) -> list[str]:
        """Globs, relative to the dataset folder, that match the shards of this subset only."""
        return [
            f"data/domain={domain}/judge={judge}/pass={bucket}/train-*.parquet"
            for domain in _starred(self.domains, DOMAINS)
            for judge in _starred(self.judge_scores, JUDGE_SCORES)
            for bucket in _starred(self.buckets, BUCKETS)
        ]


SUBSETS = (
    Subset("default", "Every row."),
    Subset("judge_5", "Rows whose three judge scores are all 5.", judge_scores=(5,)),
    Subset("judge_4plus", "Rows whose three judge scores are all 4 or 5.", judge_scores=(4, 5)),
    Subset("tests_all", "Rows whose solution passes all of its tests.", buckets=("all",)),
    Subset(
        "judge_5_tests_all",
        "Rows whose three judge scores are all 5 and whose solution passes all of its tests.",
        judge_scores=(5,),
        buckets=("all",),
    ),
    Subset("generic", "Rows whose question goes back to code.", domains=("generic",)),
    Subset("algorithmic", "Rows whose question goes back to problems.", domains=("algorithmic",)),
    Subset("failures", "Rows whose solution passes none of its tests.", buckets=("none",)),
)
"""The named subsets, in the order in which the card shows them; the first is the default one."""


def bucket_of(passed: int, total: int) -> str:
    """The bucket of `passed` out of `total` tests, 0 <= passed <= total and total >= 1."""
    if passed == 0:
        return "none"
    if passed == total:
        return "all"
    return "low" if 2 * passed < total else "high"


def buckets_of(passed: pa.ChunkedArray, total: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    """For each row the place of `bucket_of` in `BUCKETS`; the columns hold no nulls."""
    some = pc.cast(passed, pa.int64()).to_numpy()
    every = pc.cast(total, pa.int64()).to_numpy()
    return np.select([some == 0, some == every, 2 * some < every], [0, 3, 1], default=2).astype(
        np.int8
    )


def partition_folder(domain: str, judge_score: int, bucket: str) -> str:
    """The folder of a partition, relative to the dataset folder."""
    return f"data/domain={domain}/judge={judge_score}/pass={bucket}"


def _starred(chosen: tuple[Any, ...], every: tuple[Any, ...]) -> tuple[Any, ...]:
    return ("*",) if set(chosen) == set(every) else chosen
