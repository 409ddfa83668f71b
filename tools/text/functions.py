"""Python functions in a source text, and in prose that quotes code; nothing is executed."""

import ast
import re
import warnings
from dataclasses import dataclass

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

_DEF = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
_TRIES = 40  # lines of prose after quoted code that are cut off to make it parse


@dataclass(frozen=True, slots=True)
class Function:
    """A top-level function: its own source with decorators, and its first line from 1."""

    name: str
    source: str
    line: int
    node: FunctionNode


class NotPython(Exception):
    """The text does not parse; the message is one line."""


def parsed(source: str) -> ast.Module:
    """The syntax tree of `source`, or `NotPython`; its warnings are nobody's business here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        what = getattr(error, "msg", None) or str(error) or type(error).__name__
        raise NotPython(f"line {line}: {what}" if line else what) from error


def top_level_functions(module: ast.Module, source: str) -> tuple[Function, ...]:
    """The functions that stand at the left margin of `source`, in order."""
    lines = source.split("\n")
    found = []
    for node in module.body:
        if isinstance(node, FunctionNode):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            text = "\n".join(lines[first - 1 : node.end_lineno]).rstrip()
            found.append(Function(node.name, text, first, node))
    return tuple(found)


def is_stub(node: FunctionNode) -> bool:
    """Whether the body does nothing: docstring, imports, `pass`, `...`, a bare return or raise."""
    return all(_does_nothing(statement) for statement in node.body)


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Return(value=None) | ast.Return(value=ast.Constant(value=None)):
            return True
        case ast.Raise(exc=ast.Name(id=name)) | ast.Raise(exc=ast.Call(func=ast.Name(id=name))):
            return name == "NotImplementedError"
    return False


@dataclass(frozen=True, slots=True)
class Quoted:
    """A function quoted in prose; `node` is None for a signature without a body."""

    name: str
    source: str
    node: FunctionNode | None


def quoted_functions(text: str) -> tuple[Quoted, ...]:
    """Each `def` that begins a line of `text`, with as much of its body as parses."""
    return tuple(_quoted(text[found.start() :], found.group(1)) for found in _DEF.finditer(text))


def _quoted(text: str, name: str) -> Quoted:
    lines = text.expandtabs(4).split("\n")
    margin = len(lines[0]) - len(lines[0].lstrip())
    block = [lines[0][margin:]]
    depth = _open_brackets(lines[0])
    for line in lines[1:]:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= margin and depth <= 0:
            break
        block.append(line[min(margin, indent) :])
        depth += _open_brackets(line) if depth > 0 else 0
    for cut in range(len(block), max(0, len(block) - _TRIES), -1):
        source = "\n".join(block[:cut])
        try:
            node = parsed(source).body[0]
        except (NotPython, IndexError):
            continue
        if isinstance(node, FunctionNode):
            return Quoted(name, source.rstrip(), node)
    return Quoted(name, block[0].rstrip(), None)


def _open_brackets(line: str) -> int:
    return sum(line.count(one) for one in "([{") - sum(line.count(one) for one in ")]}")
