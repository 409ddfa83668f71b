"""A benchmark's texts, whatever file they came from."""

import ast
import re
from dataclasses import dataclass

_DOCSTRING = re.compile(r'("""|\'\'\')(.*?)\1', re.DOTALL)
_EXAMPLES = re.compile(
    r">>>|^\s*(?:for example|examples?|e\.g\.|sample|test cases?)\b.{0,20}$"
    r"|^\s*(?:for )?examples?\s*:|^\s*for example\b",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One problem of a benchmark; a part that it lacks is empty.

    `date`: when it was published, as the benchmark has it. `entry_point`: what the tests call.
    """

    id: str
    prompt: str
    solution: str = ""
    tests: str = ""
    entry_point: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named benchmark with at least one item; `origin` says where it comes from."""

    name: str
    items: tuple[Item, ...]
    origin: str = ""


def docstring(prompt: str) -> str:
    """The docstring of the last function of `prompt`, or its last triple-quoted text."""
    try:
        functions = [n for n in ast.parse(prompt).body if isinstance(n, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        functions = []
    if functions and (text := ast.get_docstring(functions[-1])):
        return text
    quoted = _DOCSTRING.findall(prompt)
    return str(quoted[-1][1]) if quoted else ""


def description(prompt: str) -> str:
    """What `prompt` says in words: its docstring before the examples; empty if it has none."""
    text = docstring(prompt)
    found = _EXAMPLES.search(text)
    return text[: found.start()].strip() if found else text.strip()
