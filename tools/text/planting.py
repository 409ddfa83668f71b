"""Copies of a benchmark's items, as they come into datasets: to see which are found.

Some are verbatim, some changed by degrees: laid out anew, put into other text, renamed, with words
or numbers replaced. The same generator makes the same copies.
"""

import ast
import random
import re
from collections.abc import Callable, Mapping, Sequence

from opencodeinstruct.tools.text.benchmark import Item, description, docstring

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"\b[A-Za-z_]\w*\b")
_BETWEEN = (", ", "; ", "\n", ". ", " - ")

Filler = Sequence[str]
Plant = Callable[[Item, random.Random, Filler], str]


def _replaced(share: float) -> Plant:
    """So much of the prompt's words replaced by words of the filler."""

    def plant(item: Item, draw: random.Random, filler: Filler) -> str:
        words = _WORD.findall(" ".join(draw.sample(list(filler), min(3, len(filler)))))
        others = words or ["other"]
        return _WORD.sub(
            lambda found: draw.choice(others) if draw.random() < share else found.group(),
            item.prompt,
        )

    return plant


def _reflowed(item: Item, draw: random.Random, filler: Filler) -> str:
    words = _WORD.findall(item.prompt)
    case = draw.choice((str.upper, str.title, str.lower))
    return "".join(case(word) + draw.choice(_BETWEEN) for word in words)


def _embedded(item: Item, draw: random.Random, filler: Filler) -> str:
    return f"{draw.choice(list(filler))}\n\n{item.prompt}\n\n{draw.choice(list(filler))}"


def _numbers(item: Item, draw: random.Random, filler: Filler) -> str:
    return re.sub(r"\d+", lambda _: str(draw.randrange(1, 1000)), item.prompt)


def _names(tree: ast.Module) -> list[str]:
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found[node.name] = None
        elif isinstance(node, ast.arg):
            found[node.arg] = None
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
    return list(found)


def _program(item: Item) -> str:
    """The solution as a whole program: with the prompt before it, where it is only a body."""
    for text in (item.prompt + item.solution, item.solution):
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return text
    return ""


def _renamed(item: Item, draw: random.Random, filler: Filler) -> str:
    """The program with all names of its own changed, wherever they stand."""
    text = _program(item)
    if not text or not item.solution:
        return ""
    names = {name: f"name{number}" for number, name in enumerate(_names(ast.parse(text)))}
    return _NAME.sub(lambda found: names.get(found.group(), found.group()), text)


KINDS: Mapping[str, Plant] = {
    "prompt": lambda item, draw, filler: item.prompt,
    "prompt with solution": lambda item, draw, filler: (
        item.prompt + "\n" + item.solution if item.prompt and item.solution else ""
    ),
    "docstring only": lambda item, draw, filler: docstring(item.prompt),
    "description without examples": lambda item, draw, filler: description(item.prompt),
    "solution only": lambda item, draw, filler: item.solution,
    "embedded in other text": _embedded,
    "reflowed, other case and punctuation": _reflowed,
    "identifiers renamed": _renamed,
    "5% of words replaced": _replaced(0.05),
    "10% of words replaced": _replaced(0.1),
    "20% of words replaced": _replaced(0.2),
    "numbers changed": _numbers,
}
"""The kinds of copies; one that an item has no text for is empty."""


def plant(
    items: Sequence[Item], kind: str, draw: random.Random, filler: Filler
) -> list[tuple[int, str]]:
    """A copy of each item that has one of this kind: the item's place and the text."""
    made = ((n, KINDS[kind](item, draw, filler)) for n, item in enumerate(items))
    return [(number, text) for number, text in made if text.strip()]
