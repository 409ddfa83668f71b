"""A question: a self-contained problem that asks for one function, and how it is read and laid out.

Every question ends with the signature of the function it asks for, so that solution and tests
cannot disagree about its name or arguments: 31% of audited rows of the published release name no
function at all.
"""

import re
from dataclasses import dataclass
from typing import Any

from opencodeinstruct.tools.outcome import Row
from opencodeinstruct.tools.ports import content_id
from opencodeinstruct.tools.stages.asking import EVIDENCE, Unreadable
from opencodeinstruct.tools.text.json_answer import object_in
from opencodeinstruct.tools.text.python_code import Signature, parse_signature

_TEXT = {"type": "string"}

# A private function of the seed's module, which the reader of the question never sees.
_PRIVATE_NAME = re.compile(r"(?<!\w)_[a-z]\w*[^\W_](?!\w)")  # `_emphasis_` is none

# What a model copies from the question that it is shown, and `question_of` adds itself.
_SIGNATURE_LINE = re.compile(r"\n\s*Signature:[^\n]*\Z")

ALGORITHMS = {"seed": "oss-instruct", "oss-instruct": "oss-instruct", "crossover": "self-instruct"}
"""`generation_algorithm` by operation; every other operation is a mutation: `evol-instruct`."""


@dataclass(frozen=True, slots=True)
class Question:
    """The problem as its reader sees it, signature included, and the signature taken apart."""

    text: str
    signature: Signature


def question_schema(*leading: str) -> dict[str, Any]:
    """The JSON schema of one question; `leading` are text fields the model fills in first."""
    fields = (*leading, "signature", "problem")
    return {
        "type": "object",
        "properties": {field: _TEXT for field in fields},
        "required": list(fields),
        "additionalProperties": False,
    }


def question_of(problem: str, signature: Signature) -> Question:
    """`problem` followed by the line that gives the signature, in place of one it ends with."""
    problem = _SIGNATURE_LINE.sub("", f"\n{problem.strip()}").strip()
    return Question(f"{problem}\n\nSignature: `{signature.text}`", signature)


def read_question(text: str) -> Question | Unreadable:
    """The question in a model's JSON answer."""
    return question_from(object_in(text), text)


def question_from(found: object, text: str) -> Question | Unreadable:
    """The question in the JSON object `found`, part of the answer `text`."""
    if not isinstance(found, dict):
        return Unreadable("not_json", text[:EVIDENCE])
    problem, head = found.get("problem"), found.get("signature")
    if not isinstance(problem, str) or not problem.strip():
        return Unreadable("no_problem", text[:EVIDENCE])
    signature = parse_signature(head) if isinstance(head, str) else None
    if signature is None:
        return Unreadable("bad_signature", str(head)[:EVIDENCE])
    if not re.search(rf"(?<!\w){re.escape(signature.name)}(?!\w)", problem):
        return Unreadable("function_not_named", f"{signature.name}: {problem[:EVIDENCE]}")
    helper = _PRIVATE_NAME.search(problem)
    if helper is not None and helper[0] not in signature.text:
        return Unreadable("names_a_helper", f"{helper[0]}: {problem[:EVIDENCE]}")
    return question_of(problem, signature)


def with_question(row: Row, question: Question, *, operation: str, model: str | None) -> Row:
    """`row` asking `question`, with a new id and the columns that say how it was made."""
    return {
        **row,
        "id": content_id(question.text),
        "input": question.text,
        "contract": "call",
        "entry_point": question.signature.name,
        "signature": question.signature.text,
        "operation": operation,
        "generation_algorithm": ALGORITHMS.get(operation, "evol-instruct"),
        "generator_model": model,
    }
