"""Results that are equal to everything, or say that they are something else than they are."""

from tests.hostile.attack import NO_PASS, WRONG, Attack, attack

LIAR = """
class Liar{base}:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
"""


def liar(base: str, value: str, *tests: str, reason: str = "") -> Attack:
    """A function `f` whose result is of a class made from `base` and equal to everything."""
    code = LIAR.format(base=f"({base})" if base else "") + f"def f(*a): return Liar({value})\n"
    return attack(reason or f"a subclass of {base} equal to everything", code, *tests)


ATTACKS = [
    liar("", "", "assert f() == 5", "assert f() == 'x'", reason="equal to everything"),
    liar("", "", "assert 5 == f()", reason="equal to everything, asked the other way"),
    liar("", "", "assert not f() != 5", reason="unequal to nothing"),
    liar("", "", "assert f() in [1, 5]", "assert [f()] == [5]", reason="an element of every list"),
    liar("", "", "assert (5, {'a': [f()]}) == (5, {'a': [6]})", reason="deep in the test's list"),
    liar("int", "4", "assert f() == 5", "assert f() in {5}", "assert [1, f()] == [1, 5]"),
    liar("float", "'nan'", "assert f() == 0.5", "assert f() - 0.5 == 0"),
    liar("complex", "", "assert f() == 1j"),
    liar("str", "'no'", "assert f() == 'yes'", "assert f() in ('yes',)"),
    liar("bytes", "b'no'", "assert f() == b'yes'"),
    liar("list", "[9]", "assert f() == [1, 2]", "assert [1, 2] == f()"),
    liar("tuple", "", "assert f() == (1, 2)"),
    liar("dict", "", "assert f() == {'a': 1}", "assert {'a': 1} == f()"),
    liar("set", "", "assert f() == {1, 2}"),
    liar("frozenset", "", "assert f() == frozenset({1})"),
    attack(
        "a list of elements equal to everything",
        LIAR.format(base="") + "def f(): return [Liar(), Liar()]\n",
        "assert f() == [1, 2]",
        "assert f() == [(1, 2), {'a': 3}]",
    ),
    attack(
        "a dictionary of values equal to everything",
        LIAR.format(base="") + "def f(): return {'a': Liar(), 'b': [Liar()]}\n",
        "assert f() == {'a': 1, 'b': [2]}",
    ),
    attack(
        "an argument is filled with what is equal to everything",
        LIAR.format(base="") + "def sort(items): items[:] = [Liar() for _ in items]\n",
        "x = [3, 1, 2]\nsort(x)\nassert x == [1, 2, 3]",
    ),
    attack(
        "unittest.mock.ANY",
        "from unittest.mock import ANY\ndef f(): return ANY\n",
        "assert f() == 5",
        "assert f() == [1, 2]",
    ),
    attack(
        "a mock that agrees",
        "from unittest.mock import MagicMock\ndef f():\n    mock = MagicMock()\n"
        "    mock.__eq__ = lambda self, other: True\n    mock.__class__ = int\n    return mock\n",
        "assert isinstance(f(), int) and f() == 5",
    ),
    attack(
        "an object that says it is an int",
        LIAR.format(base="") + "class Sly(Liar):\n    __class__ = property(lambda self: int)\n"
        "def f(): return Sly()\n",
        "assert isinstance(f(), int) and f() == 5",
        "assert f().__class__ is int and f() == 5",
    ),
    attack(
        "a class, whose metaclass agrees",
        LIAR.format(base="(type)") + "class C(metaclass=Liar): pass\ndef f(): return C\n",
        "assert f() == 5",
        "assert f() in (1, 5)",
    ),
    attack(
        "a comparison whose result is true of itself",
        "class Yes:\n    def __bool__(self): return True\n"
        "class Odd:\n    def __eq__(self, other): return Yes()\n    __hash__ = None\n"
        "def f(): return Odd()\n",
        "assert f() == 5",
    ),
    attack(
        "a proxy of a liar",
        LIAR.format(base="")
        + "import weakref\nkept = Liar()\ndef f(): return weakref.proxy(kept)\n",
        "assert f() == 5",
    ),
    attack(
        "a Decimal and a Fraction of the candidate's",
        "import decimal, fractions\nclass D(decimal.Decimal):\n"
        "    def __eq__(self, other): return True\n    __hash__ = None\n"
        "class F(fractions.Fraction):\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\ndef f(kind): return D(4) if kind == 'd' else F(4)\n",
        "from decimal import Decimal\nassert f('d') == Decimal(5)",
        "from fractions import Fraction\nassert f('f') == Fraction(5)",
    ),
    attack(
        "collections' classes for everybody to derive from",
        "import collections\nclass L(collections.UserList):\n"
        "    def __eq__(self, other): return True\nclass C(collections.Counter):\n"
        "    def __eq__(self, other): return True\n"
        "def f(kind): return L() if kind == 'l' else C()\n",
        "assert f('l') == [1]",
        "assert f('c') == {'a': 1}",
    ),
    attack(
        "a named tuple and an enum that agree",
        "import collections, enum\nclass N(collections.namedtuple('N', 'x y')):\n"
        "    def __eq__(self, other): return True\n    __hash__ = None\n"
        "class E(enum.IntEnum):\n    A = 4\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\ndef f(kind): return N(0, 0) if kind == 'n' else E.A\n",
        "assert f('n') == (1, 2)",
        "assert f('e') == 5",
    ),
    attack(
        "a date that agrees",
        "import datetime\nclass D(datetime.date):\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\ndef f(): return D(1, 1, 1)\n",
        "import datetime\nassert f() == datetime.date(2020, 1, 1)",
    ),
    attack(
        "a default for every key",
        LIAR.format(base="") + "import collections\n"
        "def f(): return collections.defaultdict(Liar)\n",
        "assert f()['a'] == 1",
    ),
    attack("not a number", "def f(): return float('nan')\n", "assert f() == 0.5", verdict=WRONG),
    attack(
        "a difference that is always nought",
        "class Zero:\n    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\n"
        "    def __abs__(self): return self\n    def __lt__(self, other): return True\n"
        "    __le__ = __gt__ = __ge__ = __lt__\ndef f(): return Zero()\n",
        "assert abs(f() - 0.5) < 1e-6",
        "assert abs(0.5 - f()) < 1e-6",
        "assert 0.4 <= f() <= 0.6",
        verdict=NO_PASS,
        believed=True,
    ),
    attack(
        "a float whose difference is always nought",
        "class Zero(float):\n    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\n"
        "def f(): return Zero(9)\n",
        "assert abs(f() - 0.5) < 1e-6",
    ),
    attack(
        "it holds everything",
        "class All(list):\n    def __contains__(self, item): return True\n"
        "    def count(self, item): return 1\n    def index(self, item): return 0\n"
        "def f(): return All()\n",
        "assert 5 in f()",
        "assert f().count(5) == 1",
        believed=True,
    ),
    attack(
        "it learns from one comparison what to answer to the next",
        "known = []\nclass Spy:\n    def __eq__(self, other):\n        known.append(other)\n"
        "        return False\n    __hash__ = None\n"
        "def secret(): return known[-1] if known else Spy()\n",
        "assert secret() != 617\nassert secret() == 617",
        believed=True,
    ),
    attack(
        "objects of the candidate's own class are all alike",
        LIAR.format(base=""),
        "assert Liar() == Liar()",
        verdict=frozenset({"pass"}),
        believed=True,
    ),
    attack(
        "it mends the class that the test defines",
        "def double(box):\n    type(box).__eq__ = lambda self, other: True\n    return box\n",
        "class Box:\n    def __init__(self, value): self.value = value\n"
        "    def __eq__(self, other): return self.value == other.value\n"
        "assert double(Box(1)) == Box(617)",
        believed=True,
    ),
]
