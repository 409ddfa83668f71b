"""Find the JSON object in a model's answer, for endpoints without guided decoding.

Tolerates what models add: prose around it, a Markdown fence, raw line breaks in strings, trailing
commas, Python's literals. Never guesses at a value.
"""

import ast
import json
import re
from typing import Any

from opencodeinstruct.tools.text.fences import fenced_blocks
from opencodeinstruct.tools.text.python_code import parse_python

_ATTEMPTS = 20  # opening braces tried; text past that is prose
_LONGEST = 200_000  # characters looked at; an answer past that is a loop, not an object
_LONGEST_MENDED = 20_000  # characters of an object that is not plain JSON

# A string, so that what is in it stays as it is, or a comma before a closing bracket.
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,(?=\s*[}\]])', re.DOTALL)
_STRING_OR_BRACE = re.compile(
    r""""(?:[^"\\]|\\.)*+(?:"|\\?\Z)|'(?:[^'\\\n]|\\.)*+(?:'|\\?\n|\\?\Z)|[{}]""", re.DOTALL
)
_OPENING = re.compile(r"""\{(?=\s*["'])""")
# An escaped pair of surrogates is one character; half of one is none, and cannot be stored.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def object_in(text: str) -> dict[str, Any] | None:
    """The first JSON object of `text` that parses, or None.

    It holds nothing but what JSON can; half of a surrogate pair has become U+FFFD.
    """
    text = _without_halves(text[:_LONGEST]).strip()
    for candidate in (text, *(block.body for block in fenced_blocks(text))):
        found = _whole(candidate.strip())
        if found is not None:
            return found
    return _first_embedded(text)


def _without_halves(text: str) -> str:
    text = _ESCAPE.sub(lambda found: "\\ufffd" if found["half"] else found[0], text)
    return _joined(text)


def _joined(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    for variant in (text, _without_trailing_commas(text)):
        try:
            value = json.loads(variant, strict=False)
        except (ValueError, RecursionError):
            continue
        return value if isinstance(value, dict) else None
    return _python_literal(text)


def _without_trailing_commas(text: str) -> str:
    return _STRING_OR_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)


def _python_literal(text: str) -> dict[str, Any] | None:
    tree = parse_python(text)
    body = tree.body if tree is not None else []
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        return None
    for node in ast.walk(body[0]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = _joined(node.value)
    try:
        value = ast.literal_eval(body[0].value)
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return dict(json.loads(json.dumps(value)))
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None
    return None


def _first_embedded(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder(strict=False)
    found = _OPENING.search(text)
    for _ in range(_ATTEMPTS):
        if found is None:
            return None
        try:
            value, _end = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            value = _whole(_balanced(text, found.start()))
        if isinstance(value, dict) and value:
            return value
        found = _OPENING.search(text, found.end())
    return None


def _balanced(text: str, start: int) -> str:
    """From the brace at `start` to the one that closes it; nothing if there is none."""
    depth = 0
    for found in _STRING_OR_BRACE.finditer(text, start, start + _LONGEST_MENDED):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return text[start : found.end()]
    return ""
