"""Rows of the published layout: read whatever they hold, and none is lost."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.regular import read_regular
from opencodeinstruct.builder.release import REASONS, Findings, read_release
from opencodeinstruct.builder.schema import CRITERIA, dataset_schema
from tests.release_rows import SCHEMA, release_row, release_table

GOOD = release_row(0, tests_execution_status=json.dumps(["pass"] * 9 + ["fail"]))
GOOD["average_test_score"] = 0.9
NAME = json.loads(GOOD["unit_tests"])[0].split()[1].partition("(")[0]
SCORES = json.loads(GOOD["llm_judgement"])


def read(rows: list[dict[str, Any]], **types: pa.DataType) -> tuple[list[dict[str, Any]], Findings]:
    """The rows as read, from columns of the published types or of those given."""
    schema = SCHEMA
    for name, kind in types.items():
        place = schema.get_field_index(name)
        schema = schema.set(place, pa.field(name, kind))
    findings = Findings()
    table = read_release(pa.Table.from_pylist(rows, schema=schema), findings)
    assert table.schema == dataset_schema()
    return table.to_pylist(), findings


def test_a_row_as_published_has_all_that_can_be_derived() -> None:
    (row,), findings = read([GOOD])
    assert findings.rows == {}
    assert {name: row[name] for name in GOOD} == GOOD
    assert [row[name] for name in CRITERIA] == [SCORES[name]["score"] for name in CRITERIA]
    assert row["judge_score"] == min(SCORES[name]["score"] for name in CRITERIA)
    assert (row["tests_passed"], row["tests_total"], row["pass_rate"]) == (9, 10, 0.9)
    assert row["test_verdicts"] == ["pass"] * 9 + ["fail"]
    assert (row["contract"], row["entry_point"]) == ("call", NAME)
    assert row["output"] == f"```python\n{row['solution']}```"


def test_regular_rows_are_read_in_columns_exactly_as_one_by_one() -> None:
    table = release_table(0, 300)
    regular = read_regular(table)
    assert regular is not None
    assert regular.mask.mean() > 0.9
    # Lists of one more type are what no regular row has, so that every row is read by itself.
    place = table.schema.get_field_index("domain")
    slow_table = table.set_column(place, "domain", table["domain"].dictionary_encode())
    assert read_regular(slow_table) is None
    fast, slow = Findings(), Findings()
    assert read_release(table, fast).equals(read_release(slow_table, slow))
    assert fast == slow


@pytest.mark.parametrize("rows", [slice(7, 57), slice(0, 0), slice(299, 300)])
def test_a_part_of_a_table_is_read_as_part_of_the_whole(rows: slice) -> None:
    table = release_table(0, 300)
    part = read_release(table.slice(rows.start, rows.stop - rows.start), Findings())
    whole = read_release(table, Findings())
    assert part.equals(whole.slice(rows.start, rows.stop - rows.start))


def test_rows_of_nothing_but_nulls_are_kept() -> None:
    schema = release_table(0, 1).schema
    empty = pa.table([pa.nulls(3, field.type) for field in schema], schema=schema)
    assert read_release(empty, Findings())["input"].to_pylist() == [None] * 3


TEXT = st.text(max_size=12)
JSONISH = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
ITEMS = [
    "a(1)",
    "a(2) ",
    'a("x", ',
    ",",
    " a(3)",
    'a("x", "y")',
    ', "',
    '", ',
    '\\", a',
    "é",
    "",
    ", ",
]
ASSERTS = st.lists(st.sampled_from(ITEMS), max_size=4)
SAID = st.sampled_from(
    ['"logical_correctness": {"score": 4', "}, ", "\\", "é\n", '", "', "correctness", ""]
)
JUDGEMENTS = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries({"score": st.integers(1, 5), "justification": SAID})
        for name in CRITERIA
    }
).map(json.dumps)
ANSWERS = [
    "```python\ndef a(x):\n    pass\n``",
    "`x",
    "``",
    "````python\ndef a(x):\n  1\n```",
    "```python\ndef a(x):\n    pass\n```",
    "def a(x): pass",
    "x ```python\n```",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "llm_judgement": st.one_of(
                    st.just(GOOD["llm_judgement"]),
                    JUDGEMENTS,
                    TEXT,
                    JSONISH.map(json.dumps),
                    JSONISH.map(repr),
                ),
                "unit_tests": st.one_of(
                    ASSERTS.map(lambda items: json.dumps([f"assert {item}" for item in items])),
                    ASSERTS.map(json.dumps),
                    ASSERTS.map(lambda items: json.dumps(items, separators=(",", ":"))),
                    TEXT,
                    JSONISH.map(repr),
                ),
                "tests_execution_status": st.one_of(
                    st.lists(st.sampled_from(["pass", "fail"]), max_size=4).map(json.dumps),
                    TEXT,
                    JSONISH.map(json.dumps),
                ),
                "average_test_score": st.one_of(st.none(), st.floats(), st.sampled_from([0, 1])),
                "output": st.one_of(
                    TEXT,
                    st.sampled_from(ANSWERS),
                ),
                "id": st.one_of(st.none(), TEXT, st.just(GOOD["id"])),
                "input": st.one_of(st.none(), TEXT),
                "domain": st.one_of(st.none(), TEXT, st.just("generic")),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_rows_come_out_in_order_and_the_same_by_both_ways(rows: list[dict[str, Any]]) -> None:
    rows = [GOOD | row for row in rows]
    for row in rows:
        if row["average_test_score"] is not None:
            row["average_test_score"] = float(row["average_test_score"])
    mixed, findings = read(rows)
    assert len(mixed) == len(rows)
    slow, slow_findings = read(rows, domain=pa.dictionary(pa.int8(), pa.string()))
    assert mixed == slow
    assert findings == slow_findings
    for row, given_row in zip(mixed, rows, strict=True):
        assert row["id"]
        assert row["input"] == given_row["input"]
        assert row["output"] == given_row["output"]
        assert (row["pass_rate"] is None) == (not row["tests_total"])


@pytest.mark.parametrize(
    ("changes", "reasons", "expected"),
    [
        ({"llm_judgement": str(SCORES)}, [], {"judge_score": "kept", "llm_judgement": "json"}),
        ({"llm_judgement": json.dumps(json.dumps(SCORES))}, [], {"judge_score": "kept"}),
        ({"llm_judgement": "{broken"}, ["judgement_unreadable"], {"judge_score": None}),
        ({"llm_judgement": None}, ["judgement_unreadable"], {"judge_score": None}),
        ({"llm_judgement": "[]"}, ["judgement_unreadable"], {"llm_judgement": "[]"}),
        (  # one criterion is missing: the other two are kept
            {"llm_judgement": json.dumps({CRITERIA[0]: {"score": 4}, CRITERIA[1]: {"score": 5}})},
            ["judgement_incomplete"],
            {CRITERIA[0]: 4, CRITERIA[1]: 5, CRITERIA[2]: None, "judge_score": None},
        ),
        (
            {"llm_judgement": json.dumps({name: {"score": "4"} for name in CRITERIA})},
            [],
            {"judge_score": 4},
        ),
        (
            {"llm_judgement": json.dumps(dict.fromkeys(CRITERIA, 4.0))},
            [],
            {"judge_score": 4},
        ),
        (
            {"llm_judgement": json.dumps({name: {"score": 6} for name in CRITERIA})},
            ["judgement_incomplete"],
            {"judge_score": None},
        ),
        ({"average_test_score": float("nan")}, ["score_unreadable"], {"average_test_score": None}),
        ({"average_test_score": None}, ["score_unreadable"], {"pass_rate": 0.9}),
        ({"average_test_score": 0.4}, ["score_disagrees"], {"pass_rate": 0.9}),
        ({"unit_tests": str(json.loads(GOOD["unit_tests"]))}, [], {"unit_tests": "json"}),
        (
            {"unit_tests": "assert x"},
            ["tests_unreadable", "no_entry_point"],
            {"unit_tests": "assert x", "pass_rate": 0.9},
        ),
        (
            {"tests_execution_status": '["pass"]'},
            ["statuses_do_not_match"],
            {"tests_total": None, "pass_rate": None, "test_verdicts": ["pass"]},
        ),
        (
            {"tests_execution_status": "['pass', 'fail']", "unit_tests": str([f"{NAME}(1)"] * 2)},
            ["score_disagrees"],
            {"tests_execution_status": '["pass", "fail"]', "tests_passed": 1, "tests_total": 2},
        ),
        ({"tests_execution_status": "pass"}, ["statuses_unreadable"], {"pass_rate": None}),
        ({"tests_execution_status": '["maybe"]'}, ["statuses_unreadable"], {"pass_rate": None}),
        (
            {"tests_execution_status": "[]", "unit_tests": "[]"},
            ["no_tests", "no_entry_point"],
            {"tests_total": 0, "pass_rate": None},
        ),
        ({"input": ""}, ["no_input"], {"input": ""}),
        ({"input": None}, ["no_input"], {"input": None}),
        ({"output": None}, ["no_output", "no_code"], {"solution": None}),
        ({"output": "I cannot do that."}, ["no_code"], {"solution": None}),
        ({"output": f"def {NAME}(a):\n    return a"}, [], {"entry_point": NAME}),  # no fence
        (  # the second block only shows the first at work
            {"output": f"```python\ndef {NAME}(a): pass\n```\nUse:\n```python\n{NAME}(1)\n```"},
            [],
            {"solution": f"def {NAME}(a): pass\n"},
        ),
        (  # the first block is not the solution
            {"output": f"```\npip install x\n```\n```python\ndef {NAME}(a): pass\n```"},
            [],
            {"solution": f"def {NAME}(a): pass\n"},
        ),
        ({"output": f"```python\ndef {NAME}(a): pass"}, [], {"entry_point": NAME}),  # cut off
        (
            {"output": "```python\nn = int(input())\nprint(n)\n```"},
            [],
            {"contract": "stdio", "entry_point": None},
        ),
        (
            {"output": "```python\ndef other(a): pass\n```"},
            ["no_entry_point"],
            {"contract": None, "entry_point": None},
        ),
        ({"domain": "Generic"}, ["odd_domain"], {"domain": None}),
        ({"domain": None}, ["odd_domain"], {"domain": None}),
        ({"id": "abc"}, ["odd_id"], {"id": "abc"}),
    ],
)
def test_what_cannot_be_read_is_null_said_and_kept_as_text(
    changes: dict[str, Any], reasons: list[str], expected: dict[str, Any]
) -> None:
    (row,), findings = read([GOOD | changes])
    assert sorted(findings.rows) == sorted(reasons)
    assert set(findings.rows) <= set(REASONS)
    for name, value in expected.items():
        if value == "kept":
            assert row[name] == min(SCORES[criterion]["score"] for criterion in CRITERIA)
        elif value == "json":
            assert json.loads(row[name])
        else:
            assert row[name] == value


def test_a_row_without_id_gets_the_hash_of_its_text() -> None:
    rows, findings = read([GOOD | {"id": None}, GOOD | {"id": None, "input": "Other."}])
    assert len({row["id"] for row in rows}) == 2
    assert all(len(row["id"]) == 32 for row in rows)
    assert findings.rows == {"no_id": 2}


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("unit_tests", pa.list_(pa.string()), json.loads),
        ("tests_execution_status", pa.list_(pa.string()), json.loads),
        ("average_test_score", pa.string(), str),
        ("input", pa.large_string(), str),
        (
            "llm_judgement",
            pa.struct(
                [
                    (name, pa.struct([("score", pa.int64()), ("justification", pa.string())]))
                    for name in CRITERIA
                ]
            ),
            json.loads,
        ),
    ],
)
def test_columns_that_were_parsed_by_others_are_read(
    name: str, kind: pa.DataType, value: Callable[[Any], Any]
) -> None:
    (expected,), _ = read([GOOD])
    (row,), findings = read([GOOD | {name: value(GOOD[name])}], **{name: kind})
    assert findings.rows == {}
    assert row == expected


def test_a_column_that_is_not_there_is_null_in_every_row() -> None:
    table = pa.Table.from_pylist([GOOD], schema=SCHEMA).drop_columns(["llm_judgement"])
    findings = Findings()
    assert read_release(table, findings)["judge_score"].to_pylist() == [None]
    assert findings.rows == {"judgement_unreadable": 1}
