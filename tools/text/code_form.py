"""The form of a program: what is left of it without its own names and its literals.

Two solutions that differ in names, constants, comments and docstrings have one form. Names that the
code takes from outside (`sorted`, `math`) and attributes (`.append`) stay: they are what it does.
"""

import ast
from hashlib import blake2b
from itertools import islice

from opencodeinstruct.tools.text.python_code import parse_python

_FEWEST = 40  # nodes; `return sorted(x)` is the answer to many questions
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _own_names(tree: ast.Module) -> set[str]:
    """The names that the code itself binds: variables, parameters, functions, classes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.ExceptHandler(name=str(name)):
                names.add(name)
    return names


class _Eraser(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit(self, node: ast.AST) -> ast.AST:
        """`node` without its own names, literals and docstring."""
        for field in ("id", "arg", "name"):
            if getattr(node, field, None) in self._names:
                setattr(node, field, "_")
        if isinstance(node, ast.Constant):
            return ast.copy_location(ast.Name(type(node.value).__name__, ast.Load()), node)
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)


def code_form(code: str) -> str | None:
    """32 hex digits, equal for programs of one form; None for what does not parse or is too short.

    A form of fewer than 40 nodes of the syntax tree is shared by unrelated programs.
    """
    tree = parse_python(code)
    if tree is None or sum(1 for _ in islice(ast.walk(tree), _FEWEST)) < _FEWEST:
        return None
    try:
        said = ast.dump(_Eraser(_own_names(tree)).visit(tree))
    except RecursionError:
        return None
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
