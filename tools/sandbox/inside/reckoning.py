"""What the names of a loop are, and expressions that can do nothing but be a number."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

from opencodeinstruct.tools.sandbox.inside.drift import COUNTED, number
from opencodeinstruct.tools.sandbox.inside.loops import PURE, Unclear, is_mathematical, is_pure

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Div)
PURE_CALLS = ("int", "abs", "min", "max", "round")
MATHEMATICS = ("sqrt", "isqrt", "floor", "ceil")
MOST_POWER = 64


class Place:
    """The names at the moment: `here` are those of the function, `space` those of its module.

    `own` are the names that are the function's, whether they have a value or not.
    """

    def __init__(self, here: Mapping[str, Any], space: dict[str, Any], own: set[str]) -> None:
        self.here, self.space, self.own = here, space, own

    def __getitem__(self, name: str) -> Any:
        """What `name` is; raises `KeyError` where it is nothing, or built in."""
        return self.here[name] if name in self.own else self.space[name]

    def is_builtin(self, name: str) -> bool:
        """Whether `name` is the built-in function that it should be."""
        return name not in self.own and name not in self.space and is_pure(name, self.space)

    def value(self, node: ast.expr) -> int | float:
        """The number that `node` is; `Unclear` where it might do more than be one."""
        given: dict[str, Any] = {"__builtins__": {}}
        self.allow(node, given)
        code = compile(ast.Expression(node), "<loop>", "eval", dont_inherit=True)
        return number(eval(code, given))

    def allow(self, node: ast.AST, given: dict[str, Any]) -> None:
        """See that `node` may be evaluated, and note in `given` what its names are."""
        match node:
            case ast.Constant(value=constant):
                number(constant)
            case ast.Name(id=name):
                given[name] = number(self[name])
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                self.allow(inner, given)
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=power)):
                whole = type(power) is int and 0 <= power <= MOST_POWER
                if not whole and power != 0.5:
                    raise Unclear("a large power")
                self.allow(left, given)
            case ast.BinOp(left=left, op=way, right=right) if isinstance(way, ARITHMETIC):
                self.allow(left, given)
                self.allow(right, given)
            case ast.Call(func=called, args=args, keywords=[]):
                self.allow_call(called, args, given)
            case _:
                raise Unclear(type(node).__name__)

    def allow_call(self, called: ast.expr, args: list[ast.expr], given: dict[str, Any]) -> None:
        """The same for a call, of what only computes."""
        match called, args:
            case ast.Name(id="len"), [ast.Name(id=name)]:
                if not self.is_builtin("len") or type(self[name]) not in COUNTED:
                    raise Unclear("another length")
                given |= {"len": len, name: self[name]}
                return
            case ast.Name(id=name), _ if name in PURE_CALLS and self.is_builtin(name):
                given[name] = PURE[name]
            case ast.Name(id=name), _ if name in MATHEMATICS and is_mathematical(self[name]):
                given[name] = self[name]
            case ast.Attribute(value=ast.Name(id=name), attr=attribute), _ if (
                attribute in MATHEMATICS
                and self[name] is math
                and is_mathematical(vars(math).get(attribute))  # and nobody else's
            ):
                given[name] = math
            case _:
                raise Unclear("a call")
        for one in args:
            self.allow(one, given)
