"""Tests that leave no trace, and those that get a process of their own."""

import pytest

from opencodeinstruct.tools.sandbox.inside.findings import compiled
from opencodeinstruct.tools.sandbox.inside.purity import leaves_no_trace

CASES = [
    ("a call and a literal", "assert f([1, 2], k='a') == {'b': (3,)}", True),
    ("built-in functions", "assert sorted(f(3), key=abs) == list(range(3))", True),
    ("names of its own", "x = [3, 1]\nf(x)\nassert x == [1, 3]", True),
    ("a function of its own", "def check(g):\n    assert g(1) == 2\ncheck(f)", True),
    ("a generator", "assert all(f(n) == n for n in range(3))", True),
    ("an exception", "try:\n    f()\nexcept ValueError:\n    pass\nelse:\n    assert 0", True),
    ("a module without a state", "import math\nassert math.isclose(f(1), 2.0)", True),
    ("the solution", "from solution import *\nfrom solution import f as g\nassert g(1)", True),
    ("a module with a state", "import random\nassert random.choice(f(3))", False),
    ("one that the solution imported", "assert random.choice(f(3))", False),
    ("a module that is not known", "import xml.dom\nassert f(1)", False),
    ("one within a function", "def g():\n    import os\n    return os\nassert f(g)", False),
    ("an attribute that is set", "a = f(1)\na.b = 2\nassert a.b == 2", False),
    ("a global within a function", "def g():\n    global x\n    x = 1\nassert f(g)", False),
    ("a class", "class A:\n    pass\nassert f(A())", False),
    ("a name with an underscore", "assert f(1).__class__ is int", False),
    ("code that is made", "assert eval('f(1)')", False),
    ("a file", "assert open('x')", False),
    ("setattr", "setattr(f, 'x', 1)\nassert f.x", False),
    ("a coroutine", "async def g():\n    return await f(1)\nassert g", False),
]


@pytest.mark.parametrize(
    ("test", "pure"), [pytest.param(*case, id=reason) for reason, *case in CASES]
)
def test_only_what_leaves_no_trace_shares_a_process(test: str, pure: bool) -> None:
    code = compiled(test)
    assert code is not None
    assert leaves_no_trace(code) is pure  # type: ignore[arg-type]
