"""Honest programs that look a little like attacks: each must pass, and be trusted fully."""

from tests.hostile.attack import PASS, Attack


def honest(reason: str, code: str, *tests: str, entry_point: str | None = None) -> Attack:
    """A program that must pass."""
    return Attack(reason, code, tests, (PASS,), entry_point=entry_point)


CONTROLS = [
    honest(
        "a sum", "def add(a, b): return a + b\n", "assert add(2, 3) == 5", "assert add(2, 3) != 6"
    ),
    honest(
        "an argument is changed in place",
        "def sort(items): items.sort()\ndef put(table): table['a'] = [1]\n",
        "x = [3, 1, 2]\nsort(x)\nassert x == [1, 2, 3]",
        "x = {}\nput(x)\nassert x == {'a': [1]}",
        "x = [2, 1]\ny = x\nassert sort(x) is None and y == [1, 2]",
    ),
    honest(
        "generators",
        "def count():\n    n = 0\n    while True:\n        yield n\n        n += 1\n"
        "def squares(n): return (i * i for i in range(n))\n",
        "assert list(squares(4)) == [0, 1, 4, 9]",
        "g = count()\nassert [next(g) for _ in range(3)] == [0, 1, 2]",
        "import itertools\nassert list(itertools.islice(count(), 2)) == [0, 1]",
        "assert sum(squares(3)) == 5",
    ),
    honest(
        "exceptions that are awaited",
        "class Mine(ValueError): pass\ndef f(n):\n    if n: raise Mine('n is %d' % n)\n"
        "    raise KeyError('k')\n",
        "try:\n    f(1)\nexcept ValueError as error:\n    said = str(error)\n"
        "assert said == 'n is 1'",
        "try:\n    f(2)\n    assert False\nexcept Mine:\n    pass\nassert True",
        "try:\n    f(0)\nexcept (KeyError, ValueError) as error:\n    kind = type(error).__name__\n"
        "assert kind == 'KeyError'",
    ),
    honest(
        "all kinds of data",
        "def same(x): return x\n",
        "assert same([1, 2.5, 'x', None, True, b'b', 1j]) == [1, 2.5, 'x', None, True, b'b', 1j]",
        "assert same({'a': (1, {2}), 3: frozenset({4})}) == {'a': (1, {2}), 3: frozenset({4})}",
        "assert same('\\ud800\\0') == '\\ud800\\0' and same(2**200) == 2**200",
        "assert same(float('inf')) == float('inf') and str(same(-0.0)) == '-0.0'",
        "assert type(same(True)) is bool and same(True) is True and same(None) is None",
        "x = same(float('nan'))\nassert x != x",
        "assert isinstance(same((1,)), tuple) and same(bytearray(b'x')) == bytearray(b'x')",
        "assert same(range(3)) == range(3) and list(same(range(3))) == [0, 1, 2]",
    ),
    honest(
        "classes of the library",
        "from collections import Counter, OrderedDict, defaultdict, deque\n"
        "from datetime import date, timedelta\nfrom decimal import Decimal\n"
        "from fractions import Fraction\ndef f(n):\n    d = defaultdict(list)\n"
        "    d['a'].append(1)\n"
        "    return [Counter('aab'), OrderedDict(a=1), d, deque([1, 2]), date(2020, 1, 1),\n"
        "        timedelta(1), Decimal('0.10'), Fraction(1, 3)][n]\n",
        "assert f(0) == {'a': 2, 'b': 1} and f(0).most_common(1) == [('a', 2)]",
        "assert f(1) == {'a': 1} and f(2) == {'a': [1]}",
        "assert f(0)['z'] == 0",
        "from collections import deque\nassert f(3) == deque([1, 2]) and list(f(3)) == [1, 2]",
        "import datetime\nassert f(4) == datetime.date(2020, 1, 1)",
        "assert f(5).days == 1 and f(4) + f(5) > f(4)",
        "from decimal import Decimal\nassert f(6) == Decimal('0.1') and str(f(6)) == '0.10'",
        "from fractions import Fraction\nassert f(7) == Fraction(1, 3) and f(7) * 3 == 1",
    ),
    honest(
        "a named tuple and an enum are what they hold",
        "from collections import namedtuple\nfrom enum import Enum, IntEnum\n"
        "P = namedtuple('P', 'x y')\nclass C(IntEnum):\n    RED = 1\nclass D(Enum):\n"
        "    UP = 'up'\n"
        "def p(): return P(1, 2)\ndef c(): return C.RED\n",
        "assert p() == (1, 2)",
        "assert c() == 1",
    ),
    honest(
        "functions of the test's are called",
        "def apply(f, xs): return [f(x) for x in xs]\ndef twice(f): return lambda x: f(f(x))\n",
        "assert apply(lambda x: x + 1, [1, 2]) == [2, 3]",
        "assert twice(lambda x: x * 3)(2) == 18",
        "assert apply(str, [1, 2]) == ['1', '2']",
    ),
    honest(
        "the name of a builtin is the name asked for",
        "def sum(xs):\n    total = 0\n    for x in xs: total += x\n    return total\n",
        "assert sum([1, 2, 3]) == 6",
        entry_point="sum",
    ),
    honest(
        "what is imported by the code serves the test",
        "import math\nfrom typing import List\ndef area(r): return math.pi * r * r\n",
        "assert math.isclose(area(1), math.pi)",
        "assert abs(area(2) - 4 * math.pi) < 1e-9",
    ),
    honest(
        "constants, caches and partial functions",
        "import functools\nLIMIT = 10\nTABLE = {'a': 1}\n@functools.lru_cache(None)\n"
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
        "add1 = functools.partial(int.__add__, 1)\nsquare = lambda x: x * x\n",
        "assert LIMIT == 10 and TABLE['a'] == 1",
        "assert fib(50) == 12586269025",
        "assert add1(2) == 3 and square(3) == 9",
    ),
    honest(
        "threads, files and time within what is allowed",
        "import os, tempfile, threading, time\ndef f():\n    got = []\n"
        "    threads = [threading.Thread(target=got.append, args=(n,)) for n in range(8)]\n"
        "    for t in threads: t.start()\n    for t in threads: t.join()\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        with open(os.path.join(folder, 'x'), 'w') as file: file.write('x' * 10**6)\n"
        "        size = os.path.getsize(os.path.join(folder, 'x'))\n    time.sleep(0.01)\n"
        "    return sorted(got), size\n",
        "assert f() == (list(range(8)), 10**6)",
    ),
    honest(
        "a pair of sockets and an event loop",
        "import asyncio, socket\ndef f():\n    a, b = socket.socketpair()\n    a.send(b'x')\n"
        "    return b.recv(1)\nasync def g(): return 5\ndef h(): return asyncio.run(g())\n",
        "assert f() == b'x'",
        "assert h() == 5",
    ),
]

OBJECTS = [
    honest(
        "a dictionary with a default, and a method of the test's list",
        "from collections import defaultdict\ndef f():\n    d = defaultdict(list)\n"
        "    d['a'].append(1)\n    return d\ndef apply(f, xs): return [f(x) for x in xs]\n",
        "assert f()['z'] == []",
        "seen = []\napply(seen.append, [1, 2])\nassert seen == [1, 2]",
    ),
    honest(
        "a class is used by way of its objects",
        "class Account:\n    def __init__(self, money): self.money = money\n"
        "    def pay(self, much):\n        if much > self.money: raise ValueError('too much')\n"
        "        self.money -= much\n        return self\n    def __repr__(self): return 'mine'\n"
        "    def __len__(self): return self.money\n",
        "a = Account(5)\na.pay(2)\nassert a.money == 3",
        "assert Account(5).pay(1).pay(1).money == 3 and len(Account(4)) == 4",
        "try:\n    Account(1).pay(2)\nexcept ValueError as error:\n    said = str(error)\n"
        "assert said == 'too much'",
        "assert isinstance(Account(1), Account) and repr(Account(1)) == 'mine'",
        "a = Account(1)\na.money = 9\nassert a.pay(1).money == 8",
    ),
    honest(
        "objects are compared and added by their own rules",
        "class V:\n    def __init__(self, x): self.x = x\n"
        "    def __eq__(self, o): return isinstance(o, V) and self.x == o.x\n"
        "    def __add__(self, o): return V(self.x + o.x)\n    __hash__ = None\n"
        "    def __lt__(self, o): return self.x < o.x\n",
        "assert V(1) + V(2) == V(3)",
        "assert V(1) != V(2)",
        "assert sorted([V(2), V(1)])[0].x == 1",
    ),
]
"""These pass too; their trust may be less, where the candidate's own `==` has decided."""
