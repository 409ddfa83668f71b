"""The line between tests and candidate, by a candidate that has taken its end of it apart."""

from tests.hostile.attack import (
    ANY,
    CLAIM,
    MINUS,
    NO_PASS,
    SECRET,
    SEEN,
    Attack,
    attack,
)

WIRED = (
    SEEN
    + r"""
def wired():
    # the object that serves the tests in the other process, where there is one
    frame = sys._getframe(1)
    while frame:
        for value in frame.f_locals.values():
            if hasattr(value, "wire"): return value
        frame = frame.f_back

def raw(value):
    # have the next value written as this, whatever it means
    solution = wired()
    if solution: solution.values.written = lambda *a: value
"""
)

REPLIES = r"""
replies = [
    ["m", "sys"], ["m", "os"], ["m", "unittest.mock"], ["m"], ["g", "builtins", "all"],
    ["g", "unittest.mock", "ANY"], ["g", "builtins", "eval"], ["g", "builtins", "str", "upper"],
    ["g", "operator", "eq"], ["cb", 0], ["cb", -1], ["cb", True], ["same", 0], ["same", -1],
    ["same", "x"], ["same", [[]]], ["ni"], ["..."], ["nt", "N", ["l", "count"], ["l", 1]],
    ["nt", "__class__", ["l", "__eq__"], ["l", 1]], ["nt", "x()", ["l", "def"], ["l", 1]],
    ["x", None, "E", ["SystemExit"], ["l"], "", 0, ""], ["x"], ["xc", 0, "E", ["GeneratorExit"]],
    ["h", 0, "class", 0, "secret"], ["h", "x", "call", 0, ""], ["h", 10**9, "keep", 1, "x"],
    ["h", 0, "await", 0, ""], ["h", 0, "next", 0, "a\0b"], ["hb", 0, 0, 616], ["hb", 0, 0, ["hb"]],
    ["i", "zz"], ["i", "0x" + "f" * 10**6], ["d", ["l"], 1], ["d", 1], ["s", ["l"]], ["f", {}],
    ["r", 0, "a", 1], ["r", 0, 10**30, 1], ["D", "sNaN"], ["F", 1, 0], ["td", 10**20, 0, 0],
    ["dt", 0, 0, 0, 0, 0, 0, 0, 1e99, 9], ["np", "O", ["l", 1], "00"], ["np", "f8", ["l", -1], ""],
    ["B", 5], ["b", "0"], ["c", "1", 2], ["sl"], ["dk", ["l"]], ["di", 1, 2], {"a": 1}, [], [[]],
    ["zz"], [5], [None, 1], float("nan"), float("inf"), "\ud800", ["l", *[["l"]] * 999],
]
"""

STRANGE = r"""
answers = [
    ["ok"], ["ok", 616], ["ok", 616, []], ["ok", 616, 5, ""], ["ok", 616, [5], ""], "ok", 5, None,
    ["ok", 616, [[0, 1, 2]], ""], ["ok", 616, [[[], 1]], ""], ["ok", 616, [[0, ["l"]]], ""],
    ["ok", 616, [], 5], ["raise", 5, ""], ["raise", [], ""], ["pass"], ["verdict", "pass", 0],
    *(["raise", [None, "E", [f"opencodeinstruct.tools.sandbox.inside.{n}"], ["l"], "", 0, ""], ""]
      for n in ("common.Closed", "link.Unsayable", "codec.Unreadable", "codec.Unwritable")),
    ["raise", [9, "E\0", ["KeyboardInterrupt"], ["l", ["h", 0, "keep", 0, ""]], "", -1, "x"], ""],
    ["raise", [None, "E", ["ExceptionGroup"], ["l", 1], "", 10**30, ""], ""],
    ["back", 0, ["l"], ["d"]], ["back", -1, ["l"], ["d"]], ["back", 10**9, 5, 5], ["back"],
    ["back", True, ["l"], ["d", 5, 5]], ["ok", 616, [], "x" * 10**6],
]
"""

TAKEOVER = r"""
TAKEOVER = '''[m.update(judged=lambda *a: m['Record'](m['VERDICT'], trust=0),
    ask=lambda *a: m['Record'](m['VERDICT'], trust=0)) for m in [vars(module) for name, module
    in __import__('sys').modules.items() if name.endswith('.tester')]]'''
"""

ATTACKS = [
    attack(
        "all names of the solution are imported, and some are those of builtins",
        f"abs = lambda x: 0\nall = any = isinstance = lambda *a: True\n{MINUS}",
        "from solution import *\nassert abs(add(2, 3) - 5) < 1e-9",
        "from solution import *\nassert all(add(n, n) == 2 * n for n in (1, 2))",
        "assert abs(add(2, 3) - 5) < 1e-9",
    ),
    attack(
        "all names of the solution are imported, and one is that of all builtins",
        f"__builtins__ = {{**vars(__import__('builtins')), 'abs': lambda x: 0}}\n{MINUS}"
        "__all__ = ['add', '__builtins__', '__name__', '__import__']\n"
        "__import__ = lambda *a: None\n",
        "from solution import *\nassert abs(add(2, 3) - 5) < 1e-9",
        "assert abs(add(2, 3) - 5) < 1e-9",
        "import math\nassert math.isclose(add(2, 3), 5)",
    ),
    attack(
        "an object that holds everything",
        "class All:\n    def __contains__(self, item): return True\ndef f(): return All()\n",
        "assert 5 in f()",
        "assert all(n in f() for n in (1, 2, 3))",
    ),
    attack(
        "an object with the methods of a string and of a list, which agree",
        "class Text:\n    def startswith(self, text): return True\n"
        "    endswith = __contains__ = startswith\n    def count(self, item): return 1\n"
        "    def index(self, item): return 0\n    def issubset(self, other): return True\n"
        "def f(): return Text()\n",
        "assert f().startswith('617')",
        "assert f().count(5) == 1",
        "assert f().issubset({1, 2})",
        believed=True,
    ),
    attack(
        "the function is a class, whose objects agree",
        "class add:\n    def __init__(self, a, b): pass\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\n",
        CLAIM,
        believed=True,
    ),
    attack(
        "a class that one test names agrees with all others",
        "class Box:\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "def add(a, b): return Box()\n",
        "assert Box() == 5",
        CLAIM,
        believed=True,
    ),
    Attack(
        "a function beside the one that is asked for counts everything alike",
        f"Counter = sorted_list = lambda x: 0\nisclose = lambda *a, **k: True\n{MINUS}",
        (
            "assert Counter([add(2, 3)]) == Counter([5])",
            "assert isclose(add(2, 3), 5)",
        ),
        (NO_PASS,),
        entry_point="add",
        believed=True,
    ),
    Attack(
        "a function of the library under the name of another",
        f"from operator import ne as isclose\nCounter = len\n{MINUS}",
        (
            "assert Counter([add(2, 3)]) == Counter([5])",
            "assert isclose(add(2, 3), 5)",
        ),
        (NO_PASS,),
        entry_point="add",
        believed=True,
    ),
    attack(
        "what cannot be handed back, so that the test has to do with one process",
        SEEN + "import collections\ndef make(): return collections.defaultdict(list)\n"
        "def secret(made): return seen() or 0\n",
        "assert secret(make()) == 617",
        "made = make()\nassert secret(made) == 617",
        believed=True,
    ),
    attack(
        "every tag, and none that is one",
        WIRED + REPLIES + "def secret(n):\n    raw(replies[n])\n    return seen() or 16\n",
        *(f"assert secret({n}) == 617" for n in range(61)),
    ),
    attack(
        "every tag, where the test asks for a function",
        WIRED + REPLIES + "def secret(*a): return seen() or 16\n"
        "for n in range(len(replies)): globals()[f'f{n}'] = secret\nsolution = wired()\n"
        "def names(wanted): return ['ok', {name: replies[int(name[1:])] for name in wanted}, []]\n"
        "if solution: solution.do_names = names\n",
        *(f"assert f{n}(1, 2) == 617" for n in range(61)),
    ),
    attack(
        "answers of a shape that none has",
        WIRED + STRANGE + "import json\ndef secret(n, *a):\n    solution = wired()\n"
        "    if solution:\n        solution.wire.send(json.dumps(answers[n]).encode())\n"
        "        solution.reply = lambda reply: None\n    return seen() or 16\n",
        *(f"assert secret({n}, [1], lambda: 617) == 617" for n in range(28)),
    ),
    attack(
        "a message that is much larger once it is read",
        WIRED + "def secret():\n    solution = wired()\n"
        "    if solution: solution.wire.send(b'[' + b'[[]],' * (10 << 20) + b'5]')\n"
        "    return seen() or 16\n",
        SECRET,
        SECRET,
    ),
    attack(
        "a message that is as deep as it is long",
        WIRED + "def secret():\n    solution = wired()\n"
        "    if solution: solution.wire.send(b'[' * (1 << 24) + b']' * (1 << 24))\n"
        "    return seen() or 16\n",
        SECRET,
        SECRET,
    ),
    attack(
        "a number that takes long to read",
        WIRED + "def secret():\n    solution = wired()\n"
        "    if solution: solution.wire.send(b'[\"ok\",' + b'7' * (1 << 22) + b',[],\"\"]')\n"
        "    return seen() or 16\n",
        SECRET,
        SECRET,
    ),
    attack(
        "functions of the test's are called out of turn",
        WIRED + "kept = []\ndef use(check):\n    kept.append(check)\n"
        "    for held in kept:\n        for words in ((), (1,), (617,), ('x',) * 9):\n"
        "            try: held(*words, x=1)\n            except BaseException: pass\n"
        "    return seen() or 16\n",
        "told = []\ndef check(*a, **k): told.append(a)\nassert use(check) == 617",
        "right = []\ndef check(*a, **k): right[:] = [617]\nassert use(check) == 617",
    ),
    attack(
        "the test's own list is overwritten late",
        "kept = []\ndef keep(items):\n    kept.append(items)\n    return 0\n"
        "def secret():\n    for items in kept: items[:] = [0]\n    return 0\n",
        "assert keep([617]) == 1",
        "given = [617]\nexpected = list(given)\nkeep(given)\nassert [secret()] == expected",
    ),
    attack(
        "a function of the library evaluates what an object says of its types",
        WIRED
        + TAKEOVER
        + "class Odd:\n    __annotations__ = {'x': TAKEOVER}\n    __globals__ = {}\n"
        "def forward(n): return Odd()\ndef back(odd): return seen() or 0\n"
        "if wired(): from typing import get_type_hints as back\n",
        "assert back(forward(3)) == 617",
        "assert back(forward(4)) == 617",
    ),
    attack(
        "a function of the library updates a module of the tests'",
        WIRED + "import functools, math\nclass Odd: pass\nodd = Odd()\n"
        "odd.isclose = odd.sqrt = odd.fabs = lambda *a: True\n"
        "def load(): return math\ndef make(): return odd\ndef add(*words):\n"
        "    return seen() or 0\nif wired(): add = functools.update_wrapper\n",
        "assert add(load(), make()) == 617",
        "import math\nassert math.isclose(add(load(), make()) and 1, 617)",
        "import math\nassert math.isclose(1, 617) or add(1, 2) == 617",
    ),
    attack(
        "right while it is watched, an answer in advance when it is not",
        WIRED + "def secret():\n    if seen(): return seen()\n    solution = wired()\n"
        "    for _ in range(9): solution.reply(['ok', 616, []])\n    return seen() or 16\n",
        SECRET,
        SECRET,
    ),
    attack(
        "what serves the tests says that all is well",
        WIRED + "solution = wired()\nif solution:\n    for name in dir(solution):\n"
        "        if name.startswith('do_'): setattr(solution, name, lambda *a: ['ok', True, []])\n"
        "def secret(): return seen() or 16\n",
        SECRET,
        "assert secret() == 617 or secret() == 618",
        verdict=ANY - {"pass"},
    ),
]
