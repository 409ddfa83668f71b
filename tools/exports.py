"""Rows of a dataset in the shapes that trainers read: messages, preference pairs, tasks for RL.

`messages` and `prompt` are lists of `{"role", "content"}`, as TRL, Axolotl and verifiers have them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MESSAGES = ["id", "input", "output"]
RL = [
    "id",
    "input",
    "unit_tests",
    "entry_point",
    "contract",
    "solution",
    "domain",
    "judge_score",
    "pass_rate",
]
PREFERENCE = ["id", "input", "output", "pass_rate"]

_ABOVE, _APART = 0.8, 0.4
"""AceCoder (arXiv 2502.01718): the chosen answer passes more than 0.8 of the tests, and 0.4 more
than the rejected one, which passes some.
"""

CODE_TO_CODE = "Rewrite this code so that it is correct, clear and complete.\n\n```python\n{}\n```"

Row = Mapping[str, Any]


def messages_of(row: Row, *, code_to_code: bool = False) -> dict[str, Any] | None:
    """The row as a conversation of two turns; None where question or answer is missing.

    With `code_to_code` the question is the code it quotes, and a row that quotes none is left out.
    """
    question, answer = row["input"], row["output"]
    if code_to_code:
        quoted = _quoted_code(question or "")
        question = CODE_TO_CODE.format(quoted) if quoted else None
    if not (question or "").strip() or not (answer or "").strip():
        return None
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ],
        "id": row["id"],
    }


def task_of(row: Row) -> dict[str, Any] | None:
    """The row as a task: `prompt`, the solution as `answer`, and `info` with what a reward needs.

    None where the row has no question or its tests cannot be read.
    """
    tests = _list(row["unit_tests"])
    if not (row["input"] or "").strip() or not tests:
        return None
    return {
        "prompt": [{"role": "user", "content": row["input"]}],
        "answer": row["solution"] or "",
        "tests": tests,
        "entry_point": row["entry_point"] or "",
        "contract": row["contract"] or "",
        "info": {
            "id": row["id"],
            "domain": row["domain"] or "",
            "judge_score": row["judge_score"],
            "pass_rate": row["pass_rate"],
        },
    }


def pairs_of(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Pairs of answers to one question, of which one passes clearly more tests than the other.

    `rows` all have the same question. For each answer that passes more than 0.8 of its tests, the
    worst other one that passes some, and at least 0.4 less. Equal answers make no pair.
    """
    known = [row for row in rows if row["pass_rate"] is not None and row["output"]]
    ranked = sorted(known, key=lambda row: (row["pass_rate"], row["id"]))
    losers = [row for row in ranked if row["pass_rate"] > 0]
    for chosen in reversed(ranked):
        share = chosen["pass_rate"]
        if share <= _ABOVE or not losers:
            return
        rejected = losers[0]
        if share > rejected["pass_rate"] + _APART and chosen["output"] != rejected["output"]:
            yield {
                "prompt": [{"role": "user", "content": chosen["input"]}],
                "chosen": [{"role": "assistant", "content": chosen["output"]}],
                "rejected": [{"role": "assistant", "content": rejected["output"]}],
                "score_chosen": share,
                "score_rejected": rejected["pass_rate"],
                "id": chosen["id"],
            }


def _quoted_code(question: str) -> str | None:
    """The first block of code in a question."""
    found = re.search(r"^```(?:python|py)?[ \t]*\n(.*?)^```", question, re.MULTILINE | re.DOTALL)
    return found[1].strip("\n") if found and found[1].strip() else None


def _list(text: str | None) -> list[str]:
    try:
        tests = json.loads(text or "[]")
    except ValueError:
        return []
    return tests if isinstance(tests, list) and all(isinstance(t, str) for t in tests) else []
