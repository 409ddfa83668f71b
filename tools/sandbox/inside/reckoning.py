"""What the names of a loop are, and expressions that can do nothing but be a number."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from opencodeinstruct.tools.sandbox.inside.loops import PURE, Unclear, is_mathematical, is_pure

COUNTED = (list, tuple, str, bytes, dict)
MOST_BITS = 4096  # of a number; a larger one takes memory rather than time
MOST_POWER = 64
RECKONED: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
PURE_CALLS = ("int", "abs", "min", "max", "round")
MATHEMATICS = ("sqrt", "isqrt", "floor", "ceil")


class Values:
    """The names of a loop at the moment, and what is reckoned with them."""

    def __init__(self, here: Mapping[str, Any]) -> None:
        self.here = here

    def __getitem__(self, name: str) -> Any:
        """What `name` is; raises `KeyError` where it is nothing, or built in."""
        return self.here[name]

    def is_builtin(self, name: str) -> bool:
        """Whether `name` is the built-in function that it should be."""
        return name not in self.here

    def value(self, node: ast.expr) -> int | float:
        """The number that `node` is; `Unclear` where it might do more than be one."""
        match node:
            case ast.Constant(value=constant):
                return number(constant)
            case ast.Name(id=name):
                return number(self[name])
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.value(inner)
            case ast.BinOp(left=left, op=way, right=right) if type(way) in RECKONED:
                return number(RECKONED[type(way)](self.value(left), self.value(right)))
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)], keywords=[]):
                if not self.is_builtin("len") or type(self[name]) not in COUNTED:
                    raise Unclear("another length")
                return len(self[name])
            case _:
                return self.other(node)

    def other(self, node: ast.expr) -> int | float:
        """The same for what else there is."""
        raise Unclear(type(node).__name__)


class Place(Values):
    """The names that a frame has: `here` are those of the function, `space` those of its module.

    `own` are the names that are the function's, whether they have a value or not.
    """

    def __init__(self, here: Mapping[str, Any], space: dict[str, Any], own: set[str]) -> None:
        super().__init__(here)
        self.space, self.own = space, own

    def __getitem__(self, name: str) -> Any:
        return self.here[name] if name in self.own else self.space[name]

    def is_builtin(self, name: str) -> bool:
        return name not in self.own and name not in self.space and is_pure(name, self.space)

    def other(self, node: ast.expr) -> int | float:
        match node:
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return number(self.value(left) / self.value(right))
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=power)):
                whole = type(power) is int and 0 <= power <= MOST_POWER
                if not whole and power != 0.5:
                    raise Unclear("a large power")
                return number(operator.pow(self.value(left), power))
            case ast.Call(func=called, args=args, keywords=[]):
                return number(self.called(called)(*map(self.value, args)))
            case _:
                return super().other(node)

    def called(self, node: ast.expr) -> Callable[..., Any]:
        """The function that `node` is, of those that only compute."""
        found: Callable[..., Any] | None = None
        match node:
            case ast.Name(id=name) if name in PURE_CALLS and self.is_builtin(name):
                found = PURE[name]
            case ast.Name(id=name) if name in MATHEMATICS and is_mathematical(self[name]):
                found = self[name]
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if (
                attribute in MATHEMATICS
                and self[name] is math
                and is_mathematical(vars(math).get(attribute))  # and nobody else's
            ):
                found = vars(math)[attribute]
        if found is None:
            raise Unclear("a call")
        return found


def number(value: object) -> int | float:
    """`value`, which has to be a number of moderate size."""
    if type(value) is int and value.bit_length() <= MOST_BITS:
        return value
    if type(value) is float and value - value == 0:  # no infinity, and a number
        return value
    raise Unclear(type(value).__name__)
