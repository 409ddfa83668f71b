"""Rows of a release that are exactly as published, read column by column without a loop over rows.

Nearly all five million rows are. A row is regular when every one of its nine values is as the
release's card says, strictly: then what is found here is what a parser would have found. All other
rows are left to `builder/release.py`, which reads anything.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opencodeinstruct.builder.schema import CRITERIA, PUBLISHED
from opencodeinstruct.builder.subsets import DOMAINS

Mask = npt.NDArray[np.bool_]

_ESCAPE = r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_STRING = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*"'
_ITEM = rf'"(?:[^",\\\x00-\x1f]|{_ESCAPE})(?:[^"\\\x00-\x1f]|{_ESCAPE})*"'  # begins with no comma
_JUDGEMENT = (
    r"^\{"
    + ", ".join(
        rf'"{name}": \{{"score": (?P<{name}>[1-5]), "justification": {_STRING}\}}'
        for name in CRITERIA
    )
    + r"\}$"
)
_TESTS = rf"^\[{_ITEM}(?:, {_ITEM})*\]$"
_STATUSES = r'^\["(?:pass|fail)"(?:, "(?:pass|fail)")*\]$'
_CALLED = r"^\[\"(?:\\n)?assert (?:not )?\(*(?P<name>[A-Za-z_]\w*)\("
_OPEN = "python\n"
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Regular:
    """Which rows are regular, and what is found in them; in other rows anything may stand."""

    mask: Mask
    found: dict[str, pa.Array]


def read_regular(table: pa.Table) -> Regular | None:
    """What is found in the regular rows of `table`; None where its columns are of other types."""
    types = {column.name: column.type for column in PUBLISHED}
    if any(name not in table.schema.names for name in types):
        return None
    if any(table.schema.field(name).type != type for name, type in types.items()):
        return None
    given = {name: table[name].combine_chunks() for name in types}
    judged, scores = _judged(given["llm_judgement"])
    counted, counts = _counted(given)
    solved, code = _solved(given["output"], given["unit_tests"])
    return Regular(_plain(given) & judged & counted & solved, {**given, **scores, **counts, **code})


def _plain(given: dict[str, pa.Array]) -> Mask:
    """Whether id, domain, question and answer are there and as they should be."""
    checks = (
        pc.match_substring_regex(given["id"], "^[0-9a-f]{32}$"),
        pc.is_in(given["domain"], value_set=pa.array(DOMAINS)),
        pc.match_substring_regex(given["input"], r"^\S"),
    )
    mask = np.ones(len(given["id"]), dtype=np.bool_)
    for check in checks:
        mask &= _mask(check)
    return mask


def _judged(judgement: pa.Array) -> tuple[Mask, dict[str, pa.Array]]:
    found = pc.extract_regex(judgement, _JUDGEMENT)
    scores = {name: _digits(pc.struct_field(found, name)) for name in CRITERIA}
    least = pc.min_element_wise(*scores.values(), skip_nulls=False)
    return _mask(pc.is_valid(found)), {**scores, "judge_score": least}


def _digits(texts: pa.Array) -> pa.Array:
    return pc.cast(pc.if_else(pc.equal(texts, ""), None, texts), pa.int8())


def _counted(given: dict[str, pa.Array]) -> tuple[Mask, dict[str, pa.Array]]:
    """What the results say, of which there are few different ones, against tests and share."""
    encoded = given["tests_execution_status"].dictionary_encode()
    values = [value if value is not None else "" for value in encoded.dictionary.to_pylist()]
    known = _mask(pc.match_substring_regex(encoded.dictionary, _STATUSES))
    lists = [
        value[2:-2].split('", "') if sound else []
        for value, sound in zip(values, known.tolist(), strict=True)
    ]
    places = encoded.indices

    def spread(column: pa.Array) -> pa.Array:
        return pc.take(column, places)

    passed = spread(pa.array([verdicts.count("pass") for verdicts in lists], pa.int64()))
    total = spread(pa.array([len(verdicts) for verdicts in lists], pa.int64()))
    rate = pc.divide(pc.cast(passed, pa.float64()), pc.cast(total, pa.float64()))
    apart = pc.abs(pc.subtract(given["average_test_score"], rate))
    mask = _mask(spread(pa.array(known))) & _mask(pc.less(apart, _CLOSE))
    mask &= _mask(pc.equal(_items(given["unit_tests"]), pc.cast(total, pa.int32())))
    small = _mask(pc.less(total, 32_768))
    return mask & small, {
        "tests_passed": pc.cast(passed, pa.int16(), safe=False),
        "tests_total": pc.cast(total, pa.int16(), safe=False),
        "pass_rate": rate,
        "test_verdicts": spread(pa.array(lists, pa.list_(pa.string()))),
    }


def _items(tests: pa.Array) -> pa.Array:
    """How many items each JSON list has, or null where that is not so easily told.

    Items are what stands between `", "`, where none begins with a comma or ends in a quote, a
    comma and a space.
    """
    easy = pc.and_(
        pc.match_substring_regex(tests, _TESTS),
        pc.invert(pc.match_substring(tests, '\\", "')),
    )
    count = pc.add(pc.count_substring(tests, '", "'), pa.scalar(1, pa.int32()))
    return pc.if_else(easy, count, None)


def _solved(output: pa.Array, tests: pa.Array) -> tuple[Mask, dict[str, pa.Array]]:
    """The one block of code of each answer, where it defines what the first test calls."""
    names = pc.struct_field(pc.extract_regex(tests, _CALLED), "name").to_pylist()
    solutions: list[str | None] = []
    for text, name in zip(output.to_pylist(), names, strict=True):
        parts: list[str] = [] if text is None else text.split("```")
        code = None
        if name and len(parts) == 3 and parts[0][-1:] in ("", "\n"):
            block = parts[1]
            if block.startswith(_OPEN) and block[-1] == "\n" and f"def {name}(" in block:
                code = block[len(_OPEN) :]
        solutions.append(code)
    found = pa.array(solutions, pa.string())
    return _mask(pc.is_valid(found)), {
        "contract": pa.array(["call"] * len(found)),
        "entry_point": pa.array(names, pa.string()),
        "solution": found,
    }


def _mask(condition: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
    return mask
