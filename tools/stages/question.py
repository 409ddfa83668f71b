"""A question: a self-contained problem with its contract, and how it is read and laid out.

It asks for one function (`call`) and ends with its signature, so that solution and tests cannot
disagree about its name or arguments: 31% of audited rows of the published release name no function
at all. Or it asks for a program (`stdio`) and ends with what is read and what is printed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from opencodeinstruct.tools.outcome import Row
from opencodeinstruct.tools.ports import Message, content_id
from opencodeinstruct.tools.stages.asking import EVIDENCE, Unreadable
from opencodeinstruct.tools.text.cut_off import cut_off
from opencodeinstruct.tools.text.json_answer import object_in
from opencodeinstruct.tools.text.python_code import Signature, parse_signature, renamed
from opencodeinstruct.tools.text.said_types import argument_differs, result_differs
from opencodeinstruct.tools.text.words import shared_pairs, words_of

Contract = Literal["call", "stdio"]

_TEXT = {"type": "string"}

# A private function of the seed's module, which the reader of the question never sees.
_PRIVATE_NAME = re.compile(r"(?<!\w)_[a-z]\w*[^\W_](?!\w)")  # `_emphasis_` is none

# What a model copies from the question that it is shown, and `question_of` adds itself.
_SIGNATURE_LINE = re.compile(r"\n\s*Signature:[^\n]*\Z")

# The same in the middle of a text, where it is of the old question, and the rest of a prompt.
_LAYOUT = re.compile(r"^[ \t]*(?:Signature|Change|Difference):|\S\s*\n[ \t]*Problem:", re.MULTILINE)

PROGRAM = "Program: reads standard input, writes standard output."
"""The last line of every question that asks for a program."""

_NAMED_FUNCTION = re.compile(r"\bfunction (?:called |named )?`(\w+)(?:\([^`]*\))?`")

ALGORITHMS = {"seed": "oss-instruct", "oss-instruct": "oss-instruct", "crossover": "self-instruct"}
"""`generation_algorithm` by operation; every other operation is a mutation: `evol-instruct`."""


@dataclass(frozen=True, slots=True)
class Question:
    """The problem as its reader sees it, contract included, and its signature taken apart.

    A question without a signature asks for a program. `topic` is one of the recipe's, or None.
    """

    text: str
    signature: Signature | None
    topic: str | None = None

    @property
    def contract(self) -> Contract:
        """What the question asks for."""
        return "stdio" if self.signature is None else "call"


@dataclass(frozen=True, slots=True)
class Form:
    """What a model is to answer with: the contract of its questions and the topics to choose from.

    `leading` are text fields that it fills in first; `shown` is what it is shown as an example,
    which it must not give back.
    """

    contract: Contract = "call"
    topics: Sequence[str] = ()
    leading: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """The JSON schema of one question."""
        asked = ("signature", "problem") if self.contract == "call" else _PARTS
        fields = (*self.leading, *asked)
        properties: dict[str, Any] = {field: _TEXT for field in fields}
        if self.topics:
            properties["topic"] = {"type": "string", "enum": list(self.topics)}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def read(self, text: str) -> Question | Unreadable:
        """The question in a model's JSON answer."""
        return self.question_from(object_in(text), text)

    def question_from(self, found: object, text: str) -> Question | Unreadable:
        """The question in the JSON object `found`, part of the answer `text`."""
        if not isinstance(found, dict):
            return Unreadable("not_json", text[:EVIDENCE])
        problem = found.get("problem")
        if not isinstance(problem, str) or not problem.strip():
            return Unreadable("no_problem", text[:EVIDENCE])
        if any(_repeats(problem, example) for example in self.shown):
            return Unreadable("copies_the_example", problem[:EVIDENCE])
        question = (_function if self.contract == "call" else _program)(found, problem)
        if isinstance(question, Unreadable):
            return question
        return replace(question, topic=topic_of(found.get("topic"), self.topics))


def examples_in(messages: Sequence[Message]) -> tuple[str, ...]:
    """What `messages` show before they ask: the questions and answers of their examples."""
    return tuple(message.content for message in messages[:-1] if message.role != "system")


def _repeats(problem: str, example: str) -> bool:
    """Whether most pairs of neighbouring words in `problem` are in `example`."""
    own = words_of(problem)
    return len(own) > 1 and shared_pairs(own, words_of(example)) > _COPIED


_COPIED = 0.7  # "Write a function that takes a list of integers" is in half of all questions
_PARTS = ("problem", "input", "output")  # of a question that asks for a program


def topic_of(said: object, topics: Sequence[str]) -> str | None:
    """The one of `topics` that a model means; None for anything else."""
    if not isinstance(said, str):
        return None
    meant = said.strip().strip("\"'`.").lower()
    return next((topic for topic in topics if topic.lower() == meant), None)


def question_of(problem: str, signature: Signature) -> Question:
    """`problem` followed by the line that gives the signature, in place of one it ends with."""
    problem = _SIGNATURE_LINE.sub("", f"\n{problem.strip()}").strip()
    return Question(f"{problem}\n\nSignature: `{signature.text}`", signature)


def program_of(problem: str) -> Question:
    """`problem` followed by the line that asks for a program, in place of one it ends with."""
    return Question(f"{problem.strip().removesuffix(PROGRAM).strip()}\n\n{PROGRAM}", None)


def problem_of(question: str) -> str:
    """The problem of a question without the line that gives its contract."""
    return question.rsplit("\n\nSignature:", 1)[0].removesuffix(PROGRAM).strip()


def _function(found: dict[str, Any], problem: str) -> Question | Unreadable:
    head = found.get("signature")
    signature = parse_signature(head) if isinstance(head, str) else None
    if signature is None:
        return Unreadable("bad_signature", str(head)[:EVIDENCE])
    named = _with_the_name_of(problem, signature)
    if named is None:
        return Unreadable("function_not_named", f"{signature.name}: {problem[:EVIDENCE]}")
    told = _SIGNATURE_LINE.sub("", "\n" + problem.rstrip("\n"))
    if _LAYOUT.search(told):
        return Unreadable("copied_layout", problem[:EVIDENCE])
    end = cut_off(told)
    if end is not None:
        return Unreadable("cut_off", end)
    helper = _PRIVATE_NAME.search(problem)
    if helper is not None and helper[0] not in named.text:
        return Unreadable("names_a_helper", f"{helper[0]}: {problem[:EVIDENCE]}")
    unsaid = _arguments_unsaid(problem, named)
    if unsaid:
        return Unreadable("argument_not_named", f"{', '.join(unsaid)}: {problem[:EVIDENCE]}")
    return _difference(problem, named) or question_of(problem, named)


def _difference(problem: str, signature: Signature) -> Unreadable | None:
    """Of what `problem` says another type than `signature`; None where they agree."""
    checks = {"result_differs": result_differs, "argument_differs": argument_differs}
    for reason, check in checks.items():
        found = check(problem, signature)
        if found is not None:
            return Unreadable(reason, f"{signature.text}: {found}")
    return None


def _arguments_unsaid(problem: str, signature: Signature) -> list[str]:
    """The arguments of which `problem` says nothing: no word of theirs; one alone is obvious."""
    if len(signature.arguments) < 2:
        return []
    said = {_stem(word) for word in words_of(problem)}
    return [
        argument
        for argument in signature.arguments
        if said.isdisjoint(map(_stem, words_of(argument.replace("_", " "))))
    ]


def _stem(word: str) -> str:
    return word.removesuffix("s")


def _with_the_name_of(problem: str, signature: Signature) -> Signature | None:
    """`signature` if `problem` names its function; under the one name that it gives it instead."""
    if re.search(rf"(?<!\w){re.escape(signature.name)}(?!\w)", problem):
        return signature
    names = set(_NAMED_FUNCTION.findall(problem))
    return renamed(signature, names.pop()) if len(names) == 1 else None


def _program(found: dict[str, Any], problem: str) -> Question | Unreadable:
    parts = {name: found.get(name) for name in _PARTS[1:]}
    if not all(isinstance(part, str) and part.strip() for part in parts.values()):
        return Unreadable("no_input_or_output", problem[:EVIDENCE])
    ends = [end for end in map(cut_off, (problem, *map(str, parts.values()))) if end is not None]
    if ends:
        return Unreadable("cut_off", ends[0])
    said = [f"{name.capitalize()}: {str(part).strip()}" for name, part in parts.items()]
    return program_of("\n\n".join([problem.strip(), *said]))


def with_question(
    row: Row, question: Question, *, operation: str, model: str | None, prompt: str | None = None
) -> Row:
    """`row` asking `question`, with a new id and the columns that say how it was made.

    `prompt` is the version of the prompt that the model was asked by.
    """
    signature = question.signature
    return {
        **row,
        "id": content_id(question.text),
        "input": question.text,
        "contract": question.contract,
        "entry_point": signature.name if signature else None,
        "signature": signature.text if signature else None,
        "topic": question.topic,
        "operation": operation,
        "generation_algorithm": ALGORITHMS.get(operation, "evol-instruct"),
        "generator_model": model,
        "generator_prompt": prompt,
    }
