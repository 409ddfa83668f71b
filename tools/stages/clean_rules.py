"""What each rule of `clean` looks for: functions from a question to the text at fault, or None."""

import re
import zlib
from collections import Counter
from dataclasses import dataclass

from opencodeinstruct.tools.stages import clean_patterns as patterns
from opencodeinstruct.tools.text.functions import Quoted, is_stub, quoted_functions
from opencodeinstruct.tools.text.language import not_english
from opencodeinstruct.tools.text.prose import sentences, unquoted, without_code


@dataclass(frozen=True, slots=True)
class Question:
    """What the rules look at; only the text is always there."""

    text: str
    entry_point: str | None = None
    operation: str | None = None
    output: str | None = None
    solution: str | None = None
    contract: str | None = None


def _found(pattern: re.Pattern[str], text: str, shown: str | None = None) -> str | None:
    """What `pattern` matches in `text`, as it stands at the same place in `shown`."""
    match = pattern.search(text)
    return (shown or text)[match.start() : match.end()] if match else None


def bad_characters(question: Question) -> str | None:
    """Characters that a damaged or tampered text has, by their code and place."""
    for text in (question.text, question.output or ""):
        match = patterns.BAD.search(text)
        if match:
            return f"{match.group()!a} at character {match.start()}"
    return None


def other_language(question: Question) -> str | None:
    return not_english(unquoted(without_code(question.text)))


def refusal(question: Question) -> str | None:
    for text in (question.text, question.output or ""):
        evidence = _found(patterns.REFUSAL, unquoted(text), text)
        if evidence is not None:
            return evidence
    return None


def meta_text(question: Question) -> str | None:
    return _found(patterns.META, unquoted(question.text), question.text)


def placeholder(question: Question) -> str | None:
    return _found(patterns.PLACEHOLDER, unquoted(question.text), question.text)


_TIMES = 4
_SAID_SHARE = 0.4  # a refrain in a song's text is less of it
_LINE_SIZE = 20
_PHRASE_WORDS = 3  # "None, None, None, None" is a value, no loop of a model
_DENSE, _DENSE_SIZE = 0.1, 1000  # compressed over plain size, of texts of so many bytes


def repetition(question: Question) -> str | None:
    """A sentence that makes up much of a text, a phrase four times in a row, next to no content."""
    for text in (question.text, question.output or ""):
        evidence = _said_often(text) or _said_in_a_row(text) or _dense(text)
        if evidence is not None:
            return evidence
    return None


def _said_often(text: str) -> str | None:
    counts = Counter(one for one in sentences(text) if len(one) >= _LINE_SIZE)
    for said, times in counts.most_common(1):
        if times >= _TIMES and times * len(said) >= _SAID_SHARE * len(text):
            return f"{times} times: {said}"
    return None


def _said_in_a_row(text: str) -> str | None:
    for match in patterns.PHRASE.finditer(text[:20_000]):
        if len(set(re.findall(r"[^\W\d_]{2,}", match.group(1)))) >= _PHRASE_WORDS:
            return match.group()
    return None


def _dense(text: str) -> str | None:
    data = text.encode("utf-8", "replace")
    if len(data) < _DENSE_SIZE:
        return None
    size = len(zlib.compress(data))
    return f"compresses to {size} of {len(data)} bytes" if size < _DENSE * len(data) else None


def needs_context(question: Question) -> str | None:
    """Words that point at a picture, file, page, service, screen or code that is not there."""
    text = unquoted(without_code(question.text))
    evidence = _found(patterns.CONTEXT, text, question.text)
    if evidence is not None:
        return evidence
    for pattern, is_before in ((patterns.CODE_BEFORE, True), (patterns.CODE_AFTER, False)):
        match = pattern.search(text)
        if match:
            rest = question.text[: match.start()] if is_before else question.text[match.end() :]
            if not patterns.CODE.search(patterns.SIGNATURE.sub("", rest)):
                return match.group()
    match = patterns.CODE_SOMEWHERE.search(text)
    if match and not patterns.CODE_LINE.search(patterns.SIGNATURE.sub("", question.text)):
        return match.group()
    return None


def not_self_contained(question: Question) -> str | None:
    return _found(patterns.LEANS, unquoted(without_code(question.text)), question.text)


def wrong_language(question: Question) -> str | None:
    """Words that ask for another language, in a question that does not speak of Python."""
    asked = unquoted(question.text)
    if patterns.PYTHON.search(asked):
        return _found(patterns.TRANSLATED, asked, question.text)
    return _found(patterns.WRONG, asked, question.text)


def stdin_framed(question: Question) -> str | None:
    """Words that make the program read its input itself; "do not read standard input" is fine."""
    if question.contract == "stdio":
        return None
    text = question.text
    for match in patterns.STDIN.finditer(without_code(text)):
        if not patterns.NEGATED.search(text[: match.start()]):
            return text[match.start() : match.end()]
    return None


def solution_included(question: Question) -> str | None:
    """The asked function with a real body, unless the question gives it as faulty code."""
    quoted = quoted_functions(question.text)
    if not quoted or question.operation == "misleading-code":
        return None
    asked = _asked(quoted, question.entry_point)
    if asked is None or asked.node is None or is_stub(asked.node):
        return None
    return None if patterns.FAULTY.search(without_code(question.text)) else asked.source


def _asked(quoted: tuple[Quoted, ...], entry_point: str | None) -> Quoted | None:
    """The last quoted function of that name; of no known name, the last one."""
    named = [one for one in quoted if entry_point is None or one.name == entry_point]
    return named[-1] if named else None


def no_entry_point(question: Question) -> str | None:
    name = question.entry_point
    if not name or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", question.text):
        return None
    return f"{name} is not named"


def stub_solution(question: Question) -> str | None:
    """The solution's function, or all of its functions, when nothing is done in them."""
    code = question.solution or question.output
    quoted = quoted_functions(code) if code else ()
    asked = [one for one in quoted if one.name == question.entry_point] or list(quoted)
    if asked and all(one.node is not None and is_stub(one.node) for one in asked):
        return asked[-1].source
    return None
