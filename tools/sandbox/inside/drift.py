"""Loops whose numbers move on by the same amount in each turn, away from where the loop would end.

`while i != n: i += 2` beyond n, `while x > 0: x += 1`, `while x != 1.0: x += 0.1`: no state of such
a loop comes back, and yet it is known to go on for ever. A turn of it does nothing but add what
does not change to numbers, so that both sides of what it asks are linear in the number of turns.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from opencodeinstruct.tools.sandbox.inside.loops import Unclear
from opencodeinstruct.tools.sandbox.inside.reckoning import Values, number

NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


class Drift:
    """A `while` loop of which each turn only adds to numbers; `Unclear` for any other.

    `grow` are names that it adds to and never reads.
    """

    def __init__(self, loop: ast.While, grow: set[str]) -> None:
        self.test, self.body, self.asked = loop.test, loop.body, True
        begin = loop.body[0]
        if isinstance(loop.test, ast.Constant) and loop.test.value and isinstance(begin, ast.If):
            self.test, self.body, self.asked = begin.test, [*begin.orelse, *loop.body[1:]], False
        self.moves: dict[str, list[tuple[int, ast.expr]]] = {}
        self.amounts: list[tuple[str, ast.expr]] = []
        for statement in self.body:
            self.take(statement, grow)
        if not all(self.is_fixed(amount) for moves in self.moves.values() for _, amount in moves):
            raise Unclear("not by the same amount")

    def take(self, statement: ast.stmt, grow: set[str]) -> None:
        """Learn what `statement` adds to which name."""
        added = addition(statement)
        if added is not None:
            self.add(*added, grow if isinstance(statement, ast.AugAssign) else set())
        elif not isinstance(statement, ast.Pass):
            raise Unclear(type(statement).__name__)

    def add(self, name: str, way: ast.operator, amount: ast.expr, grow: set[str]) -> None:
        """`amount` is added to `name`, or taken from it; of what is never read it may change."""
        moves = self.moves.setdefault(name, [])
        self.amounts.append((name, amount))
        if name not in grow:
            moves.append((1 if isinstance(way, ast.Add) else -1, amount))
        elif not all(isinstance(node, HARMLESS) for node in ast.walk(amount)):
            raise Unclear("it may fail, or need memory")

    def is_fixed(self, node: ast.AST) -> bool:
        """Whether a turn does not change the value of `node`."""
        return not any(
            isinstance(inner, ast.Name) and inner.id in self.moves for inner in ast.walk(node)
        )

    def never_ends(self, values: Mapping[str, Any]) -> bool:
        """Whether the loop, at what it asks, with these values of its names, goes on for ever."""
        here = Values(values)
        try:
            for name, amount in self.amounts:
                number(number(here[name]) + here.value(amount))  # which fails if it does
            return self.stays(self.test, self.asked, here)
        except (Unclear, KeyError, ArithmeticError):
            return False

    def stays(self, node: ast.expr, truth: bool, here: Values) -> bool:
        """Whether `node` is, now and in all turns to come, as true as `truth`."""
        match node:
            case ast.BoolOp(op=way, values=parts):
                enough = all if isinstance(way, ast.And) is truth else any
                return enough([self.stays(part, truth, here) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return self.stays(inner, not truth, here)
            case ast.Constant(value=constant):
                return bool(constant) is truth
            case ast.Name():
                return self.keeps(ast.NotEq if truth else ast.Eq, node, ast.Constant(0), here)
            case ast.Compare(left=left, ops=[way], comparators=[right]) if type(way) in NEGATED:
                kind = type(way) if truth else NEGATED[type(way)]
                return self.keeps(kind, left, right, here)
            case _:
                raise Unclear("no comparison of numbers")

    def keeps(self, kind: type[ast.cmpop], left: ast.expr, right: ast.expr, here: Values) -> bool:
        """Whether the comparison holds from now on."""
        one, other = here.value(left), here.value(right)
        step = self.step(left, here) - self.step(right, here)
        apart = one - other
        whole = type(apart) is int and type(step) is int
        if not whole:
            both = not self.is_fixed(left) and not self.is_fixed(right)
            if both or not (self.is_sure(left, here) and self.is_sure(right, here)):
                raise Unclear("rounding may go either way")
            apart = (one > other) - (one < other)  # a difference may be rounded
        return HOLDS[kind](apart, step, whole)

    def is_sure(self, side: ast.expr, here: Values) -> bool:
        """Whether rounding does not turn the way that `side` goes: one addition to a float."""
        match side:
            case ast.Name(id=name) if name in self.moves:
                alone = len(self.moves[name]) == 1
                return alone and (type(here[name]) is float or type(self.step(side, here)) is int)
            case _:
                return self.is_fixed(side)

    def step(self, node: ast.expr, here: Values) -> int | float:
        """By how much `node` is larger after each turn."""
        if self.is_fixed(node):
            return 0
        match node:
            case ast.Name(id=name):
                return sum(sign * here.value(amount) for sign, amount in self.moves[name])
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.step(inner, here)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.step(left, here) + self.step(right, here)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return self.step(left, here) - self.step(right, here)
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if self.is_fixed(left):
                return here.value(left) * self.step(right, here)
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if self.is_fixed(right):
                return self.step(left, here) * here.value(right)
            case _:
                raise Unclear("not linear")


def addition(statement: ast.stmt) -> tuple[str, ast.operator, ast.expr] | None:
    """The name that `statement` adds to or takes from, which of both, and the amount."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Sub() as way, value=amount):
            return name, way, amount
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.BinOp(left=ast.Name(id=to), op=ast.Add() | ast.Sub() as way, right=amount)
            | ast.BinOp(left=amount, op=ast.Add() as way, right=ast.Name(id=to)),
        ) if to == name:
            return name, way, amount
        case _:
            return None


HARMLESS = (
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.UnaryOp, ast.USub, ast.Name, ast.Load),
    ast.Constant,
)
HOLDS: dict[type[ast.cmpop], Callable[[Any, Any, bool], bool]] = {
    ast.Lt: lambda apart, step, _: apart < 0 and step <= 0,
    ast.LtE: lambda apart, step, _: apart <= 0 and step <= 0,
    ast.Gt: lambda apart, step, _: apart > 0 and step >= 0,
    ast.GtE: lambda apart, step, _: apart >= 0 and step >= 0,
    ast.Eq: lambda apart, step, _: apart == 0 and step == 0,
    ast.NotEq: lambda apart, step, whole: is_missed(apart, step, whole=whole),
}


def is_missed(apart: int | float, step: int | float, *, whole: bool) -> bool:
    """Whether two sides that are so far apart never meet, one moving by `step` in each turn."""
    if apart == 0:
        return False
    if (step >= 0) is (apart > 0) or step == 0:
        return True
    return whole and apart % step != 0
