"""Two processes for a program: what tests may do with a solution that they only reach by wire."""

import sys
from collections.abc import Iterator

import pytest

from tests.programs import Open, opened

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Open]:
    with opened(policy="split") as box:
        yield box


STACK = """
class Stack:
    limit = 3
    def __init__(self, items=()): self.items = list(items)
    def push(self, item): self.items.append(item); return self
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __contains__(self, item): return item in self.items
    def __eq__(self, other): return isinstance(other, Stack) and self.items == other.items
    def __getitem__(self, place): return self.items[place]
    def __enter__(self): return self
    def __exit__(self, *_): self.items.clear()
class Empty(IndexError):
    pass
def make(*items): return Stack(items)
def fail(): raise Empty("nothing there")
"""
FUNCTIONS = """
import asyncio, collections, enum, math, random, re
from dataclasses import dataclass
from typing import NamedTuple
CONSTANT = [1, 2]
Point = collections.namedtuple("Point", "x y")
class Color(enum.Enum):
    RED = 1
class Named(NamedTuple):
    a: int
@dataclass
class Box:
    size: int
def same(x): return x
def sort(xs): xs.sort()
def sort_later(xs):
    xs.sort()
    yield from xs
def count():
    n = 0
    while True:
        yield n
        n += 1
def apply(f, *xs): return f(*xs)
def compose(f, g): return lambda x: f(g(x))
def swap(grid):
    grid[0][0], grid[1][1] = grid[1][1], grid[0][0]
    return grid
def fill(d, s, q): d["k"] = [1]; s.add(5); q.appendleft(0)
def point(): return Point(1, 2)
def color(): return Color.RED
def box(n): return Box(n)
class Holder:
    def __contains__(self, item): return True
    def __iter__(self): return iter((1, 2))
def make(*items): return Holder()
def kind(x): return type(x)
def shout(text): print(text)
def draw(): return random.random()
def keyed(a, *, b=1): return a + b
def divide(a, b): return a / b
def parse(text): return int(text)
async def later(x): return x + 1
def remember(x):
    CONSTANT.append(x)
    return CONSTANT
def words(text): return re.findall(r"\\w+", text)
class Keeper:
    def __init__(self, items): self.items = items
    def sort(self): self.items.sort()
"""
FUNCTION_CASES = [
    ("plain data comes back", "x = [1, 'a', (2.5, None), {'k': {3}}, b'b']\nassert same(x) == x"),
    ("nothing is lost of a big number", "assert same(10**400) == 10**400"),
    ("nor of a small float", "assert same(0.1 + 0.2) == 0.1 + 0.2"),
    ("nan stays nan", "x = same(float('nan'))\nassert x != x"),
    ("a lone surrogate", "assert same('\\ud800') == '\\ud800'"),
    (
        "types of the standard library",
        "from decimal import Decimal\nfrom fractions import Fraction\n"
        "from datetime import *\nx = [Decimal('1.50'), Fraction(1, 3), date(2020, 1, 2), "
        "datetime(2020, 1, 2, 3, tzinfo=timezone.utc), time(1, 2), timedelta(1, 2, 3)]\n"
        "assert same(x) == x and [type(y) for y in same(x)] == [type(y) for y in x]",
    ),
    (
        "containers of collections",
        "from collections import *\n"
        "x = [Counter('aab'), OrderedDict(a=1), deque([1, 2], 5)]\nassert same(x) == x",
    ),
    (
        "ranges, slices, dots",
        "assert same((range(3), slice(1, 2), ...)) == (range(3), slice(1, 2), ...)",
    ),
    ("a list that is sorted in place", "x = [3, 1, 2]\nassert sort(x) is None and x == [1, 2, 3]"),
    ("also when it is reached by another name", "x = [3, 1]\ny = x\nsort(x)\nassert y == [1, 3]"),
    ("also one that an iterator sorts", "x = [3, 1]\nassert list(sort_later(x)) == [1, 3] == x"),
    ("also one that an object keeps", "x = [3, 1]\nk = Keeper(x)\nk.sort()\nassert x == [1, 3]"),
    (
        "lists in a list keep who they are",
        "g = [[1, 2], [3, 4]]\nrow = g[0]\nswap(g)\nassert row == [4, 2]",
    ),
    ("an argument that is returned is itself", "g = [[1, 2], [3, 4]]\nassert swap(g) is g"),
    (
        "dicts, sets and deques in place",
        "from collections import deque\nd, s, q = {}, {1}, deque([1])\n"
        "fill(d, s, q)\nassert (d, s, list(q)) == ({'k': [1]}, {1, 5}, [0, 1])",
    ),
    (
        "an endless generator",
        "import itertools\nassert list(itertools.islice(count(), 5)) == [0, 1, 2, 3, 4]",
    ),
    ("a test's function is called back", "assert apply(lambda a, b: a * b, 3, 4) == 12"),
    (
        "a built-in function goes along",
        "assert apply(len, 'abc') == 3 and apply(str.upper, 'a') == 'A'",
    ),
    ("a function that is returned", "assert compose(lambda x: x + 1, lambda x: x * 2)(5) == 11"),
    ("a test's iterator", "assert list(same(iter([1, 2]))) == [1, 2]"),
    (
        "a named tuple",
        "assert point() == (1, 2) and point().x == 1 and point()._fields == ('x', 'y')",
    ),
    ("a member of an enumeration", "assert color() is Color.RED and color() == Color.RED"),
    ("a class of the standard library", "assert kind(3) is int and kind('a') == str"),
    (
        "what is printed",
        "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    shout('hi')\nassert out.getvalue() == 'hi\\n'",
    ),
    (
        "a seed that the test sets",
        "import random\nrandom.seed(7)\na = draw()\nrandom.seed(7)\nassert a == draw()",
    ),
    ("keywords", "assert keyed(1, b=4) == 5"),
    (
        "an exception",
        "try:\n    divide(1, 0)\n    assert False\nexcept ZeroDivisionError as e:\n"
        "    assert str(e) == 'division by zero'",
    ),
    (
        "its arguments",
        "try:\n    parse('x')\nexcept ValueError as e:\n    assert 'invalid literal' in e.args[0]",
    ),
    ("a coroutine", "import asyncio\nassert asyncio.run(later(1)) == 2"),
    ("the module, imported", "import solution\nassert solution.same(1) == 1"),
    ("all of it, imported", "from solution import *\nassert same(1) == 1"),
    ("a name of it, imported", "from solution import same as f\nassert f(2) == 2"),
    ("what the solution imported", "assert math.floor(2.5) == 2 and re.sub('a', 'b', 'a') == 'b'"),
    ("a constant that changes", "remember(9)\nassert CONSTANT == [1, 2, 9] or 9 in remember(8)"),
    (
        "a test's own helpers",
        "def twice(f, x): return f(f(x))\nassert twice(lambda x: same(x) + 1, 1) == 3",
    ),
    (
        "a type hint with the solution's class",
        "from typing import Optional\n"
        "def f(x: Optional[Box]) -> int: return x.size\nassert f(box(3)) == 3",
    ),
]
CLASS_CASES = [
    (
        "methods and attributes",
        "s = Stack()\ns.push(1).push(2)\nassert s.pop() == 2 and s.items == [1]",
        "split",
    ),
    (
        "len, iteration, item",
        "s = make(1, 2)\nassert len(s) == 2 and list(s) == [1, 2] and s[0] == 1",
        "split",
    ),
    ("an attribute is set", "s = Stack()\ns.items = [5]\nassert s.pop() == 5", "split"),
    ("a class attribute", "assert Stack.limit == 3", "split"),
    ("the class's name", "assert type(make()).__name__ == 'Stack'", "split"),
    ("truth", "assert make(1) and not make()", "split"),
    (
        "a context manager",
        "with make(1) as s:\n    assert len(s) == 1\nassert len(s) == 0",
        "split",
    ),
    (
        "the solution's own exception",
        "try:\n    fail()\n    assert False\nexcept Empty as e:\n"
        "    assert str(e) == 'nothing there' and isinstance(e, IndexError)",
        "split",
    ),
    ("two of its objects compared", "assert make(1) == Stack([1])", "object_eq"),
    ("isinstance", "assert isinstance(make(), Stack)", "object_eq"),
    ("membership", "assert 2 in Stack([1, 2])", "object_eq"),
    ("membership, of a class that the test does not name", "assert 2 in make(1, 2)", "split"),
]
SHARED_CASES = [
    ("an object of the test's own class", "class Own:\n    size = 3\nassert same(Own()).size == 3"),
    (
        "a class derived from the solution's",
        "class Own(Keeper):\n    pass\nassert Own([1]).items == [1]",
    ),
    (
        "something that the test patches",
        "import builtins\nbuiltins.input = lambda: 'x'\nassert same(1) == 1",
    ),
    (
        "the solution's name set anew",
        "import solution\nsolution.CONSTANT = 5\nassert solution.CONSTANT == 5",
    ),
]


@pytest.mark.parametrize("test", [pytest.param(test, id=reason) for reason, test in FUNCTION_CASES])
def test_functions_can_be_tested_from_another_process(sandbox: Open, test: str) -> None:
    verdict = sandbox.result(FUNCTIONS, test).verdicts[0]
    assert (verdict.verdict, verdict.exception) == ("pass", None)
    assert verdict.trust == "split"


@pytest.mark.parametrize(
    ("test", "trust"), [pytest.param(*case, id=reason) for reason, *case in CLASS_CASES]
)
def test_classes_can_be_tested_through_handles(sandbox: Open, test: str, trust: str) -> None:
    verdict = sandbox.result(STACK, test).verdicts[0]
    assert (verdict.verdict, verdict.exception, verdict.trust) == ("pass", None, trust)


@pytest.mark.parametrize("test", [pytest.param(test, id=why) for why, test in SHARED_CASES])
def test_what_needs_one_process_is_run_in_one_and_says_so(sandbox: Open, test: str) -> None:
    verdict = sandbox.result(FUNCTIONS, test).verdicts[0]
    assert (verdict.verdict, verdict.exception, verdict.trust) == ("pass", None, "shared")


WRONG_CASES = [
    ("a wrong value", "assert same(1) == 2", "fail"),
    ("a wrong change in place", "x = [2, 1]\nsort(x)\nassert x == [2, 1]", "fail"),
    ("an object where data is expected", "assert box(3) == 3", "fail"),
    ("an exception of the solution's", "assert divide(1, 0) == 1", "error"),
    ("an exception of the test's", "assert 1 / 0", "error"),
    ("a name that nobody has", "assert nobody(1)", "error"),
    ("a name that is not to be imported", "from solution import nobody\nassert nobody", "error"),
    ("an argument too many", "assert same(1, 2) == 1", "error"),
    ("what is not in an object", "class_ = make\nassert 3 in class_(1, 2)", "fail"),
    ("nothing is asserted", "same(1)", "refused"),
    (
        "an exception that is expected in vain",
        "try:\n    same(1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
        "fail",
    ),
]


@pytest.mark.parametrize(
    ("test", "verdict"), [pytest.param(*case, id=reason) for reason, *case in WRONG_CASES]
)
def test_what_is_wrong_stays_wrong_across_processes(sandbox: Open, test: str, verdict: str) -> None:
    assert sandbox.verdicts(FUNCTIONS, test) == [verdict]


def test_an_exception_s_line_is_that_of_the_solution(sandbox: Open) -> None:
    code = "def f(x):\n    y = x\n    return {}[y]\n"
    verdict = sandbox.result(code, "assert f('k')").verdicts[0]
    found = (verdict.verdict, verdict.exception, verdict.line, verdict.place)
    assert found == ("error", "KeyError: 'k'", 3, "solution")


def test_names_of_the_solution_do_not_hide_built_in_ones_but_for_the_entry_point(
    sandbox: Open,
) -> None:
    code = "def len(x): return 7\ndef sorted(x): return [7]\ndef f(x): return x"
    assert sandbox.verdicts(code, "assert len(f([1])) == 7") == ["fail"]
    assert sandbox.verdicts(code, "assert sorted([2]) == [7]", entry_point="sorted") == ["pass"]


def test_a_built_in_name_that_is_all_a_test_uses_is_what_it_is_about(sandbox: Open) -> None:
    code = "def sum(a, b): return a * b\ndef f(x): return x"
    tests = ("assert sum(2, 5) == 10", "assert sum([f(2), 5]) == 7", "assert sum(1, 1) == 1")
    assert sandbox.verdicts(code, *tests) == ["pass"] * 3


def test_a_name_of_the_library_that_the_solution_gives_to_its_own_is_noted(sandbox: Open) -> None:
    code = "def isclose(a, b): return True\ndef helper(a): return a\ndef f(x): return x"
    tests = ("assert isclose(f(1), 2)", "assert helper(f(1)) == 1")
    result = sandbox.result(code, *tests, entry_point="f")
    assert [verdict.trust for verdict in result.verdicts] == ["object_eq", "split"]


def test_tests_share_their_own_names_as_in_one_file(sandbox: Open) -> None:
    tests = (
        "x = f(1)\nassert x == 1",
        "assert x == 1",
        "from math import pi\nassert pi",
        "assert pi",
    )
    assert sandbox.verdicts("def f(x): return x", *tests) == ["pass"] * 4


def test_tests_of_one_program_see_nothing_of_those_before(sandbox: Open) -> None:
    code = "def f(x): return x"
    assert sandbox.verdicts(code, "kept = f(1)\nassert kept == 1", "def g(): pass\nassert f") == [
        "pass",
        "pass",
    ]
    result = sandbox.result(code, "assert kept == 1", "assert g is None")
    assert [verdict.exception for verdict in result.verdicts] == [
        "NameError: name 'kept' is not defined",
        "NameError: name 'g' is not defined",
    ]


def test_a_test_that_hangs_costs_no_other_its_verdict(sandbox: Open) -> None:
    tests = ["assert f(1) == 1"] * 5
    tests[1], tests[3] = "while True:\n    assert f(1)", "assert f(2) == 1"
    verdicts = sandbox.verdicts("def f(x): return x", *tests)
    assert verdicts == ["pass", "timeout", "pass", "fail", "pass"]


def test_functions_are_of_one_class_and_objects_that_are_called_so_of_another(
    sandbox: Open,
) -> None:
    code = (
        "def f(): return 1\ndef g(): return 2\nclass function:\n    def __call__(self): return 3\n"
    )
    test = "assert type(f) is type(g) is not type(h) and (f(), g(), h()) == (1, 2, 3)"
    result = sandbox.result(code + "h = function()", test, test)
    assert [one.verdict for one in result.verdicts] == ["pass", "pass"]
