"""Rows of the published `nvidia/OpenCodeInstruct` as rows of a dataset: each, whatever it holds.

Users meet that release as JSON in strings, as Python literals and already parsed, its share of
passed tests as a number, as text and as NaN. All of it is read. What cannot be read becomes null,
is counted by reason, and its text stays as it was: a row is never lost.
"""

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from opencodeinstruct.builder.regular import read_regular
from opencodeinstruct.builder.release_code import code_of
from opencodeinstruct.builder.schema import CRITERIA, PUBLISHED, VERDICTS, dataset_schema
from opencodeinstruct.builder.subsets import DOMAINS

REASONS = {
    "no_id": "the row has no id; it is given the hash of its question and answer",
    "same_id": "an earlier row has the same id; both are kept",
    "odd_id": "the id is not 32 hex digits; it is kept",
    "no_input": "the question is empty",
    "no_output": "the answer is empty",
    "odd_domain": "the domain is neither generic nor algorithmic",
    "judgement_unreadable": "the judgement is no object that can be read",
    "judgement_incomplete": "a criterion is missing, or its score is not 1 to 5",
    "tests_unreadable": "the tests are no list that can be read",
    "statuses_unreadable": "the tests' results are no list of known words that can be read",
    "statuses_do_not_match": "there are not as many results as tests",
    "no_tests": "the list of tests is empty",
    "score_unreadable": "the published share of passed tests is no number from 0 to 1",
    "score_disagrees": "the published share is not that of the results; the results are believed",
    "no_code": "no code was found in the answer",
    "no_entry_point": "no test calls a function of the solution, which reads no input either",
}
"""Why something of a row could not be read, or had to be guessed."""

_ID = re.compile(r"[0-9a-f]{32}")
_CLOSE = 0.0051  # published shares may be rounded to two places
_LONGEST = 200_000  # characters of a Python literal; past that it is a loop of a model
_SHOWN = 5  # ids kept for each reason


@dataclass(slots=True)
class Findings:
    """What could not be read: rows by reason, and the ids of the first few for each."""

    rows: Counter[str] = field(default_factory=Counter)
    ids: dict[str, list[str]] = field(default_factory=dict)

    def note(self, reason: str, name: str) -> None:
        """Count the row called `name` under `reason`."""
        self.rows[reason] += 1
        if self.rows[reason] <= _SHOWN:
            self.ids.setdefault(reason, []).append(name)

    def add(self, other: "Findings") -> None:
        """Count what another part of the release came to as well."""
        self.rows.update(other.rows)
        for reason, ids in other.ids.items():
            self.ids[reason] = (self.ids.get(reason, []) + ids)[:_SHOWN]


@dataclass(frozen=True, slots=True)
class _Statuses:
    """The results of a row's tests; no verdicts where they cannot be read."""

    text: str | None
    verdicts: list[str] | None
    passed: int


def read_release(table: pa.Table, findings: Findings) -> pa.Table:
    """Every row of `table`, in order, with all columns of a dataset; what is missing is null.

    A column that is not there is null in every row. What could not be read is noted in `findings`.
    """
    regular = read_regular(table)
    if regular is None:
        return _read_any(table, findings)
    mask = regular.mask
    if mask.all():
        return _completed(regular.found, table.num_rows)
    others = np.flatnonzero(~mask)
    slow = _read_any(table.take(others), findings)
    places = np.arange(table.num_rows)
    places[others] = table.num_rows + np.arange(slow.num_rows)
    fast = _completed(regular.found, table.num_rows)
    return pa.concat_tables([fast, slow]).take(places).combine_chunks()


def _read_any(table: pa.Table, findings: Findings) -> pa.Table:
    """As `read_release`, row by row."""
    given = {column.name: _values(table, column.name) for column in PUBLISHED}
    made: dict[str, list[Any]] = {name: [] for name in (*_MADE, *given)}
    statuses: dict[str, _Statuses] = {}
    for values in zip(*given.values(), strict=True):
        row = dict(zip(given, values, strict=True))
        for name, value in _read_row(row, _known(row, statuses), findings).items():
            made[name].append(value)
    return _completed(made, table.num_rows)


def _known(row: dict[str, Any], seen: dict[str, _Statuses]) -> _Statuses:
    """The results of a row's tests; there are few different ones, so they are kept in `seen`."""
    value = row["tests_execution_status"]
    if not isinstance(value, str):
        return _statuses(value)
    if value not in seen:
        seen[value] = _statuses(value)
    return seen[value]


def _completed(columns: Mapping[str, Any], rows: int) -> pa.Table:
    """`columns` as a table of all columns of a dataset; those that are not there are null."""
    schema = dataset_schema()
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


_MADE = (
    *CRITERIA,
    "judge_score",
    "tests_passed",
    "tests_total",
    "pass_rate",
    "test_verdicts",
    "contract",
    "entry_point",
    "solution",
)


def _values(table: pa.Table, name: str) -> list[Any]:
    if name not in table.schema.names:
        return [None] * table.num_rows
    values: list[Any] = table[name].to_pylist()
    return values


def _read_row(row: dict[str, Any], statuses: _Statuses, findings: Findings) -> dict[str, Any]:
    faults: list[str] = []
    note = faults.append
    texts = {name: _text(row[name]) for name in ("input", "output", "generation_algorithm")}
    for name in ("input", "output"):
        if not (texts[name] or "").strip():
            note(f"no_{name}")
    judged = _judged(row["llm_judgement"], note)
    tests = _tests(row["unit_tests"], note)
    counts = _counts(row["average_test_score"], statuses, tests[1], note)
    code = code_of(texts["output"] or "", tests[1] or [])
    if code.solution is None:
        note("no_code")
    elif code.contract is None:
        note("no_entry_point")
    domain = _text(row["domain"])
    if domain not in DOMAINS:
        note("odd_domain")
    name = _identity(row["id"], texts, note)
    for reason in faults:
        findings.note(reason, name)
    return {
        "id": name,
        **texts,
        "domain": domain if domain in DOMAINS else None,
        **judged,
        "unit_tests": tests[0],
        "tests_execution_status": statuses.text,
        **counts,
        "contract": code.contract,
        "entry_point": code.entry_point,
        "solution": code.solution,
    }


def _identity(value: Any, texts: dict[str, str | None], note: Callable[[str], None]) -> str:
    if isinstance(value, str) and value:
        if _ID.fullmatch(value) is None:
            note("odd_id")
        return value
    note("no_id")
    content = f"{texts['input']}\0{texts['output']}".encode("utf-8", "backslashreplace")
    return blake2b(content, digest_size=16).hexdigest()


def _judged(value: Any, note: Callable[[str], None]) -> dict[str, Any]:
    """The judgement as JSON text, the three scores and their least."""
    parsed, is_json = _parsed(value, dict)
    if parsed is None:
        note("judgement_unreadable")
        return {
            "llm_judgement": _text(value),
            **dict.fromkeys(CRITERIA),
            "judge_score": None,
        }
    scores = [_score(parsed.get(name)) for name in CRITERIA]
    known = [score for score in scores if score is not None]
    if len(known) < len(CRITERIA):
        note("judgement_incomplete")
    return {
        "llm_judgement": value if is_json else _dumped(parsed),
        **dict(zip(CRITERIA, scores, strict=True)),
        "judge_score": min(known) if len(known) == len(CRITERIA) else None,
    }


def _score(value: Any) -> int | None:
    """A score of 1 to 5 in a criterion's object, or standing alone; as a number or as text."""
    found = value.get("score") if isinstance(value, dict) else value
    if type(found) is int:
        return found if 1 <= found <= 5 else None
    number = _number(found)
    return int(number) if number in (1.0, 2.0, 3.0, 4.0, 5.0) else None


def _number(value: Any) -> float | None:
    """`value` as a number, where it is one or the text of one; no NaN, no bool."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _tests(value: Any, note: Callable[[str], None]) -> tuple[str | None, list[str] | None]:
    """The tests as JSON text, and as a list where they are one of texts."""
    parsed, is_json = _parsed(value, list)
    if parsed is None or not all(type(test) is str for test in parsed):
        note("tests_unreadable")
        return _text(value), None
    return (value if is_json else _dumped(parsed)), parsed


def _statuses(value: Any) -> _Statuses:
    parsed, is_json = _parsed(value, list)
    words = [word.strip().lower() if isinstance(word, str) else "" for word in parsed or ()]
    verdicts = [{"passed": "pass", "failed": "fail"}.get(word, word) for word in words]
    if parsed is None or not set(verdicts) <= set(VERDICTS):
        return _Statuses(_text(value), None, 0)
    text = value if is_json else _dumped(parsed)
    return _Statuses(text, verdicts, verdicts.count("pass"))


def _counts(
    published: Any, statuses: _Statuses, tests: list[str] | None, note: Callable[[str], None]
) -> dict[str, Any]:
    """The published share, and what the results of the tests come to, where they are known."""
    share = _number(published)
    share = share if share is not None and 0 <= share <= 1 else None
    if share is None:
        note("score_unreadable")
    made: dict[str, Any] = dict.fromkeys(("tests_passed", "tests_total", "pass_rate"))
    made |= {"average_test_score": share, "test_verdicts": statuses.verdicts}
    verdicts = statuses.verdicts
    if verdicts is None:
        note("statuses_unreadable")
    elif tests is not None and len(tests) != len(verdicts):
        note("statuses_do_not_match")
    elif not verdicts:
        note("no_tests")
        made |= {"tests_passed": 0, "tests_total": 0}
    elif len(verdicts) <= 32_767:
        rate = statuses.passed / len(verdicts)
        made |= {"tests_passed": statuses.passed, "tests_total": len(verdicts), "pass_rate": rate}
        if share is not None and abs(share - rate) > _CLOSE:
            note("score_disagrees")
    return made


def _parsed(value: Any, kind: type) -> tuple[Any, bool]:
    """`value` as a `kind`, or None, and whether it is the JSON text of one already."""
    if isinstance(value, kind):
        return value, False
    if not isinstance(value, str):
        return None, False
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = _literal(value)
        return (parsed if isinstance(parsed, kind) else None), False
    if isinstance(parsed, str):  # JSON in JSON
        return _parsed(parsed, kind)[0], False
    return (parsed if isinstance(parsed, kind) else None), True


def _literal(text: str) -> Any:
    """`text` read as a Python literal, or None; it is never run."""
    if len(text) > _LONGEST:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _dumped(value: Any) -> str | None:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # a set or bytes in a literal
        return str(value)


def _text(value: Any) -> str | None:
    """`value` as text: as it is, or as JSON."""
    return value if value is None or isinstance(value, str) else _dumped(value)
