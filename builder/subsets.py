"""The partitions of a dataset folder and the named subsets of it.

Rows lie in folders by domain, judge score and share of tests passed, so a named subset is a few
globs over folders and a user downloads nothing else. The share is decided from the integers
`tests_passed` and `tests_total`: a rounded share would put a row in its neighbour's folder. Rows of
a release that do not say where they belong lie in folders called `unknown`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

UNKNOWN = "unknown"
"""The folder of rows that have no domain, judge score, or verdicts of tests."""

DOMAINS = ("generic", "algorithmic")
JUDGE_SCORES = (1, 2, 3, 4, 5)
BUCKETS = ("none", "low", "high", "most", "all")
"""Share of tests passed: 0; below 0.5; below 0.9; below 1; 1."""

EDGES = {0.0: "none", 0.5: "high", 0.9: "most", 1.0: "all"}
"""The shares at which a bucket begins, and that bucket; `low` begins above 0."""

ANY_DOMAIN = (*DOMAINS, UNKNOWN)
ANY_SCORE = (*JUDGE_SCORES, None)
ANY_BUCKET = (*BUCKETS, UNKNOWN)

EMPTY_FILE = "data/empty/train-00000-of-00001.parquet"
"""A shard without rows that every dataset holds: what a subset without rows points at."""

_SHARD = re.compile(
    r"data/domain=(?P<domain>\w+)/judge=(?P<judge>\d|unknown)/pass=(?P<bucket>\w+)/"
    r"train-[^/]*\.parquet"
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Subset:
    """A named subset: the rows whose domain, judge score and bucket are all among the named."""

    name: str
    meaning: str
    domains: tuple[str, ...] = ANY_DOMAIN
    judge_scores: tuple[int | None, ...] = ANY_SCORE
    buckets: tuple[str, ...] = ANY_BUCKET

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether `row`, a finished row, belongs to this subset."""
        bucket = bucket_of(row["tests_passed"], row["tests_total"])
        return self.covers(row["domain"] or UNKNOWN, row["judge_score"], bucket)

    def covers(self, domain: str, judge_score: int | None, bucket: str) -> bool:
        """Whether the rows of that partition belong to this subset."""
        return (
            domain in self.domains and judge_score in self.judge_scores and bucket in self.buckets
        )

    def globs(self) -> list[str]:
        """Globs, relative to the dataset folder, that match the shards of this subset only."""
        return [
            f"data/domain={domain}/judge={judge}/pass={bucket}/train-*.parquet"
            for domain in _starred(self.domains, ANY_DOMAIN)
            for judge in _starred(self.judge_scores, ANY_SCORE)
            for bucket in _starred(self.buckets, ANY_BUCKET)
        ]


def _both(*parts: Subset) -> Subset:
    """The rows that belong to all of `parts`, which speak of different things."""
    domains: tuple[str, ...] = ANY_DOMAIN
    scores: tuple[int | None, ...] = ANY_SCORE
    buckets: tuple[str, ...] = ANY_BUCKET
    for part in parts:
        domains = domains if part.domains == ANY_DOMAIN else part.domains
        scores = scores if part.judge_scores == ANY_SCORE else part.judge_scores
        buckets = buckets if part.buckets == ANY_BUCKET else part.buckets
    said = " and ".join(part.meaning.removeprefix("Rows ").removesuffix(".") for part in parts)
    name = "_".join(part.name for part in parts)
    return Subset(name, f"Rows {said}.", domains, scores, buckets)


_JUDGE_5 = Subset("judge_5", "Rows whose three judge scores are all 5.", judge_scores=(5,))
_JUDGE_4PLUS = Subset(
    "judge_4plus", "Rows whose three judge scores are all 4 or 5.", judge_scores=(4, 5)
)
_TESTS_ALL = Subset("tests_all", "Rows whose solution passes all of its tests.", buckets=("all",))
_TESTS_90PLUS = Subset(
    "tests_90plus",
    "Rows whose solution passes nine in ten of its tests or more.",
    buckets=("most", "all"),
)
_GENERIC = Subset("generic", "Rows whose question goes back to code.", domains=("generic",))
_ALGORITHMIC = Subset(
    "algorithmic", "Rows whose question goes back to problems.", domains=("algorithmic",)
)

SUBSETS = (
    Subset("default", "Every row."),
    _JUDGE_5,
    _JUDGE_4PLUS,
    _TESTS_ALL,
    _TESTS_90PLUS,
    _both(_JUDGE_5, _TESTS_ALL),
    _both(_JUDGE_5, _TESTS_90PLUS),
    _both(_JUDGE_4PLUS, _TESTS_ALL),
    _both(_JUDGE_4PLUS, _TESTS_90PLUS),
    _GENERIC,
    _both(_GENERIC, _JUDGE_5, _TESTS_ALL),
    _ALGORITHMIC,
    _both(_ALGORITHMIC, _JUDGE_5, _TESTS_ALL),
    Subset("failures", "Rows whose solution passes none of its tests.", buckets=("none",)),
)
"""The named subsets, in the order in which the card shows them; the first is the default one."""


def subset_of(
    name: str,
    *,
    domains: tuple[str, ...] | None = None,
    min_judge_score: int | None = None,
    min_pass_rate: float | None = None,
    below_pass_rate: float | None = None,
) -> Subset:
    """The subset `name` of the rows that fulfil the given conditions; null fulfils none of them.

    What folders cannot tell apart exactly is a `ValueError`, never an approximation.
    """
    if _NAME.fullmatch(name) is None or name in {subset.name for subset in SUBSETS}:
        raise ValueError(f"{name!r}: give a new name of small letters, digits and _")
    unknown = sorted(set(domains or ()) - set(DOMAINS))
    if unknown:
        raise ValueError(f"no domain is called {unknown[0]!r}; there are {', '.join(DOMAINS)}")
    if min_judge_score is not None and min_judge_score not in JUDGE_SCORES:
        raise ValueError(f"min_judge_score is {min_judge_score}; give 1, 2, 3, 4 or 5")
    conditions = {
        "of " + " or ".join(domains or ()): domains,
        f"with a judge score of {min_judge_score} or more": min_judge_score,
        f"with a pass rate of {min_pass_rate} or more": min_pass_rate,
        f"with a pass rate below {below_pass_rate}": below_pass_rate,
    }
    said = " and ".join(text for text, value in conditions.items() if value is not None)
    scores = ANY_SCORE if min_judge_score is None else JUDGE_SCORES[min_judge_score - 1 :]
    buckets = _buckets_between(min_pass_rate, below_pass_rate)
    return Subset(
        name, f"Rows {said}." if said else "Every row.", domains or ANY_DOMAIN, scores, buckets
    )


def _buckets_between(least: float | None, below: float | None) -> tuple[str, ...]:
    """The buckets that together hold exactly the shares from `least` to below `below`."""
    if least is None and below is None:
        return ANY_BUCKET
    for share in (least, below):
        if share is not None and share not in EDGES:
            raise ValueError(
                f"a pass rate of {share:g} cuts a folder in two, so no subset can begin or end "
                f"there; give {', '.join(f'{edge:g}' for edge in EDGES)}, or use "
                f"`load(..., min_pass_rate={share:g})`"
            )
    start = 0 if least is None else BUCKETS.index(EDGES[least])
    end = len(BUCKETS) if below is None else BUCKETS.index(EDGES[below])
    if start >= end:
        raise ValueError(f"no pass rate is at least {least} and below {below}")
    return BUCKETS[start:end]


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows of these domains with at least that judge score and pass rate; None: any row."""

    min_judge_score: float | None = None
    min_pass_rate: float | None = None
    domains: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        score, share = self.min_judge_score, self.min_pass_rate
        if score is not None and not 1 <= score <= 5:
            raise ValueError(f"a judge score is a number from 1 to 5, not {score}")
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"a pass rate is a number from 0 to 1, not {share}")
        unknown = sorted(set(self.domains or ()) - set(DOMAINS))
        if unknown:
            raise ValueError(f"no domain is called {unknown[0]!r}; there are {', '.join(DOMAINS)}")

    def reaches(self, path: str) -> bool:
        """Whether the shard `path` of a dataset can hold such rows."""
        domain, judge, bucket = place_of(path)
        share, least = self.min_pass_rate, self.min_judge_score
        return (
            (self.domains is None or domain in self.domains)
            and (least is None or (judge is not None and judge >= least))
            and (share is None or (bucket in BUCKETS and share <= _highest(bucket)))
        )

    def cuts(self, path: str) -> bool:
        """Whether some rows of the shard `path`, which can hold such rows, may be others."""
        bucket = place_of(path)[2]
        begins = {name: edge for edge, name in EDGES.items()}
        return (self.min_pass_rate or 0.0) > begins.get(bucket, 0.0)

    def condition(self) -> pc.Expression | None:
        """The same as a condition on rows, for pyarrow; None where every row fits."""
        conditions = []
        if self.min_judge_score is not None:
            conditions.append(pc.field("judge_score") >= self.min_judge_score)
        if self.min_pass_rate is not None:
            conditions.append(pc.field("pass_rate") >= self.min_pass_rate)
        if self.domains is not None:
            conditions.append(pc.field("domain").isin(list(self.domains)))
        return reduce(and_, conditions) if conditions else None


def place_of(path: str) -> tuple[str, int | None, str]:
    """Domain, judge score and bucket of the shard `path`; a `ValueError` for any other file."""
    found = _SHARD.search(path)
    if found is None:
        raise ValueError(f"{path}: is in no folder of a dataset")
    judge = None if found["judge"] == UNKNOWN else int(found["judge"])
    return found["domain"], judge, found["bucket"]


def is_shard(path: str) -> bool:
    """Whether the relative `path` is that of a shard with rows of a dataset."""
    return _SHARD.fullmatch(path) is not None


def _highest(bucket: str) -> float:
    """A share that no row of `bucket` is above."""
    return {"none": 0.0, "low": 0.5, "high": 0.9}.get(bucket, 1.0)


def bucket_of(passed: int | None, total: int | None) -> str:
    """The bucket of `passed` out of `total` tests, 0 <= passed <= total."""
    if passed is None or not total:
        return UNKNOWN
    if passed == 0:
        return "none"
    if passed == total:
        return "all"
    if 2 * passed < total:
        return "low"
    return "high" if 10 * passed < 9 * total else "most"


def buckets_of(passed: pa.ChunkedArray, total: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    """For each row the place of `bucket_of` in `ANY_BUCKET`."""
    some = pc.fill_null(pc.cast(passed, pa.int64()), -1).to_numpy()
    every = pc.fill_null(pc.cast(total, pa.int64()), 0).to_numpy()
    conditions = [
        (some < 0) | (every < 1),
        some == 0,
        some == every,
        2 * some < every,
        10 * some < 9 * every,
    ]
    return np.select(conditions, [5, 0, 4, 1, 2], default=3).astype(np.int8)


def partition_folder(domain: str, judge_score: int | None, bucket: str) -> str:
    """The folder of a partition, relative to the dataset folder."""
    judge = UNKNOWN if judge_score is None else judge_score
    return f"data/domain={domain}/judge={judge}/pass={bucket}"


def _starred(chosen: tuple[Any, ...], every: tuple[Any, ...]) -> tuple[Any, ...]:
    return ("*",) if set(chosen) == set(every) else chosen
