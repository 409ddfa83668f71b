"""Tests of programs: a model's pairs of input and output, as asserts on `run_program`."""

from typing import Any

from opencodeinstruct.tools.text.json_answer import object_in
from opencodeinstruct.tools.text.stdio import RUN, as_printed

_LONGEST = 4000  # characters of an input or output; a model does not work out longer ones

_PAIR = {
    "type": "object",
    "properties": {"input": {"type": "string"}, "output": {"type": "string"}},
    "required": ["input", "output"],
    "additionalProperties": False,
}


def pairs_schema(count: int) -> dict[str, Any]:
    """The JSON schema of the tester's answer for a program: at most `count` pairs."""
    return {
        "type": "object",
        "properties": {"tests": {"type": "array", "items": _PAIR, "maxItems": count}},
        "required": ["tests"],
        "additionalProperties": False,
    }


def printed_lines(text: str) -> list[str]:
    """An assert for each usable pair in the JSON answer `text`, in order; no output, no test."""
    found = object_in(text)
    pairs = found.get("tests") if found else None
    lines = []
    for pair in pairs if isinstance(pairs, list) else []:
        given = pair.get("input") if isinstance(pair, dict) else None
        printed = pair.get("output") if isinstance(pair, dict) else None
        if not isinstance(given, str) or not isinstance(printed, str):
            continue
        if as_printed(printed) and max(len(given), len(printed)) <= _LONGEST:
            lines.append(f"assert {RUN}({_ended(given)!r}) == {as_printed(printed)!r}")
    return lines


def _ended(given: str) -> str:
    """`given` with its last line ended, as files and terminals end it."""
    given = given.replace("\r\n", "\n")
    return given if not given or given.endswith("\n") else given + "\n"
