"""Which `while` loops can be known to go on for ever, and which names decide that.

A turn of such a loop does nothing but compute with plain data: no input, no output, no clock, no
chance, no object of a class, no function whose code is not known to do the like. So it depends on
the values of the names in it alone, and a loop that comes back to values that it had before comes
back to them for ever.
"""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.findings import SOLUTION

PURE_NAMES = """
abs all any bin bool bytes chr complex dict divmod enumerate filter float format frozenset hex int
isinstance issubclass len list map max min oct ord pow range repr reversed round set slice sorted
str sum tuple type zip
"""
PURE = {name: getattr(builtins, name) for name in PURE_NAMES.split()} | {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception)
}
"""Built-in names that compute and do nothing else."""
BANNED = (
    *(ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.With, ast.Global),
    *(ast.Nonlocal, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef),
    *(ast.ClassDef, ast.Match),
)
SEPARATE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
SCALARS = (int, float, bool, str, bytes, complex, type(None))
SORTING = ("sorted", "sort", "max", "min")
FUNCTIONS = 20  # that a loop calls; with more it is not looked into


class Unclear(Exception):
    """What a loop does cannot be told."""


class Reached:
    """What the names of a loop refer to.

    `names` are those of the frame; `held` are names with the namespace that each is in, by its id,
    and `cells` those of functions around, whose values decide as well.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.names: set[str] = set()
        self.held: dict[tuple[int, str], dict[str, Any]] = {}
        self.cells: dict[int, Any] = {}
        self.functions: set[FunctionType] = set()

    def take(self, nodes: list[ast.stmt], code: CodeType, space: dict[str, Any]) -> None:
        """Follow the names in `nodes`, which are in `code` or in a function that it calls."""
        own = own_names(code)
        inner = set(inner_names(nodes))
        called = called_only(nodes)
        for name in sorted(names_in(nodes)):
            if name in own:
                self.names.add(name)
            elif space.get(name) is math:
                take_mathematics(nodes, name)
            elif name in space:
                self.take_global(name, space, called=name in called)
            elif name not in inner and not is_pure(name, space):
                raise Unclear(name)

    def take_global(self, name: str, space: dict[str, Any], *, called: bool) -> None:
        """Follow a name of the module."""
        value = space[name]
        if isinstance(value, FunctionType) and called:
            self.call(value)
        elif not is_mathematical(value):
            self.held[id(space), name] = space

    def call(self, function: FunctionType) -> None:
        """Follow what a function of the solution does when it is called."""
        if function in self.functions:
            return
        self.functions.add(function)
        if len(self.functions) > FUNCTIONS:
            raise Unclear("many functions")
        code = function.__code__
        if code.co_filename != SOLUTION:
            raise Unclear("not the solution's")
        given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        if not all(type(value) in SCALARS for value in given):
            raise Unclear("a default that can change")
        definition = defined(self.tree, code)
        check(definition.body)
        called = called_only(definition.body)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self.take_cell(cell, called=name in called)
        mine = Reached(self.tree)
        mine.functions = self.functions
        mine.take(definition.body, code, function.__globals__)  # its own names are new each time
        self.cells |= mine.cells
        self.held |= mine.held

    def take_cell(self, cell: Any, *, called: bool) -> None:
        """Follow a name of a function around another."""
        try:
            value = cell.cell_contents
        except ValueError:
            raise Unclear("an empty cell") from None
        if isinstance(value, FunctionType) and called:
            self.call(value)
        else:
            self.cells[id(cell)] = cell


class Loop:
    """A `while` loop of a function: where it comes by once in each turn, and what decides.

    `marker` is that line, `first` and `last` those that it reaches over; `grow` are names that it
    adds to and never reads.
    """

    def __init__(self, node: ast.While, code: CodeType) -> None:
        check([node])
        self.first, self.last = node.lineno, node.end_lineno or node.lineno
        begin = node.body[0]
        mark: ast.AST = node.test
        if isinstance(node.test, ast.Constant):  # it is not come by again
            mark = begin.test if isinstance(begin, ast.If) else begin
        self.marker = getattr(mark, "lineno", 0)
        one_line = getattr(mark, "end_lineno", 0) == self.marker or isinstance(mark, ast.Try)
        if not one_line or begin.lineno == node.lineno or holds_loop(mark):
            raise Unclear("it may come by its line more than once in a turn")
        self.node = node
        self.grow = grown(node) & set(code.co_varnames) - set(code.co_cellvars)


def check(nodes: list[Any]) -> None:
    """Raise `Unclear` for what is not computing with plain data."""
    for node in every(nodes):
        if isinstance(node, BANNED):
            raise Unclear(type(node).__name__)
        if isinstance(node, ast.Attribute):
            if node.attr.startswith("_") or not isinstance(node.ctx, ast.Load):
                raise Unclear(node.attr)
        elif isinstance(node, ast.Compare) and compares_identity(node):
            raise Unclear("identity")


def compares_identity(node: ast.Compare) -> bool:
    """Whether it asks for more than whether a value is a constant like None."""
    asked = any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
    return asked and not any(
        isinstance(one, ast.Constant) and isinstance(one.value, bool | None)
        for one in (node.left, *node.comparators)  # of other values there may be two alike
    )


def holds_loop(mark: ast.AST) -> bool:
    """Whether something in the line of `mark` may come by it again, which a `try` does not."""
    if isinstance(mark, ast.Try):
        return False
    loops = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    return any(isinstance(node, loops) for node in ast.walk(mark))


def every(nodes: list[Any]) -> Iterator[ast.AST]:
    """All nodes in `nodes`."""
    for node in nodes:
        yield from ast.walk(node)


def names_in(nodes: list[Any]) -> set[str]:
    """The names in `nodes`, those of caught exceptions among them."""
    found = {node.id for node in every(nodes) if isinstance(node, ast.Name)}
    handlers = (node for node in every(nodes) if isinstance(node, ast.ExceptHandler))
    return found | {handler.name for handler in handlers if handler.name}


def own_names(code: CodeType) -> set[str]:
    """The names of a function that are none of its module's."""
    return {*code.co_varnames, *code.co_cellvars, *code.co_freevars}


def called_only(nodes: list[Any]) -> set[str]:
    """The names that are called, or the `key` to sort by, wherever they stand."""
    at_call: set[int] = set()
    for node in every(nodes):
        if isinstance(node, ast.Call):
            at_call.add(id(node.func))
            if getattr(node.func, "id", getattr(node.func, "attr", "")) in SORTING:
                at_call.update(id(one.value) for one in node.keywords if one.arg == "key")
    names = [node for node in every(nodes) if isinstance(node, ast.Name)]
    return {node.id for node in names} - {node.id for node in names if id(node) not in at_call}


def inner_names(nodes: list[Any]) -> Iterator[str]:
    """The names that comprehensions and lambdas in `nodes` have for themselves."""
    for node in every(nodes):
        if isinstance(node, ast.comprehension):
            yield from names_in([node.target])
        elif isinstance(node, ast.arg):
            yield node.arg


def is_pure(name: str, space: dict[str, Any]) -> bool:
    """Whether `name` is a built-in one that computes, and still what it was."""
    known = space.get("__builtins__", {})
    found = known.get(name) if isinstance(known, dict) else getattr(known, name, None)
    return name in PURE and found is PURE[name]


def is_mathematical(value: object) -> bool:
    """Whether it is a function of the module `math`."""
    return isinstance(value, BuiltinFunctionType) and value.__self__ is math


def take_mathematics(nodes: list[Any], name: str) -> None:
    """See that no more is done with `name`, the module `math`, than to use what is in it."""
    whole = sum(isinstance(node, ast.Name) and node.id == name for node in every(nodes))
    for node in every(nodes):
        match node:
            case ast.Attribute(value=ast.Name(id=found)) if found == name:
                whole -= 1
                used = vars(math).get(node.attr)
                if not is_mathematical(used) and type(used) is not float:
                    raise Unclear(node.attr)  # somebody else's
    if whole:
        raise Unclear(name)


def grown(loop: ast.While) -> set[str]:
    """The names that `loop` does nothing with but add to them, or take from them."""
    added: set[str] = set()
    others: set[str] = set()
    targets: set[int] = set()
    for node in ast.walk(loop):
        match node:
            case ast.AugAssign(target=ast.Name() as target, op=ast.Add() | ast.Sub()):
                added.add(target.id)
                targets.add(id(target))
    for node in ast.walk(loop):
        if isinstance(node, ast.Name) and id(node) not in targets:
            others.add(node.id)
    return added - others


def defined(tree: ast.Module, code: CodeType) -> ast.FunctionDef:
    """Where `code` is written down."""
    place = (code.co_name, code.co_firstlineno)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (node.name, node.lineno) == place:
            return node  # not where a decorator stands before it
    raise Unclear(code.co_name)


def line_of(frame: FrameType) -> int:
    """The line that `frame` is in; where a loop goes back, which is in none, the last before it."""
    if frame.f_lineno is not None:
        return frame.f_lineno
    before = [line for start, _, line in frame.f_code.co_lines() if start <= frame.f_lasti]
    return next((line for line in reversed(before) if line is not None), 0)


def loops_at(nodes: list[ast.stmt], line: int) -> Iterator[ast.For | ast.While]:
    """The loops in `nodes` that `line` is in, without those of functions within."""
    waiting: list[ast.AST] = list(nodes)
    for node in waiting:  # grows while it is walked
        if not isinstance(node, SEPARATE):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.For | ast.While) and (
            node.lineno <= line <= (node.end_lineno or node.lineno)
        ):
            yield node


def loops_around(tree: ast.Module, code: CodeType, line: int) -> list[Loop]:
    """The loops of `code` that are in `line`, of which something can be told."""
    try:
        within = defined(tree, code).body
    except Unclear:
        return []
    found = []
    for node in loops_at(within, line):
        if isinstance(node, ast.While):
            try:
                found.append(Loop(node, code))
            except Unclear:
                continue
    return found
