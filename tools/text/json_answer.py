"""Find the JSON object in a model's answer, for endpoints without guided decoding.

Tolerates what models add: prose around it, a Markdown fence, raw line breaks in strings, trailing
commas, Python's literals. Never guesses at a value.
"""

import ast
import json
import re
from typing import Any

_FENCE = re.compile(r"```[\w-]*\s*\n(.*?)```", re.DOTALL)
_TRAILING_COMMA = re.compile(r",\s*([}\]])")
_ATTEMPTS = 20  # opening braces tried; text past that is prose
_LONGEST = 200_000  # characters looked at; an answer past that is a loop, not an object


def object_in(text: str) -> dict[str, Any] | None:
    """The first JSON object of `text` that parses, or None."""
    text = text[:_LONGEST].strip()
    for candidate in (text, *_FENCE.findall(text)):
        found = _whole(candidate.strip())
        if found is not None:
            return found
    return _first_embedded(text)


def _whole(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    for variant in (text, _TRAILING_COMMA.sub(r"\1", text)):
        try:
            value = json.loads(variant, strict=False)
        except (ValueError, RecursionError):
            continue
        return value if isinstance(value, dict) else None
    return _python_literal(text)


def _python_literal(text: str) -> dict[str, Any] | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    return None


def _first_embedded(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    for _ in range(_ATTEMPTS):
        if start < 0:
            return None
        try:
            value, _end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and value:
            return value
        start = text.find("{", start + 1)
    return None
