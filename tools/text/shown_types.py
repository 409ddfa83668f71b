"""The types of a function's arguments and result, as its tests show them.

Seed questions come with heads like `def prime(number)`, which say nothing of what is given.
"""

import ast
from collections.abc import Iterable, Sequence
from functools import reduce

from opencodeinstruct.tools.text.python_code import (
    function_head,
    parse_python,
    parse_signature,
    unparsed,
)

_SCALARS = {"int", "float", "str", "bool"}


def with_shown_types(signature: str | None, tests: Sequence[str]) -> str | None:
    """`signature`, what it does not annotate annotated by the literals of `tests`.

    Tests are asserts that compare a call with what is expected. What they do not agree on, or what
    is no number, text, list or dictionary, stays as it is.

    >>> with_shown_types("def prime(number)", ["assert prime(1) == 2", "assert prime(6) == 13"])
    'def prime(number: int) -> int'
    """
    head = function_head(signature or "")
    if head is None:
        return signature
    calls = [call for test in tests for call in _calls(test, head.name)]
    for place, argument in enumerate(head.args.args):
        if argument.annotation is None:
            given = (call[0][place] for call in calls if place < len(call[0]))
            argument.annotation = _annotation(given)
    if head.returns is None:
        head.returns = _annotation(expected for _, expected in calls)
    written = unparsed(head)
    typed = parse_signature(written.partition("\n")[0]) if written is not None else None
    return typed.text if typed is not None else signature


def _calls(test: str, name: str) -> Iterable[tuple[list[ast.expr], ast.expr]]:
    """The arguments of calls of `name`, each with what it is compared with."""
    tree = parse_python(test)
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Compare(
                left=ast.Call(func=ast.Name(id=found), args=args),
                ops=[ast.Eq()] | [ast.Is()],
                comparators=[expected],
            ) if found == name:
                yield args, expected


def _annotation(values: Iterable[ast.expr]) -> ast.expr | None:
    """The type that all `values` have, as an annotation."""
    kind = _common(kind for kind in map(_kind, values) if kind != "None")
    return ast.parse(kind, mode="eval").body if kind else None


def _kind(value: ast.expr) -> str:
    """The type of a literal: `int`, `list[str]`; empty where it cannot be told."""
    try:
        return _type_of(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ""


def _type_of(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    if name in _SCALARS:
        return name
    if isinstance(value, list):
        inner = _common(map(_type_of, value))
        return f"list[{inner}]" if inner else "list"
    if isinstance(value, dict):
        keys, values = _common(map(_type_of, value)), _common(map(_type_of, value.values()))
        return f"dict[{keys}, {values}]" if keys and values else "dict"
    return ""


def _common(kinds: Iterable[str]) -> str:
    found = list(kinds)
    return reduce(_both, found) if found else ""


def _both(one: str, other: str) -> str:
    """The type of values of which some are `one` and some the `other`; empty for none."""
    if one == other:
        return one
    if {one, other} == {"int", "float"}:
        return "float"
    for plain in ("list", "dict"):  # an empty one shows no more than that
        if plain in (one, other) and one.startswith(plain) and other.startswith(plain):
            return max(one, other, key=len)
    return ""
