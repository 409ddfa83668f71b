"""Loops with many turns left: as many as are said to be left are taken, if nobody stops them."""

import ast
import contextlib
import random
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest

from opencodeinstruct.tools.ports import Limits
from opencodeinstruct.tools.sandbox.inside.findings import SOLUTION
from opencodeinstruct.tools.sandbox.inside.lengthy import FAILURES, innermost, left_in
from opencodeinstruct.tools.sandbox.inside.loops import defined
from tests.programs import opened

LONG = {
    "divisors of a large number": """
        def f(n=2**61 - 1):
            total = 0
            for i in range(1, n):
                if n % i == 0:
                    total += i
            return total == n
        """,
    "more turns than `len` can say": """
        def f(n=10**30):
            total = 0
            for i in range(1, n, 2):
                total = total + i % 7
            return total
        """,
    "down to 1": """
        def f(n=10**12):
            best = 0
            for i in range(n, 0, -1):
                if n // i > best and (i % 2 == 0 or not i % 3):
                    best = n // i
                    continue
                elif i == 5:
                    pass
            return best
        """,
    "up to a root": """
        import math
        LIMIT = 10**24

        def f():
            total = 1
            for i in range(2, int(LIMIT**0.5) + 1):
                if LIMIT % i == 0:
                    total += i if i * i == LIMIT else i + LIMIT // i
            for i in range(2, math.isqrt(LIMIT)):
                total -= 1
            return total
        """,
    "a loop that counts for itself": """
        def f(n=10**13):
            i, total = 1, 0.0
            while i <= n:
                if i % 2:
                    total += 1 / i
                    i += 1
                    continue
                i = i + 1
            return total
        """,
    "a counter squared": """
        def f(n=10**26):
            i, found = 2, False
            while n >= i * i:
                if n % i == 1:
                    found = True
                i += 1
            return found
        """,
    "numbers that `sum` adds up": """
        def f(n=10**14):
            return sum(i for i in range(1, n) if n % i == 0) == n
        """,
    "a method, beside other loops": """
        class Numbers:
            def total(self, xs):
                found = 0
                for x in xs:
                    for i in range(len(xs) * 10**10):
                        found += i ** 2 - 1
                return found

        def f():
            return Numbers().total([1, 2, 3])
        """,
}
OTHERS = {
    "it is left": """
        def f(n=10**12):
            for i in range(2, n):
                if n % i == 0:
                    return i
        """,
    "a break": """
        def f(n=10**12):
            for i in range(2, n):
                if i > 1000:
                    break
        """,
    "it fails": """
        def f(n=10**12):
            total = 0
            for i in range(-1000, n):
                total += n // i
        """,
    "it fails at what a turn changes": """
        def f(n=10**12):
            left = 1000
            for i in range(n):
                left -= 1
                if n % left == 1:
                    pass
        """,
    "a text that meets a number": """
        def f(n=10**12):
            total, text = 0, 'x'
            for i in range(n):
                total += i
                if i == 1000:
                    total += text
        """,
    "a number without bound": """
        def f(n=10**12):
            a, b, x = 1, 1, 0.5
            for i in range(n):
                a = a + b
                b = b + a
                x += a
        """,
    "a power without bound": """
        def f(n=10**12):
            a = 3
            for i in range(n):
                a *= 3
        """,
    "a call": """
        def f(n=10**12):
            seen = []
            for i in range(n):
                seen.append(i)
                if len(seen) > 1000:
                    seen.pop(-1 - len(seen))
        """,
    "a counter that is set": """
        def f(n=10**12):
            i = 0
            while i < n:
                i += 1
                if i == 1000:
                    i = n
        """,
    "a counter that doubles": """
        def f(n=10**12):
            i = 1
            while i < n:
                i += i
        """,
    "a limit that comes near": """
        def f(n=10**12):
            i = 0
            while i < n:
                i += 1
                n = n // 2
        """,
    "a limit that is another by now": """
        def f(n=1000):
            for i in range(n):
                n += 10**9
        """,
    "a counter that goes back": """
        def f(n=10**12):
            i = 1000
            while i < n:
                i += -1
                if n % i:
                    pass
        """,
    "steps in both ways": """
        def f(n=10**12):
            i = 0
            while i < n:
                if i >= 0:
                    i += 10**9
                else:
                    i += 1 - 10**9
        """,
    "another `range`": """
        def range(n):
            return iter([1, 2, 3])

        def f(n=10**12):
            total = 0
            for i in range(n):
                total += i
        """,
    "another `sum`": """
        def sum(numbers):
            return [next(numbers) for _ in range(1000)]

        def f(n=10**12):
            return sum(i for i in range(n) if i >= 0)
        """,
    "a generator that is not added up": """
        def f(n=10**12):
            return any(i == 1000 for i in range(n))
        """,
    "another root": """
        def isqrt(n):
            return n // 10**9

        def f(n=10**12):
            total = 0
            for i in range(isqrt(n)):
                total += i
        """,
    "an object that counts": """
        class Number(int):
            def __add__(self, other):
                raise ValueError

        def f(n=10**12):
            total = Number()
            for i in range(n):
                total = total + i
        """,
    "a name of the module": """
        total = 0

        def f(n=10**12):
            global total
            for i in range(n):
                total += i
        """,
    "division of what is too large for a fraction": """
        def f(n=10**400):
            total = 0.0
            for i in range(1, 10**12):
                total += n / i
        """,
    "a loop that is over": """
        def f(n=10**3):
            total = 0
            for i in range(n):
                total += i
            for j in range(n):
                total += j
        """,
}


@dataclass(slots=True)
class Seen:
    """What is said to be left of a loop, and how often each of its lines came by after that."""

    said: int
    operators: int
    loop: range
    lines: Counter[int] = field(default_factory=Counter)
    over: bool = True  # the program has ended, and was not stopped

    @property
    def turns(self) -> int:
        """As many turns were seen."""
        return max(self.lines.values(), default=0)


class Stop(Exception):
    """The program has run for long enough."""


class Watcher:
    """Asks at every so manieth line of a program, which it stops after so many."""

    def __init__(self, code: str, *, every: int, lines: int) -> None:
        self.every, self.lines, self.count = every, lines, 0
        self.text = textwrap.dedent(code)
        self.tree = ast.parse(self.text)
        self.found: list[tuple[FrameType, Seen]] = []

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        """See `sys.settrace`."""
        if frame.f_code.co_filename != SOLUTION:
            return None
        if event == "line":
            self.by(frame)
        return self.trace

    def by(self, frame: FrameType) -> None:
        """A line is about to be run."""
        for where, seen in self.found:
            if frame is where and frame.f_lineno in seen.loop:
                seen.lines[frame.f_lineno] += 1
        self.count += 1
        if self.count % self.every == 0:
            with contextlib.suppress(*FAILURES):
                loop = lines_of_loop(frame, self.tree)
                self.found.append((frame, Seen(*left_in(frame, self.tree), loop)))
        if self.count >= self.lines:
            raise Stop

    def run(self) -> None:
        """Call `f()`."""
        space: dict[str, Any] = {"__name__": "solution"}
        exec(compile(self.text, SOLUTION, "exec", dont_inherit=True), space)
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            space["f"]()
        except Stop:
            for _, seen in self.found:
                seen.over = False
        except Exception:  # noqa: BLE001 - it is over
            return
        finally:
            sys.settrace(before)


def watched(code: str, *, every: int, lines: int) -> list[Seen]:
    """What is said of `code` at every so manieth line."""
    watcher = Watcher(code, every=every, lines=lines)
    watcher.run()
    return [seen for _, seen in watcher.found]


def lines_of_loop(frame: FrameType, tree: ast.Module) -> range:
    """The lines of the loop that `frame` is in."""
    if frame.f_code.co_name == "<genexpr>":
        return range(1, 1000)
    loop = innermost(defined(tree, frame.f_code).body, frame.f_lineno)
    return range(loop.lineno, (loop.end_lineno or loop.lineno) + 1)


@pytest.mark.parametrize("why", LONG)
def test_a_loop_with_many_turns_left_is_known(why: str) -> None:
    seen = watched(LONG[why], every=7, lines=70)
    assert len(seen) >= 4
    assert all(one.said > 10**9 for one in seen)


@pytest.mark.parametrize("why", OTHERS)
def test_one_that_may_end_before_is_not(why: str) -> None:
    for every in (3, 7):
        assert all(one.said < 10**4 for one in watched(OTHERS[why], every=every, lines=6000))


def test_of_loops_by_chance_none_has_fewer_turns_left_than_is_said() -> None:
    draw = random.Random(5)
    told = long = 0
    for _ in range(800):
        code = Invented(draw).code
        every = draw.randrange(2, 40)
        for one in watched(code, every=every, lines=1500):
            assert one.turns >= one.said or not one.over, (code, one)
            told += 1
            long += one.said > 20
    assert told > 2_000
    assert long > 800


class Invented:
    """A program of one or two loops, by chance; what would be wrong to overlook is in some."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        numbers = ", ".join(self.number() for _ in range(3))
        self.lines = ["def f():", f"    a, b, c, n = {numbers}, 90"]
        for _ in range(draw.randrange(1, 3)):
            draw.choice((self.add_for, self.add_while, self.add_sum))()
        self.code = "\n".join([*self.lines, "    return a"])

    def number(self) -> str:
        return str(self.draw.choice((1, 2, 3, 5, 7, 0.5, 0, -2)))

    def name(self) -> str:
        return self.draw.choice("abc")

    def operand(self) -> str:
        return self.draw.choice((self.name(), "i", self.number()))

    def value(self) -> str:
        one, other = self.operand(), self.operand()
        calm = self.draw.choice(("i", self.number()))  # two names would soon fill the memory
        forms = (one, f"{one} + {other}", f"{one} * {calm}", f"{one} % {other}", "n % i", f"-{one}")
        more = (f"i // {calm}", f"i ** {self.draw.randrange(3)}", f"({one} if i % 2 else {other})")
        return self.draw.choice(forms + more)

    def statement(self) -> list[str]:
        draw, name = self.draw, self.name()
        test = f"{self.value()} {draw.choice(('<', '==', '!=', '>='))} {self.value()}"
        rare = (f"if {test}: break", f"if {test}: return", "i += 1", f"a = a * {self.number()}")
        more = ("c = str(c)", "a = a[0]", f"n -= {self.number()}", "a, b = b, a")
        if draw.random() < 0.04:
            return [draw.choice(rare + more)]
        return draw.choice(
            (
                [f"{name} += {self.value()}"],
                [f"{name} = {self.value()}"],
                [f"if {test}:", f"    {name} -= {self.value()}"],
                [f"if {test} and i > {self.number()}:", f"    {name} = 2", "else:", "    pass"],
                [f"if i % {self.number()} == 1:", "    continue"],
            )
        )

    def body(self) -> list[str]:
        return [line for _ in range(self.draw.randrange(1, 4)) for line in self.statement()]

    def add_for(self) -> None:
        spans = ("n", "1, n", "1, n + 3, 2", "n, 0, -1", "-5, n", "1, int(9000**0.5)")
        self.add(f"for i in range({self.draw.choice(spans)}):", self.body())

    def add_while(self) -> None:
        test = self.draw.choice(("i < n", "n >= i", "i * i < n * n", "i ** 2 <= 8000"))
        step = self.draw.choice(("i += 1", "i = i + 2", "i += 3"))
        body = self.body()
        self.lines.append("    i = 1")
        self.add(f"while {test}:", self.draw.choice(([step, *body], [*body, step])))

    def add_sum(self) -> None:
        tests = f"{self.value()} != {self.value()}"
        self.add("a = sum(", [self.value(), "for i in range(1, n)", f"if {tests}"])
        self.lines.append("    )")

    def add(self, head: str, body: list[str]) -> None:
        self.lines += [f"    {head}", *(f"        {line}" for line in body)]


def test_the_sandbox_says_so_at_once() -> None:
    code = textwrap.dedent(LONG["divisors of a large number"]).replace("n=2**61 - 1", "n")
    limits = Limits(cpu_seconds=60, wall_seconds=240, total_seconds=300)
    for policy in ("screen", "split", "confirm"):
        with opened(policy) as box:
            result = box.result(code, "assert f(6)", "assert f(2**61 - 1)", "assert f(28)",
                                limits=limits)  # fmt: skip
        assert [verdict.verdict for verdict in result.verdicts] == ["pass", "timeout", "pass"]
        assert result.cpu_seconds < 30, policy  # of the 60 that it might have used


def test_whether_it_is_too_long_depends_on_the_limit() -> None:
    code = (
        "def f(n):\n    total = 0\n    for i in range(n):\n        total += 1\n    return total\n"
    )
    limits = Limits(cpu_seconds=60, wall_seconds=240, total_seconds=300)
    with opened() as box:
        result = box.result(code, "assert f(3_000_000) == 3_000_000", limits=limits)
    assert [verdict.verdict for verdict in result.verdicts] == ["pass"]
