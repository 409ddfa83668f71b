"""Loops that have more turns before them than there is time for.

`for i in range(1, n)` where n has twenty digits, `while i < n: ...; i += 1`, and
`sum(i for i in range(1, n) if n % i == 0)`: where a turn only reckons with numbers, and can neither
fail nor leave the loop, those that are left are counted without being taken. No turn is quicker
than `TURN`, on any machine and in any version of Python, so that many are known to take too long.
"""

from __future__ import annotations

import ast
import math
from types import CodeType, FrameType

from opencodeinstruct.tools.sandbox.inside.findings import SOLUTION
from opencodeinstruct.tools.sandbox.inside.loops import (
    Unclear,
    defined,
    line_of,
    loops_at,
    names_in,
    own_names,
)
from opencodeinstruct.tools.sandbox.inside.reckoning import Place, number
from opencodeinstruct.tools.sandbox.inside.turn import CHANGING, Turn, operators_in, stored_in

# Seconds of the shortest turn, and of an operator in it: a third of what a fast machine takes.
TURN, OPERATOR = 3e-9, 1e-9
FAILURES = (Unclear, LookupError, ArithmeticError, ValueError, TypeError, RecursionError)


def is_too_long(frame: FrameType, tree: ast.Module, seconds: float) -> bool:
    """Whether the loop that `frame` is in needs more than `seconds` of CPU for what is left of it.

    `tree` is the solution that the frame is of. False wherever it cannot be told.
    """
    try:
        turns, operators = left_in(frame, tree)
        return turns > seconds / (TURN + OPERATOR * operators)
    except FAILURES:
        return False


def left_in(frame: FrameType, tree: ast.Module) -> tuple[int, int]:
    """So many turns at least, and so many operators in each."""
    code = frame.f_code
    place = Place(frame.f_locals, frame.f_globals, own_names(code))
    if code.co_name == "<genexpr>":
        return left_of_sum(sum_of(frame, tree), place)
    node = innermost(defined(tree, code).body, line_of(frame))
    if node.orelse:
        raise Unclear("something after it")
    if isinstance(node, ast.For):
        return left_of_for(node, place, code)
    return left_of_while(node, place, code)


def left_of_for(node: ast.For, place: Place, code: CodeType) -> tuple[int, int]:
    """Of a `for` loop over a range, that what it counts is in at the moment."""
    match node:
        case ast.For(
            target=ast.Name(id=target),
            iter=ast.Call(func=ast.Name(id="range"), args=args, keywords=[]),
        ) if place.is_builtin("range"):
            if names_in(args) & (stored_in(node.body) | {target}):
                raise Unclear("its range is of something else by now")
            whole = range(*map(place.value, args))  # type: ignore[arg-type]  # TypeError otherwise
            now = number(place[target])
            left = whole[whole.index(now) :]  # type: ignore[arg-type]  # ValueError otherwise
            # of the whole range: the loop may be about to begin, and its name be that of another
            turn = Turn(place, target, max(abs(whole[0]), abs(whole[-1])), zero=0 in whole)
            return count(left) - 1, turn.operators(node.body, code)
        case _:
            raise Unclear("no range")


def left_of_while(node: ast.While, place: Place, code: CodeType) -> tuple[int, int]:
    """Of a `while` loop that counts up to something that stays."""
    target, most = limit_of(node.test, place, stored_in(node.body))
    now = place[target]
    if type(now) is not int:
        raise Unclear("no counter")
    turn = Turn(place, target, max(abs(now), abs(most)) << 1, zero=now <= 0)
    turn.strides = []
    operators = turn.operators(node.body, code)
    if not turn.strides:
        raise Unclear("a counter that does not count")
    stride = sum(turn.strides)
    if stride.bit_length() > CHANGING:
        raise Unclear("a large number")
    return (most - now) // stride - 1, 1 + operators


def limit_of(test: ast.expr, place: Place, stored: set[str]) -> tuple[str, int]:
    """What `test` counts, and up to where it certainly goes on."""
    match test:
        case ast.Compare(left=counted, ops=[ast.Lt() | ast.LtE()], comparators=[end]):
            pass
        case ast.Compare(left=end, ops=[ast.Gt() | ast.GtE()], comparators=[counted]):
            pass
        case _:
            raise Unclear("no limit")
    if names_in([end]) & stored:
        raise Unclear("a limit that moves")
    most = math.floor(place.value(end))
    match counted:
        case ast.Name(id=target):
            return target, most
        case ast.BinOp(left=ast.Name(id=target), op=ast.Mult(), right=ast.Name(id=again)) if (
            target == again and place[target] >= 0
        ):
            return target, math.isqrt(most)
        case ast.BinOp(left=ast.Name(id=target), op=ast.Pow(), right=ast.Constant(value=2)) if (
            place[target] >= 0
        ):
            return target, math.isqrt(most)
        case _:
            raise Unclear("no counter")


def sum_of(frame: FrameType, tree: ast.Module) -> ast.GeneratorExp:
    """The generator that `frame` runs, if it is one that `sum` adds up."""
    line, outer = frame.f_code.co_firstlineno, frame.f_back
    here = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.GeneratorExp) and node.lineno == line
    ]
    if len(here) != 1 or outer is None or outer.f_code.co_filename != SOLUTION:
        raise Unclear("which it is")
    around = Place(outer.f_locals, outer.f_globals, own_names(outer.f_code))
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="sum"), args=[found], keywords=[]) if found is here[
                0
            ] and around.is_builtin("sum"):
                return here[0]
    raise Unclear("not added up")


def left_of_sum(node: ast.GeneratorExp, place: Place) -> tuple[int, int]:
    """Of the numbers that are added up, over a range."""
    match node.generators:
        case [ast.comprehension(target=ast.Name(id=target), ifs=tests, is_async=0)]:
            left = left_of_iterator(place)
            now = place[target]
            ends = (now, left[0], left[-1])
            turn = Turn(place, target, max(map(abs, ends)), zero=now == 0 or 0 in left)
            if turn.bits(node.elt) > CHANGING:
                raise Unclear("it may grow fast")
            for test in tests:
                turn.bits(test)
            return count(left), operators_in(tests[0]) if tests else 0
        case _:
            raise Unclear("more than one loop")


def left_of_iterator(place: Place) -> range:
    """What the range that a generator goes through has left."""
    iterator = place[".0"]
    if type(iterator) not in (type(iter(range(1))), type(iter(range(1 << 70)))):
        raise Unclear("no range")
    _, (whole,), *done = iterator.__reduce__()
    return range(whole.start, whole.stop, whole.step)[(done[0] if done else 0) or 0 :]


def innermost(nodes: list[ast.stmt], line: int) -> ast.For | ast.While:
    """The loop that `line` is in, and no other within it."""
    found = list(loops_at(nodes, line))
    if not found:
        raise Unclear("no loop")
    return max(found, key=lambda node: node.lineno)


def count(numbers: range) -> int:
    """How many there are, which may be more than `len` can say."""
    return (numbers[-1] - numbers[0]) // numbers.step + 1 if numbers else 0
