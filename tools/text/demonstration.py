"""Tell a solution's code from the statements that only show it at work.

A demonstration that stays would run, and could fail, whenever the solution is loaded. What is not
surely one is left alone.
"""

import ast
import symtable
import warnings
from collections import defaultdict
from collections.abc import Iterator

_SHOWS = frozenset({"print", "pprint", "display", "input", "exit", "quit"})
_SHOWS_DOTTED = frozenset(
    {
        ("unittest", "main"),
        ("doctest", "testmod"),
        ("pytest", "main"),
        ("pprint", "pprint"),
        ("sys", "exit"),
        ("stdout", "write"),
    }
)
_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom


def without_demonstration(code: str, tree: ast.Module, name: str) -> str:
    """`code`, whose tree is `tree`, without what its top level does to show `name` at work.

    That is: asserts, a `__main__` part, statements that print, read input or call `name`, itself
    or through another function. They stay where later code needs what they bind, or shares a line.
    """
    try:
        cut = _demonstrations(code, tree, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # it parses but is no program
        return code
    if not cut:
        return code
    kept = {
        line
        for node in tree.body
        if node not in cut
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = code.split("\n")
    for node in cut:
        own = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if kept.isdisjoint(own):
            for line in own:
                lines[line - 1] = ""
    return "\n".join(_without_last_comments(lines, max(kept, default=0)))


def _without_last_comments(lines: list[str], last: int) -> list[str]:
    """`lines` without the comments at the margin after line `last`: they announced what was cut."""
    end = len(lines)
    while end > last and lines[end - 1][:1] in ("", "#"):
        end -= 1
    return lines[:end]


def _demonstrations(code: str, tree: ast.Module, name: str) -> set[ast.stmt]:
    shows = _showing_functions(tree, name)
    showing = shows | _SHOWS | {name}
    needed = _read_by_functions(code, shows)
    cut: set[ast.stmt] = set()
    for node in reversed(tree.body):
        if _demonstrates(node, showing, needed):
            cut.add(node)
        else:
            needed.update(_read_at_once(node))
    return cut


def _read_by_functions(code: str, apart_from: frozenset[str]) -> set[str]:
    """The module's names that functions and classes read when they are called or made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        top = symtable.symtable(code, "<solution>", "exec")
    tables = [table for table in top.get_children() if table.get_name() not in apart_from]
    names: set[str] = set()
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        names.update(one.get_name() for one in table.get_symbols() if one.is_global())
    return names


def _read_at_once(node: ast.stmt) -> Iterator[str]:
    """The names that running the statement `node` reads; a function's body does not run."""
    parts: list[ast.AST] = [node]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts = [node.args, *node.decorator_list, *([node.returns] if node.returns else [])]
    for part in parts:
        yield from _names(part, ast.Load)


def _demonstrates(node: ast.stmt, showing: frozenset[str], needed: set[str]) -> bool:
    if isinstance(node, _DEFINITIONS):
        return False
    if isinstance(node, ast.Assert) or (isinstance(node, ast.If) and is_main(node)):
        return True
    if not _shows(node, showing):
        return False
    if isinstance(node, ast.Expr):
        return True
    defines = any(isinstance(part, _DEFINITIONS) for part in ast.walk(node))
    return not defines and needed.isdisjoint(_bound(node))


def is_main(node: ast.If) -> bool:
    """Whether `node` is what a module does when it is run as a program."""
    return "__name__" in _names(node.test, ast.Load)


def _shows(node: ast.AST, showing: frozenset[str]) -> bool:
    return any(
        isinstance(part, ast.Assert) or (isinstance(part, ast.Call) and _calls_one(part, showing))
        for part in ast.walk(node)
    )


def _calls_one(call: ast.Call, showing: frozenset[str]) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in showing
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return (owner, name) in _SHOWS_DOTTED
        case ast.Attribute(value=ast.Attribute(attr=owner), attr=name):
            return (owner, name) in _SHOWS_DOTTED
    return False


def _showing_functions(tree: ast.Module, name: str) -> frozenset[str]:
    """The functions beside `name` that call it, or print and leave the module's variables alone."""
    functions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != name
    }
    variables = {bound for node in tree.body for bound in _assigned(node)}
    reads = {own: set(_names(node, ast.Load)) for own, node in functions.items()}
    readers: dict[str, list[str]] = defaultdict(list)
    for own, names in reads.items():
        for read in names:
            readers[read].append(own)
    printing = {own for own in functions if _shows(functions[own], _SHOWS)}
    waiting = [name, *(own for own in printing if variables.isdisjoint(reads[own]))]
    showing: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one not in showing:
            showing.add(one)
            waiting.extend(readers[one])
    return frozenset(showing - {name})


def _assigned(node: ast.stmt) -> Iterator[str]:
    if not isinstance(node, _DEFINITIONS):
        yield from _bound(node)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that `node` gives a value, and those whose items or attributes it sets."""
    for part in ast.walk(node):
        target: ast.AST = part
        if not isinstance(getattr(part, "ctx", None), ast.Store | ast.Del):
            continue
        while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
            target = target.value
        if isinstance(target, ast.Name):
            yield target.id


def _names(node: ast.AST, context: type[ast.expr_context]) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, context):
            yield part.id
