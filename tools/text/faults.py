"""Why a test says nothing about a solution: it cannot run, or it holds whatever the solution does.

A solution that fails and a test that cannot run look the same in a list of `fail`. Nothing is run
here; tests are read, and what running them came to is taken from their verdicts.
"""

import ast
import builtins
import re
import warnings
from collections.abc import Iterator, Sequence

from opencodeinstruct.tools.ports import TestVerdict
from opencodeinstruct.tools.text.python_code import calls, free_names, unparsed

_LONGEST = 20_000  # characters of a test that is read: parsing them takes milliseconds

_NAME_ERROR = re.compile(r"NameError: name '(\w+)' is not defined")
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_NO_SYNTAX = ("SyntaxError", "IndentationError", "TabError")

# What finds a name in a text: whether a test that uses one of these names something is not known.
_LOOKUPS = {"eval", "exec", "compile", "getattr", "globals", "locals", "vars", "__import__"}
_HARMLESS = frozenset(dir(builtins)) - _LOOKUPS


class _Unread(Exception):
    """The test is too long or too deep to be read here."""


def fault_of(test: str, entry_point: str | None, verdict: TestVerdict) -> str | None:
    """Why `test`, which came to `verdict`, says nothing about the solution; None where it does.

    One of `schema.FAULTS`. In doubt there is none: a test too long to be read has the benefit of
    it, as has, without an entry point, a name that the test calls.
    """
    try:
        tree = _tree(test)
    except _Unread:
        return "does_not_parse" if _stopped_at(verdict) in _NO_SYNTAX else None
    if tree is None:
        return None if verdict.verdict in ("pass", "fail") else "does_not_parse"
    nodes = list(_tested(tree))
    if entry_point and not _names(nodes, entry_point):
        return "does_not_call"
    if verdict.verdict in ("pass", "refused"):
        return "asserts_nothing" if _asserts_nothing(nodes, entry_point) else None
    return _own_lack(nodes, test, entry_point, verdict)


def _tree(test: str) -> ast.Module | None:
    """The syntax tree of `test`, None where it is no Python."""
    if len(test) > _LONGEST:
        raise _Unread
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a model's "\d" is its business
            return ast.parse(test)
    except (RecursionError, MemoryError):
        raise _Unread from None
    except (SyntaxError, ValueError):  # ValueError: a null character, or half a surrogate pair
        return None


def _tested(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of `tree` without the messages of its asserts, which test nothing."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.Assert):
            waiting.append(node.test)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _stopped_at(verdict: TestVerdict) -> str | None:
    """The type of the exception that was raised in the test itself, if one was."""
    if verdict.verdict != "error" or verdict.place != "test" or verdict.exception is None:
        return None
    return verdict.exception.partition(":")[0]


def _names(nodes: Sequence[ast.AST], name: str) -> bool:
    """Whether `nodes` name `name` as a variable, attribute or import, or may look it up."""
    for node in nodes:
        match node:
            case ast.Name(id=found):
                if found == name or found in _LOOKUPS:
                    return True
            case ast.Attribute(attr=found):
                if found == name:
                    return True
            case ast.alias(name=found):
                if found in (name, "*") or found.startswith(f"{name}."):
                    return True
    return False


def _asserts_nothing(nodes: Sequence[ast.AST], entry_point: str | None) -> bool:
    """Whether `nodes` pass unless a call fails; a call of something unknown may assert."""
    for node in nodes:
        match node:
            case ast.Raise():
                return False
            case ast.Assert(test=test):
                if not always_holds(test):
                    return False
            case ast.Call(func=ast.Name(id=called)):
                if called != entry_point and called not in _HARMLESS:
                    return False
            case ast.Call():
                return False
    return True


def _own_lack(
    nodes: Sequence[ast.AST], test: str, entry_point: str | None, verdict: TestVerdict
) -> str | None:
    """What the test itself lacked: a name that nobody gave it, a module that it imports."""
    if _stopped_at(verdict) is None or verdict.exception is None:
        return None
    name = _NAME_ERROR.match(verdict.exception)
    if name is not None:
        called = calls(nodes[0], name[1])  # anywhere: the first node is the whole tree
        asked_for = name[1] == entry_point or (entry_point is None and called)
        own = name[1] in (free_names(test) or ())
        return "unknown_name" if own and not asked_for else None
    module = _NO_MODULE.match(verdict.exception)
    if module is not None and module[1].partition(".")[0] in _imported(nodes):
        return "unknown_module"
    return None


def _imported(nodes: Sequence[ast.AST]) -> set[str]:
    """The roots of the modules that `nodes` import."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def always_holds(test: ast.expr) -> bool:
    """Whether `assert test` passes whatever the functions in it return: `f(x) == f(x)`, say."""
    match test:
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(isinstance(value, ast.Constant) and value.value for value in values)
        case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():  # `assert (f(x) == 1, "message")`
            return True
        case ast.Lambda() | ast.GeneratorExp() | ast.JoinedStr():
            return True
        case ast.Compare(left=left, ops=ops, comparators=others):
            holding = ast.Eq | ast.Is | ast.LtE | ast.GtE
            if any(type(side) is not type(left) for side in others):
                return False  # the quick way out: almost always
            sides = {unparsed(side) for side in (left, *others)}
            same = len(sides) == 1 and None not in sides
            return same and all(isinstance(op, holding) for op in ops)
    return False
