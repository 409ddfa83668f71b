"""What a turn of a loop does, if it only reckons with numbers and can neither fail nor leave it."""

from __future__ import annotations

import ast
from types import CodeType

from opencodeinstruct.tools.sandbox.inside.drift import NEGATED, addition
from opencodeinstruct.tools.sandbox.inside.loops import Unclear, every, names_in
from opencodeinstruct.tools.sandbox.inside.reckoning import Place, number

CHANGING = 256  # bits of a number that a loop changes, and of what it adds to one in a turn
CHANGED = CHANGING + 64  # and of what that comes to while there is time
REACHED = 900  # bits of any number on the way: a larger one might not fit into a float


class Turn:
    """What a turn does; `target` counts, up to `largest`, and `zero` says that it may be 0.

    `strides` are the amounts by which a `while` loop moves its target, None for any other loop.
    """

    def __init__(self, place: Place, target: str, largest: int, *, zero: bool) -> None:
        self.place, self.target, self.zero = place, target, zero
        self.largest = largest.bit_length()
        self.changed: set[str] = set()
        self.strides: list[int] | None = None

    def operators(self, body: list[ast.stmt], code: CodeType) -> int:
        """How many operators it takes at least; `Unclear` if it may do more than reckon."""
        stored = stored_in(body)
        if not stored <= set(code.co_varnames) - set(code.co_cellvars):
            raise Unclear("a name of others as well")
        self.changed = stored - {self.target}
        if any(bits_of(self.place[name]) > CHANGING for name in self.changed):
            raise Unclear("a large number")
        return self.block(body)

    def block(self, statements: list[ast.stmt]) -> int:
        """The same of `statements`; after what may go on to the next turn none is sure."""
        least, sure = 0, True
        for statement in statements:
            found = self.statement(statement)
            least += found if sure else 0
            sure = sure and not any(isinstance(one, ast.Continue) for one in ast.walk(statement))
        return least

    def statement(self, statement: ast.stmt) -> int:
        """The same of one."""
        added = addition(statement)
        if added is not None:
            return 1 + self.change(*added)
        match statement:
            case ast.Pass() | ast.Continue() | ast.Expr(value=ast.Constant()):
                return 0
            case ast.If(test=test, body=body, orelse=orelse):
                self.bits(test)
                return operators_in(test) + min(self.block(body), self.block(orelse))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                return self.change(name, None, value)
            case _:
                raise Unclear(type(statement).__name__)

    def change(self, name: str, way: ast.operator | None, amount: ast.expr) -> int:
        """See that `name` stays moderate, if `amount` is added to it, or put in its place."""
        if name == self.target:
            self.stride(way, amount)
        elif self.bits(amount) > CHANGING:  # as it is where a name that is changed is in it
            raise Unclear("it may grow fast")
        return operators_in(amount)

    def stride(self, way: ast.operator | None, amount: ast.expr) -> None:
        """Note by how much a `while` loop's target grows."""
        if self.strides is None or not isinstance(way, ast.Add) or self.varies(amount):
            raise Unclear("a counter that does not count")
        by = self.place.value(amount)
        if type(by) is not int or by <= 0:
            raise Unclear("a counter that does not grow")
        self.strides.append(by)

    def varies(self, node: ast.expr) -> bool:
        """Whether a turn may change the value of `node`."""
        return bool(names_in([node]) & (self.changed | {self.target}))

    def bits(self, node: ast.expr) -> int:
        """The size of the number that `node` is, at most; `Unclear` for what may fail."""
        found = self.bits_within(node)
        if found > REACHED:
            raise Unclear("a large number")
        return found

    def bits_within(self, node: ast.expr) -> int:
        """The same, of any size, whose parts are moderate."""
        match node:
            case ast.Constant(value=constant):
                return bits_of(constant)
            case ast.Name(id=name):
                return self.bits_of_name(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not(), operand=inner):
                return self.bits(inner)
            case ast.BinOp(left=left, op=way, right=right):
                return self.bits_of_operation(left, way, right)
            case ast.BoolOp(values=parts):
                return max(map(self.bits, parts))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return max(map(self.bits, (test, body, orelse)))
            case ast.Compare(ops=ways, left=left, comparators=others) if all(
                type(way) in NEGATED for way in ways
            ):
                return max(1, *map(self.bits, (left, *others)))
            case _:
                raise Unclear(type(node).__name__)

    def bits_of_name(self, name: str) -> int:
        """The size of what a name is."""
        if name == self.target:
            return self.largest
        return CHANGED if name in self.changed else bits_of(self.place[name])

    def bits_of_operation(self, left: ast.expr, way: ast.operator, right: ast.expr) -> int:
        """The size of what comes of two numbers, which must be sure to come."""
        one, other = self.bits(left), self.bits(right)
        match way:
            case ast.Add() | ast.Sub():
                return max(one, other) + 1
            case ast.Mult():
                return one + other
            case ast.FloorDiv() | ast.Mod() | ast.Div() if self.is_nonzero(right):
                return max(one, other)
            case ast.Pow() if isinstance(right, ast.Constant) and self.is_whole(left):
                power = right.value
                if type(power) is int and power >= 0:
                    return one * power
        raise Unclear(type(way).__name__)

    def is_nonzero(self, node: ast.expr) -> bool:
        """Whether `node` is never 0."""
        if isinstance(node, ast.Name) and node.id == self.target:
            return not self.zero
        return not self.varies(node) and self.place.value(node) != 0

    def is_whole(self, node: ast.expr) -> bool:
        """Whether `node` is no fraction."""
        if isinstance(node, ast.Name) and node.id == self.target:
            return True
        return not self.varies(node) and type(self.place.value(node)) is int


def stored_in(nodes: list[ast.stmt]) -> set[str]:
    """The names that are given a value in `nodes`."""
    names = (node for node in every(nodes) if isinstance(node, ast.Name))
    return {name.id for name in names if not isinstance(name.ctx, ast.Load)}


def operators_in(node: ast.expr) -> int:
    """How many operators it takes at least to know what `node` is."""
    match node:
        case ast.BoolOp(values=[first, *_]):
            return operators_in(first)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return operators_in(test) + min(operators_in(body), operators_in(orelse))
        case ast.BinOp(left=left, right=right):
            return 1 + operators_in(left) + operators_in(right)
        case ast.Compare(left=left, comparators=[first, *_]):
            return 1 + operators_in(left) + operators_in(first)
        case _:
            return 0


def bits_of(value: object) -> int:
    """The size of a number; `Unclear` for anything else."""
    if type(value) is bool:
        return 1
    known = number(value)
    return known.bit_length() if isinstance(known, int) else 1
