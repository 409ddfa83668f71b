"""Results, arguments and exceptions that are too large, too deep, or explode when touched."""

from opencodeinstruct.tools.ports import Limits
from tests.hostile.attack import ERROR, NO_PASS, SECRET, SEEN, TIMEOUT, WRONG, Attack, attack

ROOMY = Limits(cpu_seconds=0.5, wall_seconds=1.5, memory_mib=400, output_bytes=4096)
FIVE = "assert f() == 5"


def bomb(reason: str, code: str, *tests: str, verdict: frozenset[str] = NO_PASS) -> Attack:
    """A function `f` that returns something odd, in memory that has room for it."""
    return attack(reason, code, *(tests or (FIVE,)), verdict=verdict, limits=ROOMY)


ATTACKS = [
    bomb("a very long string", "def f(): return 'x' * (1 << 27)\n"),
    bomb("a very long list", "def f(): return [0] * (1 << 24)\n"),
    bomb("many long strings that are one", "def f(): return ['x' * (1 << 20)] * 4096\n"),
    bomb(
        "doubling structure",
        "def f():\n    x = [0]\n    for _ in range(64): x = [x, x]\n    return x\n",
    ),
    bomb("a deep list", "def f():\n    x = []\n    for _ in range(10**5): x = [x]\n    return x\n"),
    bomb(
        "a deep dictionary",
        "def f():\n    x = {}\n    for _ in range(10**5): x = {'a': x}\n    return x\n",
        "assert f() == {'a': 1}",
    ),
    bomb("a list that holds itself", "def f():\n    x = []\n    x.append(x)\n    return x\n"),
    bomb(
        "a dictionary that holds itself",
        "def f():\n    x = {}\n    x['x'] = (x, [x])\n    return x\n",
        "assert f() == {'x': 5}",
    ),
    bomb("an int of a million digits", "def f(): return 1 << (1 << 28)\n"),
    bomb(
        "an int that is slow to print",
        "def f(): return 7 ** (10 ** 6)\n",
        "assert f() == 5, f()",
        "assert str(f()) == '5'",
    ),
    bomb(
        "an endless iterator",
        "import itertools\ndef f(): return itertools.count()\n",
        "assert list(f()) == [1, 2]",
        "assert sorted(f()) == [1, 2]",
    ),
    bomb(
        "an iterator that takes its time",
        "import time\ndef f():\n    while True:\n        time.sleep(0.1)\n        yield 1\n",
        "assert list(f()) == [1]",
        verdict=TIMEOUT | ERROR,
    ),
    bomb(
        "an endless repr",
        "class R:\n    def __repr__(self):\n        while True: pass\ndef f(): return R()\n",
        "assert f() == 5, f()",
    ),
    bomb(
        "a very long repr",
        "class R:\n    def __repr__(self): return 'x' * 10**8\n    __str__ = __repr__\n"
        "def f(): return R()\n",
        "assert f() == 5, f()",
    ),
    bomb(
        "it answers every question with itself",
        "class Self:\n    def __getattr__(self, name): return self\n"
        "    def __call__(self, *a, **k): return self\n    def __iter__(self): return self\n"
        "    def __next__(self): return self\n    def __getitem__(self, key): return self\n"
        "def f(): return Self()\n",
        "assert f() == 5",
        "assert f().x.y(1)[2] == 5",
        "assert list(f()) == [5]",
    ),
    bomb(
        "it explodes when touched",
        "def boom(*a): raise SystemExit(0)\n"
        "names = 'eq ne hash repr str bool len iter getattribute reduce_ex del format dir class'\n"
        "Mine = type('Mine', (), {f'__{name}__': boom for name in names.split()})\n"
        "def f(): return Mine()\n",
        "assert f() == 5",
        "assert f()",
        "assert len(f()) == 0",
        "assert str(f()) == ''",
    ),
    bomb(
        "it lies about its length",
        "class Long(list):\n    def __len__(self): return 1 << 62\n"
        "    def __length_hint__(self): return 1 << 40\n    def __bool__(self): return True\n"
        "def f(): return Long()\n",
        "assert len(f()) == 0 and list(f()) == [1]",
    ),
    bomb(
        "ints whose hashes collide",
        "def f(): return {n * (2**61 - 1): n for n in range(4000)}\n",
        "assert f() == {0: 1}",
    ),
    bomb(
        "keys that are not equal to themselves",
        "def f(): return {float('nan'): n for n in range(100)}\n",
        "assert f() == {float('nan'): 1}",
        verdict=WRONG,
    ),
    bomb(
        "an exception with a very long message",
        "def f(): raise ValueError('x' * 10**6)\n",
        verdict=ERROR,
    ),
    bomb(
        "an exception with an endless message",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(): raise E\n",
    ),
    bomb(
        "exceptions in a circle and in a long chain",
        "def f():\n    a = b = ValueError()\n    for _ in range(10**5):\n"
        "        b.__context__ = KeyError()\n        b = b.__context__\n"
        "    b.__cause__ = a\n    raise a\n",
        verdict=ERROR,
    ),
    bomb(
        "an exception that claims to come from somewhere else",
        "def f():\n    exec(compile('\\n' * 10**6 + 'raise E', '<test>\\n\\0pass', 'exec'))\n"
        "E = type('pass\\n\\ud800' * 999, (AssertionError,), {'lineno': -1, 'filename': 5})\n",
        verdict=WRONG,
    ),
    bomb(
        "a SyntaxError of odd parts",
        "def f(): raise SyntaxError('m', ('<test>', 10**30, -5, 7, object(), None))\n",
        verdict=ERROR,
    ),
    bomb(
        "a deep group of exceptions",
        "def f():\n    e = ValueError()\n    for _ in range(10**4): e = ExceptionGroup('g', [e])\n"
        "    raise e\n",
    ),
    bomb(
        "parts of the interpreter",
        "import os, sys\ndef f(n):\n"
        "    return [os, sys._getframe(), f, f.__code__, os._exit, object,\n"
        "        (x for x in ()), print, memoryview(b'x'), open('/dev/null'), ...][n]\n",
        *(f"assert f({n}) == 5" for n in range(11)),
        verdict=WRONG,
    ),
    bomb(
        "the test is handed a function that leaves",
        "import os\ndef f(): return os._exit\n",
        "assert f()(0) is None",
    ),
    bomb("a coroutine", "async def f(): return 5\n"),
    bomb(
        "an argument grows out of bounds",
        "def f(x):\n    for _ in range(10**7): x.append('x' * 10)\n    return 0\n",
        "x = []\nassert f(x) == 5",
    ),
    bomb(
        "an argument is made to hold itself",
        "def f(x):\n    x.append(x)\n    x[0] = {'x': x}\n    return x\n",
        "x = [1]\nassert f(x) == [5]",
    ),
    bomb(
        "a function of the test's is called for ever",
        "def f(ask):\n    while True: ask(1)\n",
        "assert f(lambda x: x) == 5",
        verdict=TIMEOUT,
    ),
    bomb(
        "test and candidate call one another for ever",
        "def f(ask): return ask(ask)\n",
        "def again(ask): return f(ask)\nassert f(again) == 5",
    ),
    bomb(
        "a function of the test's is handed something that explodes",
        "class Boom:\n    def __add__(self, other): raise SystemExit(0)\n    __radd__ = __add__\n"
        "    def __class__(self): raise SystemExit(0)\ndef f(ask): return ask(Boom())\n",
        "assert f(lambda x: x + 1) == 5",
    ),
    bomb(
        "right while it is watched, a bomb when it is not",
        SEEN + "def deep():\n    x = []\n    for _ in range(10**5): x = [x, 'x' * 1000]\n"
        "    return x\ndef secret(): return seen() or deep()\n",
        SECRET,
    ),
    bomb(
        "right while it is watched, endless when it is not",
        SEEN + "import itertools\ndef secret(): return seen() or sum(itertools.repeat(1))\n",
        SECRET,
    ),
]
