"""What seeds are made of, and which functions make good ones; reading them is `tools.sources`.

A generic seed is a function that says what it does and whose result can be checked: the filter of
StarCoder2's self-alignment (arXiv 2402.19173) without its type check. An algorithmic seed is a
problem statement. Every function and record that is looked at becomes one outcome.
"""

import ast
import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import content_id
from opencodeinstruct.tools.text.functions import (
    Function,
    NotPython,
    parsed,
    top_level_functions,
)
from opencodeinstruct.tools.text.license import UNKNOWN, is_expression

MAX_LINES = 150  # StarCoder2; a longer function is a program
SIDE_EFFECTS = frozenset({"argparse", "os", "subprocess", "sys", "setuptools", "matplotlib"})
_TODO = re.compile(r"\b(?:TODO|FIXME)\b|#[^\n]*\b(?:todo|fixme)\b", re.ASCII)
_EXCERPT = 2000  # characters of a rejected text that its row keeps

REASONS = {
    "does_not_parse": "The file is not Python that this Python can parse.",
    "special_name": "The function's name is special to Python: `__getattr__`.",
    "async_function": "The function is a coroutine: an assert cannot check what it returns.",
    "no_docstring": "The function does not say what it does.",
    "no_arguments": "The function takes no arguments.",
    "no_return_value": "The function returns no value of its own, or is a generator.",
    "too_long": f"The function has more than {MAX_LINES} lines.",
    "todo": "The function is not finished: TODO or FIXME.",
    "side_effects": "The function uses a module that reaches outside the program.",
    "duplicate_seed": "The text of an earlier seed is the same.",
    "broken_line": "The line is not a JSON object.",
    "missing_field": "The record lacks a field that the recipe names.",
    "wrong_type": "A field of the record is not text.",
    "empty": "The record's text is blank.",
    "bad_signature": "The signature is not a Python function's with arguments, or of another name.",
    "bad_contract": "The record's contract is neither `call` nor `stdio`.",
    "bad_license": "The record's licence is no SPDX expression.",
    "bad_encoding": "The text is not in the encoding it should be in.",
    "bad_characters": "The text holds a NUL or half of a surrogate pair.",
    "line_too_long": "The line is longer than any problem.",
    "file_too_large": "The file is larger than any source a person wrote.",
    "empty_file": "The file holds nothing.",
    "broken_file": "The file is damaged or cut; what came before the damage was read.",
    "not_jsonl": "The file is not lines of JSON objects.",
    "unreadable_file": "The file or folder cannot be opened.",
}


def _spdx(text: str) -> str:
    if not is_expression(text):
        raise ValueError(f"{text!r} is no SPDX expression such as MIT or Apache-2.0")
    return text


Spdx = Annotated[str, AfterValidator(_spdx)]
Limit = Annotated[int, Field(ge=1)] | None  # of accepted seeds, spread over the source; None is all
FROZEN = ConfigDict(frozen=True, extra="forbid")


class CodeSource(BaseModel):
    """Functions of a folder, a `.py` file, a git checkout or `stdlib`."""

    model_config = FROZEN

    kind: Literal["code"]
    path: str = Field(min_length=1)
    limit: Limit = None
    license: Spdx | None = None  # stdlib: PSF-2.0; else unknown, which the rows then say
    include: tuple[str, ...] = ("*.py",)  # globs over names and paths below `path`


class HubCodeSource(BaseModel):
    """Functions of the files in one column of a dataset on the Hub or in a local folder."""

    model_config = FROZEN

    kind: Literal["hub-code"]
    repo: str = Field(min_length=1)
    config: str | None = None
    split: str = "train"
    revision: str | None = None  # None is the newest; its commit is recorded
    column: str = "content"  # as in The Stack
    license: Spdx | None = None
    license_column: str | None = None
    limit: Limit = None


class ProblemFields(BaseModel):
    """What the file calls a problem's parts; a part that it lacks is null."""

    model_config = FROZEN

    input: str = "input"
    id: str | None = None
    entry_point: str | None = None
    signature: str | None = None
    contract: str | None = None  # a field that says `call` or `stdio`; the latter are kept as are
    license: str | None = None


class ProblemsSource(BaseModel):
    """Problem statements in a JSONL (also gzipped) or Parquet file, or a folder of them."""

    model_config = FROZEN

    kind: Literal["problems"]
    path: str = Field(min_length=1)
    fields: ProblemFields = ProblemFields()
    license: Spdx | None = None
    limit: Limit = None


class TacoSource(BaseModel):
    """Problems of BAAI/TACO: a download of it, or the dataset's name on the Hub."""

    model_config = FROZEN

    kind: Literal["taco"]
    path: str = "BAAI/TACO"
    split: str = "train"
    license: Spdx = "Apache-2.0"  # the dataset's; its rows have none of their own
    limit: Limit = None


Source = Annotated[
    CodeSource | HubCodeSource | ProblemsSource | TacoSource, Field(discriminator="kind")
]


def seed_row(text: str, *, domain: str, origin: str, license: str | None) -> Row:
    """The row of the seed `text`."""
    own = content_id(text)
    return {
        "id": own,
        "seed_text": text,
        "domain": domain,
        "seed_origin": origin,
        "license": license or UNKNOWN,
        "seed_ids": [own],
        "parent_ids": [],
        "generation": 0,
        "colony": 0,
    }


def rejected(origin: str, reason: str, what: str, text: str = "") -> Dropped:
    """What `origin` (source and place) held, of which no seed could be made."""
    kept = text[:_EXCERPT].encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    row = {"id": content_id(f"{origin}\n{text}"), "seed_origin": origin, "seed_text": kept or None}
    return Dropped(row, reason, f"{origin}: {what}" if what else origin)


def printable(name: str) -> str:
    """`name` of a file as text that a column can hold: bytes that are no UTF-8 become `?`."""
    return name.encode("utf-8", "replace").decode("utf-8")


def bad_characters(text: str) -> str | None:
    """What a column of text cannot hold or a program should not: NUL, half a surrogate pair."""
    if "\0" in text:
        return f"NUL at character {text.index(chr(0))}"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"half of a surrogate pair at character {error.start}"
    return None


def code_seeds(source: str, origin: str, license: str | None) -> Iterator[Outcome]:
    """One outcome for each top-level function of the Python text `source`, in order.

    `origin` names the text; the line is added. A text that does not parse is one rejection.
    """
    try:
        module = parsed(source)
    except NotPython as error:
        yield rejected(origin, "does_not_parse", str(error), source)
        return
    reaching = _reaching_names(module)
    for function in top_level_functions(module, source):
        place = f"{origin}:{function.line}"
        fault = fault_of(function, reaching)
        if fault is None:
            yield Kept(seed_row(function.source, domain="generic", origin=place, license=license))
        else:
            row = seed_row(function.source, domain="generic", origin=place, license=license)
            yield Dropped(row, fault[0], f"{place}: {function.name}{fault[1]}")


def fault_of(function: Function, reaching: frozenset[str]) -> tuple[str, str] | None:
    """Why `function` is no seed: the reason and what shows it; None when it is one.

    `reaching` are the names by which its file knows modules with side effects.
    """
    node = function.node
    lines = function.source.count("\n") + 1
    todo = _TODO.search(function.source)
    used = sorted(_free_names(node) & (reaching | _reaching_names(node)))
    checks = (
        ("special_name", re.fullmatch(r"__\w+__", function.name) is not None, ""),
        ("async_function", isinstance(node, ast.AsyncFunctionDef), ""),
        ("no_docstring", not (ast.get_docstring(node) or "").strip(), ""),
        ("no_arguments", not _has_arguments(node.args), ""),
        ("no_return_value", not _returns_value(node), ""),
        ("too_long", lines > MAX_LINES, f": {lines} lines"),
        ("todo", todo is not None, f": {todo.group()}" if todo else ""),
        ("side_effects", bool(used), f": {', '.join(used)}"),
    )
    return next(((reason, what) for reason, holds, what in checks if holds), None)


def _has_arguments(arguments: ast.arguments) -> bool:
    plain = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return bool(plain or arguments.vararg or arguments.kwarg)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's body that are its own, not those of functions within it."""
    waiting = list(getattr(function, "body", ()))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _returns_value(function: ast.AST) -> bool:
    """Whether a call gives a value: a `return` with one other than None, and no generator."""
    returns = False
    for node in _own_nodes(function):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Return) and node.value is not None:
            is_none = isinstance(node.value, ast.Constant) and node.value.value is None
            returns = returns or not is_none
    return returns


def _reaching_names(tree: ast.AST) -> frozenset[str]:
    """The names that imports anywhere in `tree` give to modules with side effects."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in SIDE_EFFECTS:
                    names.add(alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            module = "" if node.level or not node.module else node.module.split(".")[0]
            if module in SIDE_EFFECTS:
                names.update(alias.asname or alias.name for alias in node.names)
    return frozenset(names)


def _free_names(function: ast.AST) -> set[str]:
    """The names that `function` reads and that are not its own arguments or variables."""
    read: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
    return read - bound
