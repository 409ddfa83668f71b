"""Rows of the published layout: made from a seed, with the shares that its card and users report.

Lengths, pass rates, domains and algorithms are distributed as in the release; the text is drawn
from the sources of Python's standard library, so that it compresses about as code and prose do.
"""

import json
import random
import sysconfig
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.schema import CRITERIA, PUBLISHED
from tests.rows import PASSED

SCHEMA = pa.schema([(column.name, column.type) for column in PUBLISHED])
_TESTS = 10


@cache
def _texts() -> tuple[list[str], list[str]]:
    """Lines of code, and words."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    lines = {
        line.strip()
        for path in sorted(folder.glob("*.py"))[:150]
        for line in path.read_text(encoding="utf-8", errors="ignore").split("\n")
        if 15 < len(line.strip()) < 80 and "`" not in line
    }
    words = {word for line in lines for word in line.split() if word.isalpha() and word.isascii()}
    return sorted(lines), sorted(words)


def release_row(number: int, *, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """One row as published; the same arguments give the same row."""
    draw = random.Random(f"{seed}/{number}")
    lines, words = _texts()
    name = f"{draw.choice(words)}_{draw.choice(words)}".lower()
    passed = draw.choices(list(PASSED), list(PASSED.values()))[0]
    statuses = ["pass"] * passed + ["fail"] * (_TESTS - passed)
    draw.shuffle(statuses)
    # Of the release 8.9% have a judge score of 5 and a pass rate of 1: 444,611 of 5 million rows.
    least = draw.choices([1, 2, 3, 4, 5], [14, 13, 16, 34, 23])[0]
    scores = [least, min(5, least + draw.randrange(3)), min(5, least + draw.randrange(2))]
    question = " ".join(draw.choices(words, k=max(8, int(draw.lognormvariate(6.4, 0.45)) // 7)))
    body = "\n".join(
        f"    {line}"
        for line in draw.choices(lines, k=max(2, int(draw.lognormvariate(6.6, 0.5)) // 46))
    )
    return {
        "id": blake2b(f"{seed}/{number}".encode(), digest_size=16).hexdigest(),
        "input": f"Write a function {name}. {question}.\n\n**Sample Input:** {draw.randrange(999)}",
        "output": f"```python\ndef {name}(values):\n{body}\n    return values\n```",
        "domain": "algorithmic" if draw.random() < 0.468 else "generic",
        "generation_algorithm": "evol-instruct" if draw.random() < 0.222 else "self-instruct",
        "llm_judgement": json.dumps(
            {
                criterion: {"score": score, "justification": " ".join(draw.choices(words, k=24))}
                for criterion, score in zip(CRITERIA, scores, strict=True)
            }
        ),
        "unit_tests": json.dumps(
            [
                f"\nassert {name}([{draw.randrange(999)}, {draw.randrange(999)}]) == {n}"
                for n in draw.choices(range(100_000), k=_TESTS)
            ]
        ),
        "tests_execution_status": json.dumps(statuses),
        "average_test_score": passed / _TESTS,
    } | changes


def release_table(start: int, count: int, *, seed: int = 0) -> pa.Table:
    """`count` rows from number `start` on."""
    rows = [release_row(number, seed=seed) for number in range(start, start + count)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def write_release(folder: Path, rows: int, files: int, *, seed: int = 0) -> None:
    """A release of `rows` rows in `files` files of equal size, named as published."""
    (folder / "data").mkdir(parents=True)
    for number in range(files):
        path = folder / "data" / f"train-{number:05d}-of-{files:05d}.parquet"
        start, end = rows * number // files, rows * (number + 1) // files
        pq.write_table(
            release_table(start, end - start, seed=seed),
            path,
            compression="zstd",
            row_group_size=10_000,
        )
