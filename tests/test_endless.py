"""Loops that never end are known as such, and no loop is that ends."""

import signal
import sys
from collections.abc import Iterator

import pytest

from opencodeinstruct.tools.ports import Limits
from opencodeinstruct.tools.sandbox.inside import endless
from tests.looping import Apart, Invented
from tests.programs import opened

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

ENDLESS = {
    "a number that stays": """
        def f(x=2.0, epsilon=0.01):
            approx = x / 2
            while abs(x - approx) > epsilon:
                approx = 0.5 * (approx + x / approx)
            return approx
        """,
    "something is counted meanwhile": """
        def f(n=127):
            count = 0
            while n:
                n ^= n - 1
                count += 1
            return count
        """,
    "a text grows meanwhile": """
        def f(number=19):
            signs, res = ["I", "X"], ''
            while number:
                div = number // 10
                while div:
                    res += signs[div]
                number -= 1
            return res
        """,
    "a search that does not move": """
        def f():
            xs, x, low, high = list(range(0, 100, 3)), 50, 0, 33
            while low < high:
                mid = (low + high) // 2
                if xs[mid] < x:
                    low = mid
                else:
                    high = mid
            return low
        """,
    "an index that is not moved on": """
        def f():
            xs, i, found = [1, 3, 2, 3, 4], 0, []
            while i < len(xs):
                if xs[i] == 3:
                    continue
                found.append(xs[i])
                i += 1
            return found
        """,
    "a function of the solution": """
        def is_palindrome(text):
            return text == text[::-1]

        def f(text='xy'):
            start = 0
            while not is_palindrome(text):
                start += 1
            return text[:start]
        """,
    "functions that call each other": """
        LIMIT = 3

        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n != 0 and (n == 1 or even(n - 1)) and n < LIMIT + 9

        def f():
            n = 4
            while even(n):
                n = 4 + n % 2
            return n
        """,
    "a function within": """
        def f():
            n, step = 1, 2

            def move(value):
                return (value + step) % 6

            while n != 0:
                n = move(n)
            return n
        """,
    "nothing at all": """
        def f():
            while True:
                pass
        """,
    "nothing that changes": """
        def f():
            n = 0
            while True:
                if n > 3:
                    break
                n = (n + 1) % 3
        """,
    "errors that are caught": """
        def f():
            n, d = 1, 0
            while True:
                try:
                    n = n // d
                    break
                except ZeroDivisionError:
                    n = 1
        """,
    "round in a dictionary": """
        def f():
            after = {n: (n + 1) % 50 for n in range(50)}
            n, seen = 0, []
            while n in after:
                n = after[n]
            return n
        """,
    "a text that is not changed": """
        def f():
            text = 'a  b'
            while '  ' in text:
                text = ' '.join(text.split(' '))
            return text
        """,
    "a list that is sorted again and again": """
        def f():
            xs = [3, 1, 2]
            while sorted(xs, key=lambda x: -x) != xs:
                xs.sort(key=abs)
            return xs
        """,
    "mathematics": """
        import math
        from math import gcd

        def f():
            n = 12
            while gcd(n, 18) > 1:
                n = math.floor(n + 0.5)
            return n
        """,
    "a comprehension within": """
        def f():
            n, xs = 3, [1, 2, 3]
            while n in xs:
                xs = [x for x in xs if x <= n]
            return xs
        """,
    "a number that goes past what is looked for": """
        def f():
            i, n, total = 0, 7, 0
            while i != n:
                total += i * i
                i += 2
            return total
        """,
    "a fraction that goes past what is looked for": """
        def f():
            x = 0.0
            while x != 1.0:
                x += 0.1
            return x
        """,
    "a step in the wrong way": """
        def f(text='abc'):
            i = len(text) - 1
            while i >= 0:
                i = 1 + i
            return i
        """,
    "two sides of an equation": """
        def f(a=2, b=3, n=7):
            x, y = 0, n // b
            while a * x + b * y != n:
                x -= n // b
                y += n // a
            return x, y
        """,
    "a loop that is left from within": """
        LIMIT = 5

        def f():
            i = 1
            while True:
                if i == LIMIT + 3 or not (i < 10 or i):
                    break
                else:
                    i -= 1
            return i
        """,
    "a loop in a loop in a loop": """
        def f():
            for i in range(3):
                while i < 5:
                    for j in range(2):
                        i = j
            return i
        """,
}

ENDS = {
    "a for around it has its own place": """
        def f():
            for _ in [None] * 300:
                n = 3
                while n:
                    n -= 1
            return 'end'
        """,
    "a comprehension in its condition": """
        def f():
            xs, n = [1] * 40, 0
            while [x for x in xs if x > n]:
                xs.pop()
            return 'end'
        """,
    "a set": """
        def f():
            s = set(range(200))
            while s:
                s.pop()
            return 'end'
        """,
    "an iterator": """
        def f():
            it = iter([0] * 300 + [1])
            while next(it) == 0:
                pass
            return 'end'
        """,
    "a generator": """
        def numbers():
            yield from [0] * 300
            yield 1

        def f():
            it = numbers()
            n = 0
            while not n:
                n = it.send(None)
            return 'end'
        """,
    "a generator of its own": """
        def f():
            def numbers():
                n = 0
                while n == 0:
                    yield n

            for place, n in enumerate(numbers()):
                if place == 300:
                    return 'end'
        """,
    "a clock": """
        import time

        def f():
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                pass
            return 'end'
        """,
    "a clock by another name": """
        from time import monotonic as ceil

        def f():
            until = ceil() + 0.05
            while ceil() < until:
                pass
            return 'end'
        """,
    "chance": """
        import random

        def f():
            while random.random() < 0.99:
                pass
            return 'end'
        """,
    "a global that is changed by a function": """
        count = 0

        def more():
            global count
            count += 1
            return count < 300

        def f():
            while more():
                pass
            return 'end'
        """,
    "a global of its own": """
        count = 0

        def f():
            global count
            while count < 300:
                count += 1
            return 'end'
        """,
    "a name of the function around": """
        def f():
            count = 0

            def more():
                nonlocal count
                count += 1
                return count < 300

            while more():
                pass
            return 'end'
        """,
    "a name that a function within reads": """
        def f():
            count = 0

            def enough():
                return count > 300

            while not enough():
                count += 1
            return 'end'
        """,
    "an object": """
        class Counter:
            n = 0

        def f():
            counter = Counter()
            while counter.n < 300:
                counter.n += 1
            return 'end'
        """,
    "an object that is called": """
        class Counter:
            n = 0
            def __call__(self):
                self.n += 1
                return self.n < 300

        def f():
            more = Counter()
            while more():
                pass
            return 'end'
        """,
    "an object that is global": """
        class Counter(int):
            n = 0
            def __bool__(self):
                Counter.n += 1
                return Counter.n < 300

        COUNTER = Counter()

        def f():
            while COUNTER:
                pass
            return 'end'
        """,
    "an attribute of a function": """
        def more():
            more.n += 1
            return more.n < 300

        more.n = 0

        def f():
            while more():
                pass
            return 'end'
        """,
    "what hangs on a function": """
        def store():
            return 0

        store.seen = []

        def f():
            while len(store.seen) < 300:
                store.seen.append(store())
            return 'end'
        """,
    "a default that changes": """
        def more(seen=[]):
            seen.append(0)
            return len(seen) < 300

        def f():
            while more():
                pass
            return 'end'
        """,
    "a cache": """
        from functools import lru_cache

        CALLS = []

        @lru_cache(maxsize=None)
        def known(n):
            CALLS.append(n)
            return n

        def f():
            n = 0
            while len(CALLS) < 300:
                n = known(n) + 1
            return 'end'
        """,
    "a global list": """
        SEEN = []

        def more():
            SEEN.append(0)
            return len(SEEN) < 300

        def f():
            while more():
                pass
            return 'end'
        """,
    "the same list by another name": """
        def f():
            a = [0]
            b = a
            while b[0] < 300:
                a[0] += 1
            return 'end'
        """,
    "a list that becomes one with another": """
        def f():
            a, b, n = [0], [0], 0
            while a is not b:
                n += 1
                if n == 300:
                    a = b
            return 'end'
        """,
    "a deque": """
        from collections import deque

        def f():
            d = deque([0] * 300)
            while d:
                d.popleft()
            return 'end'
        """,
    "the length of what grows": """
        def f():
            text, n = '', 0
            while len(text) < 300:
                text += 'x'
            return 'end'
        """,
    "what grows is looked at once in a while": """
        def f():
            n = k = 0
            while True:
                k += 1
                n = (n + 1) % 3
                if n == 0:
                    if k > 300:
                        return 'end'
        """,
    "a condition on several lines": """
        def f():
            xs = [0] * 300
            while (xs.pop() + len(
                    xs)) > 0:
                pass
            return 'end'
        """,
    "a first line on several lines": """
        def f():
            xs = [0] * 300
            while True:
                n = max(
                    xs.pop(),
                    0)
                if not xs:
                    return 'end'
        """,
    "a loop that begins with a loop": """
        def f():
            n = 0
            while True:
                for x in [1] * 30:
                    pass
                n += 1
                if n == 30:
                    return 'end'
        """,
    "a loop on one line": """
        def f():
            n = 300
            while n: n -= 1
            return 'end'
        """,
    "an equal number that is another": """
        def f():
            n = later = 1000
            while n is 1000:
                for _ in range(70):
                    pass
                n, later = later, int('1000')
            return 'end'
        """,
    "who looks at each call": """
        import sys

        def f():
            calls, real = [], sys.getprofile()

            def see(*_):
                calls.append(0)
                if len(calls) > 300:
                    sys.setprofile(real)
                    raise KeyError

            sys.setprofile(see)
            try:
                while True:
                    abs(0)
            except KeyError:
                return 'end'
            finally:
                sys.setprofile(real)
        """,
    "a number that grows in its condition": """
        def f():
            n = 0
            while (n := n + 1) < 300:
                pass
            return 'end'
        """,
    "a built-in that is another": """
        count = [0]

        def len(xs):
            count.append(0)
            return sum(1 for _ in count)

        def f():
            while len([]) < 300:
                pass
            return 'end'
        """,
    "a built-in that was replaced": """
        import builtins

        count, real = [], len

        def f():
            builtins.abs = lambda n: count.append(0) or real(count)
            try:
                while abs(0) < 300:
                    pass
            finally:
                builtins.abs = ABS
            return 'end'

        ABS = abs
        """,
    "a function of another file in the same place": """
        TEXT = "\\n" * 7 + "def more(): SEEN.append(0); return len(SEEN) < 300"
        SEEN = []
        exec(compile(TEXT, '<other>', 'exec'))
        OTHER = more

        if SEEN:
            def more():
                return True

        def f():
            while OTHER():
                pass
            return 'end'
        """,
    "a function that somebody put into a module": """
        import math

        COUNT = []

        def f():
            math.floor = lambda n: COUNT.append(0) or len(COUNT)
            try:
                while math.floor(0) < 300:
                    pass
            finally:
                math.floor = FLOOR
            return 'end'

        FLOOR = math.floor
        """,
    "a file": """
        import io

        def f():
            file = io.StringIO('x' * 300)
            while file.read(1):
                pass
            return 'end'
        """,
    "a thread": """
        import threading, time

        def f():
            flag = [0]
            thread = threading.Thread(target=lambda: (time.sleep(0.05), flag.append(1)))
            thread.start()
            while len(flag) == 1:
                pass
            thread.join()
            return 'end'
        """,
    "an alarm": """
        import signal

        class Alarm(Exception):
            pass

        def ring(*_):
            raise Alarm

        def f():
            signal.signal(signal.SIGVTALRM, ring)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.05)
            try:
                while True:
                    pass
            except Alarm:
                return 'end'
            finally:
                signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
        """,
    "dictionaries that shrink": """
        def f():
            d = dict.fromkeys(range(300))
            while d:
                d.popitem()
            return 'end'
        """,
    "numbers that come close": """
        def f():
            x, approx = 2.0, 1.0
            while abs(x - approx * approx) > 1e-12:
                approx = 0.5 * (approx + x / approx)
            return 'end'
        """,
    "a long way": """
        def f():
            n = 837799
            while n != 1:
                n = n // 2 if n % 2 == 0 else 3 * n + 1
            return 'end'
        """,
    "a number that meets what is looked for after a long way": """
        def f():
            i, n = -90000, 9
            while i != n:
                i += 3
            return 'end'
        """,
    "an error after a long way": """
        def f():
            i, total = -30000, 0
            try:
                while i != 1 - 30000:
                    total += 1 // i
                    i += 2
            except ZeroDivisionError:
                return 'end'
        """,
    "a length of its own": """
        def f():
            xs, i = [0], 0

            def len(_):
                xs.append(0)
                return xs.__len__()

            while i < len(xs) and xs.__len__() < 300:
                i -= 1
            return 'end'
        """,
    "a way longer than it is looked at": """
        def f():
            n = 0
            while n < 30000:
                n += 1
            return 'end'
        """,
}


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    apart = Apart()
    with apart.pool:
        yield apart


@pytest.mark.parametrize("why", ENDLESS)
def test_a_loop_that_never_ends_is_known(why: str, apart: Apart) -> None:
    run = apart.run(ENDLESS[why], after=60)
    assert run.endless


@pytest.mark.parametrize("after", [4, 7, 50, 131])
@pytest.mark.parametrize("why", ENDS)
def test_a_loop_that_ends_is_never_taken_for_another(why: str, after: int, apart: Apart) -> None:
    run = apart.run(ENDS[why], after=after)
    assert (run.endless, run.result) == (False, "end")


def test_of_programs_by_chance_none_is_misjudged_and_most_endless_ones_are_known(
    apart: Apart,
) -> None:
    known = endless = 0
    for seed in range(120):
        program = Invented(seed)
        if program.ends():
            for after in (5, 12):
                run = apart.run(program.code(counted=False), after=after)
                assert not run.endless, program.code(counted=False)
        else:
            endless += 1
            run = apart.run(program.code(counted=False), after=400)
            known += run.endless
    assert 50 < endless < 110
    assert known > 0.85 * endless  # not those that begin with a loop


def test_the_sandbox_says_so_and_goes_on_with_the_next_test() -> None:
    code = "def f(n):\n    while n > 3:\n        n = n // 1\n    return n\n"
    limits = Limits(cpu_seconds=60, wall_seconds=240, total_seconds=300)
    for policy in ("screen", "split", "confirm"):
        with opened(policy) as box:
            result = box.result(code, "assert f(5) == 3", "assert f(2) == 2", limits=limits)
        told = [(verdict.verdict, verdict.exception) for verdict in result.verdicts]
        never = (
            "it does not end in time: a loop comes back to a state that it had, moves away from its"
            " end, or has more turns left than there is time for"
        )
        assert told == [("timeout", never), ("pass", None)], policy


def test_a_long_solution_is_not_read_once_more_before_it_has_run_for_long() -> None:
    assert 1000 < endless.readable(0.005) < 10_000 < endless.readable(0.05) < 100_000
    assert endless.readable(1000) == 100_000


def test_who_asks_a_program_that_ends_does_not_disturb_it() -> None:
    code = (
        "def f(n):\n    total = 0\n    while n:\n        total += n\n        n -= 1\n"
        "    return total\n"
    )
    limits = Limits(cpu_seconds=60, wall_seconds=240, total_seconds=300)
    with opened() as box:
        result = box.result(code, "assert f(3_000_000) == 4500001500000", limits=limits)
    assert [verdict.verdict for verdict in result.verdicts] == ["pass"]
    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL  # behind the walls only
