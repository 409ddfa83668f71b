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
Places = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_ESCAPE = r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_STRING = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*"'
_ITEM = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*(?:[^" \\\x00-\x1f]|{_ESCAPE})"'
"""Ends in no space, so that `", "` stands between items only."""

_KEY = b'{"score": '
_JUDGEMENT = (
    r"^\{"
    + ", ".join(rf'"{name}": \{{"score": [1-5], "justification": {_STRING}\}}' for name in CRITERIA)
    + r"\}$"
)
_TESTS = rf"^\[{_ITEM}(?:, {_ITEM})*\]$"
_STATUSES = r'^\["(?:pass|fail)"(?:, "(?:pass|fail)")*\]$'
_CALLED = r"^\[\"(?:\\n)?assert (?:not )?\(*(?P<name>[A-Za-z_]\w*)\("
_FENCE, _OPEN, _NEWLINE = b"```", b"```python\n", 10
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
    """The three scores are the digits after `{"score": `.

    No quotation mark stands unescaped in a JSON string, so that this is found nowhere else.
    """
    mask = _mask(pc.match_substring_regex(judgement, _JUDGEMENT))
    starts, data = _bytes(judgement)
    places = _places(data, _KEY)
    firsts = np.searchsorted(places, starts[:-1][mask])
    found = np.zeros((len(CRITERIA), len(mask)), np.uint8)
    for number, of_all in enumerate(found):
        of_all[mask] = data[places[firsts + number] + len(_KEY)] - ord("0")
    scores = {
        name: pa.array(of_all, pa.int8()) for name, of_all in zip(CRITERIA, found, strict=True)
    }
    return mask, {**scores, "judge_score": pc.min_element_wise(*scores.values())}


def _places(data: Bytes, part: bytes) -> Places:
    """Where `part` begins in `data`, in order."""
    found = np.flatnonzero(data[: max(0, len(data) - len(part) + 1)] == part[0])
    for number, byte in enumerate(part[1:], 1):
        found = found[data[found + number] == byte]
    return found


def _bytes(texts: pa.Array) -> tuple[Places, Bytes]:
    """All texts on end, and where each begins and the last one ends."""
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    first, last = int(starts[0]), int(starts[-1])
    whole = np.frombuffer(data or b"", np.uint8)
    return starts.astype(np.int64) - first, whole[first:last]


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
    easy, items = _items(given["unit_tests"])
    mask &= easy & (items == pc.fill_null(total, 0).to_numpy())
    small = _mask(pc.less(total, 32_768))
    return mask & small, {
        "tests_passed": pc.cast(passed, pa.int16(), safe=False),
        "tests_total": pc.cast(total, pa.int16(), safe=False),
        "pass_rate": rate,
        "test_verdicts": spread(pa.array(lists, pa.list_(pa.string()))),
    }


def _items(tests: pa.Array) -> tuple[Mask, Places]:
    """Whether it is easily told how many items each JSON list has, and how many these are."""
    easy = _mask(pc.match_substring_regex(tests, _TESTS))
    starts, data = _bytes(tests)
    between = _places(data, b'", "')
    return easy, np.diff(np.searchsorted(between, starts)) + 1


def _solved(output: pa.Array, tests: pa.Array) -> tuple[Mask, dict[str, pa.Array]]:
    """The one block of code of each answer, where it defines what the first test calls."""
    names = pc.struct_field(pc.extract_regex(tests, _CALLED), "name")
    starts, data = _bytes(output)
    rows, begins, ends = _blocks(starts, data)
    whole = data.tobytes()
    codes: list[bytes | None] = [None] * len(output)
    called = names.cast(pa.binary()).to_pylist()
    for row, begin, end in zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True):
        name = called[row]
        if name and whole.find(b"def " + name + b"(", begin, end) >= 0:
            codes[row] = whole[begin:end]
    solution = pa.array(codes, pa.binary()).cast(pa.string())
    return _mask(pc.is_valid(solution)), {
        "contract": pa.array(["call"] * len(codes), pa.string()),
        "entry_point": names,
        "solution": solution,
    }


def _blocks(starts: Places, data: Bytes) -> tuple[Places, Places, Places]:
    """Rows with one block of Python between two fences and no other; where it begins and ends."""
    fences = _places(data, _FENCE)
    row_of = np.searchsorted(starts, fences, side="right")
    fences = fences[fences + len(_FENCE) <= starts[row_of]]  # none that runs into the next text
    firsts = np.searchsorted(fences, starts)
    rows = np.flatnonzero(np.diff(firsts) == 2)
    opening, closing = fences[firsts[rows]], fences[firsts[rows] + 1]
    begins = opening + len(_OPEN)
    sound = (begins < closing) & (data[closing - 1] == _NEWLINE)
    sound &= (opening == starts[rows]) | (data[opening - 1] == _NEWLINE)
    rows, begins, closing = rows[sound], begins[sound], closing[sound]
    opened = np.ones(len(rows), np.bool_)
    for number, byte in enumerate(_OPEN):
        opened &= data[begins - len(_OPEN) + number] == byte
    return rows[opened], begins[opened], closing[opened]


def _mask(condition: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
    return mask
