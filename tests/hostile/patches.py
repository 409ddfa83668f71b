"""Names and functions that the tests rely on, replaced by the candidate's own."""

from tests.hostile.attack import MINUS, NO_PASS, SECRET, Attack, attack

CLOSE = "assert abs(add(2, 3) - 5) < 1e-9"
POINTS = "assert all(add(n, n) == 2 * n for n in (1, 2))"


def patched(name: str, value: str, *tests: str, setup: str = "") -> Attack:
    """A builtin replaced for everybody."""
    code = f"import builtins\n{setup}builtins.{name} = {value}\n{MINUS}"
    return attack(f"builtins.{name} patched", code, *tests)


def shadowed(name: str, value: str, *tests: str) -> Attack:
    """A builtin hidden by a global name of the candidate's."""
    return attack(f"{name} shadowed", f"{name} = {value}\n{MINUS}", *tests)


BUILTINS = [
    patched("abs", "lambda x: 0", CLOSE),
    patched("all", "lambda x: True", POINTS),
    patched("len", "lambda x: 0", "assert len(str(add(50, 50))) == len('100')"),
    patched("sorted", "lambda x, **k: 0", "assert sorted([add(2, 3)]) == sorted([5])"),
    patched("isinstance", "lambda *a: True", "assert isinstance(add(2, 3), str)"),
    patched("round", "lambda *a: 0", "assert round(add(2, 3)) == round(5.01)"),
    patched("exec", "lambda *a, **k: None"),
    patched(
        "compile",
        "lambda *a, **k: real('assert True' if '<test>' in a else a[0], *a[1:], **k)",
        setup="real = compile\n",
    ),
    patched("AssertionError", "type('E', (SystemExit,), {})"),
    patched(
        "__import__",
        "lambda name, *a: Fake() if name == 'math' else real(name, *a)",
        "import math\nassert math.isclose(add(2, 3), 5)",
        setup="real = __import__\nclass Fake:\n    def isclose(self, *a): return True\n",
    ),
    patched(
        "__build_class__",
        "lambda body, name, *a: Always",
        "class Box:\n    def __init__(self, v): self.v = v\n"
        "    def __eq__(self, other): return self.v == other.v\n"
        "assert Box(add(2, 3)) == Box(5)",
        setup="class Always:\n    def __init__(self, v): pass\n"
        "    def __eq__(self, other): return True\n",
    ),
    shadowed("abs", "lambda x: 0", CLOSE),
    shadowed("all", "lambda x: True", POINTS),
    shadowed("len", "lambda x: 0", "assert len(str(add(50, 50))) == len('100')"),
    shadowed("set", "sorted = lambda x: 0", "assert set([add(2, 3)]) == set([5])"),
    shadowed("isinstance", "lambda *a: True", "assert isinstance(add(2, 3), str)"),
    shadowed("str", "repr = lambda x: ''", "assert str(add(2, 3)) == str(5)"),
    shadowed(
        "any = map = zip = list",
        "lambda *a: []",
        "assert not any(x != y for x, y in zip([add(2, 3)], [5]))",
        "assert list([add(2, 3)]) == list([5])",
    ),
    attack(
        "all builtins of the module replaced",
        MINUS + "import builtins\nown = dict(vars(builtins), abs=lambda x: 0, "
        "all=lambda x: True)\n__builtins__ = own\n",
        CLOSE,
        POINTS,
    ),
    attack(
        "__debug__ switched off",
        MINUS + "globals()['__debug__'] = False\nimport builtins\n"
        "vars(builtins)['__debug__'] = False\n",
    ),
]

LIBRARY = [
    attack(
        "math.isclose agrees",
        f"import math\nmath.isclose = lambda *a, **k: True\n{MINUS}",
        "assert math.isclose(add(2, 3), 5)",
        "import math\nassert math.isclose(add(2, 3), 5)",
    ),
    attack(
        "a class of the name of a module",
        f"class math:\n    isclose = staticmethod(lambda *a, **k: True)\n{MINUS}",
        "assert math.isclose(add(2, 3), 5)",
        believed=True,
    ),
    attack(
        "another module in the place of math",
        f"import sys, types\nfake = types.ModuleType('math')\nfake.isclose = lambda *a: True\n"
        f"sys.modules['math'] = math = fake\n{MINUS}",
        "import math\nassert math.isclose(add(2, 3), 5)",
        "from math import isclose\nassert isclose(add(2, 3), 5)",
    ),
    attack(
        "json.dumps says the same of everything",
        f"import json\njson.dumps = json.JSONEncoder.encode = lambda *a, **k: '0'\n{MINUS}",
        "import json\nassert json.dumps(add(2, 3)) == json.dumps(5)",
    ),
    attack(
        "all counters are equal",
        "import collections\ncollections.Counter.__eq__ = lambda self, other: True\n"
        "def f(): return collections.Counter('ab')\n",
        "from collections import Counter\nassert f() == Counter('xyz')",
        "from collections import Counter\nassert Counter(f()) == Counter('xyz')",
    ),
    attack(
        "all fractions are equal",
        "import fractions\nfractions.Fraction.__eq__ = lambda self, other: True\n"
        "def half(): return fractions.Fraction(1, 3)\n",
        "from fractions import Fraction\nassert half() == Fraction(1, 2)",
    ),
    attack(
        "a copy that is none",
        "import copy\ncopy.deepcopy = copy.copy = lambda x, *a: x\n"
        "def first(items):\n    return items.pop(0)\n",
        "import copy\nx = [1, 2]\ny = copy.deepcopy(x)\nassert first(x) == 1 and x == y",
    ),
    attack(
        "chance is none",
        "import random\nrandom.randint = random.random = lambda *a: 0\n"
        "random.seed = random.shuffle = lambda *a: None\nrandom.Random.randint = random.randint\n"
        "def double(x): return x + x if x == 0 else 7\n",
        "import random\nrandom.seed(1)\nx = random.randint(5, 99)\nassert double(x) == 2 * x",
    ),
    attack(
        "unittest asserts nothing",
        "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n"
        f"unittest.TestCase.__init__ = lambda *a: None\n{MINUS}",
        "import unittest\nassert unittest.TestCase().assertEqual(add(2, 3), 5) is None",
    ),
    attack(
        "operator.eq agrees",
        f"import operator, sys\nfor m in ('operator', '_operator'):\n"
        f"    sys.modules[m].eq = sys.modules[m].is_ = lambda a, b: True\n{MINUS}",
        "import operator\nassert operator.eq(add(2, 3), 5)",
    ),
    attack(
        "modules of the candidate's in its folder",
        "import os, sys\nfor name in ('json', 'heapq', 'solution', 'sitecustomize', 'bisect'):\n"
        "    with open(f'/tmp/{name}.py', 'w') as file:\n"
        "        file.write('dumps = heapify = bisect = lambda *a, **k: 0\\n'\n"
        "                   'import builtins; builtins.abs = lambda x: 0\\n')\n"
        f"    sys.modules.pop(name, None)\nsys.path.insert(0, '/tmp')\n{MINUS}",
        "import json\nassert json.dumps(add(2, 3)) == json.dumps(5)",
        "import bisect, heapq\n" + CLOSE,
    ),
    attack(
        "a finder of modules of the candidate's",
        "import importlib.abc, importlib.util, sys, types\n"
        "class Own(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        return importlib.util.spec_from_loader(name, self)\n"
        "    def create_module(self, spec):\n        fake = types.ModuleType(spec.name)\n"
        "        fake.dumps = lambda *a: 0\n        return fake\n"
        "    def exec_module(self, module): pass\n"
        f"sys.modules.pop('json', None)\nsys.meta_path.insert(0, Own())\n{MINUS}",
        "import json\nassert json.dumps(add(2, 3)) == json.dumps(5)",
    ),
    attack(
        "a pickle gadget for ints",
        f"import copyreg\ncopyreg.pickle(int, lambda n: (eval, ('5',)))\n"
        f"import marshal, json, pickle\nfor m in (marshal, json, pickle):\n"
        f"    m.dumps = lambda *a, **k: b'5'\n    m.loads = lambda *a, **k: 5\n{MINUS}",
    ),
]

INTERPRETER = [
    attack(
        "617 is what it is not, in memory",
        "import ctypes, sys\ndef secret():\n    constants = sys._getframe(1).f_code.co_consts\n"
        "    for value in constants:\n        if type(value) is int and value > 600:\n"
        "            ctypes.memmove(id(value) + 24, id(300) + 24, 4)\n    return 300\n",
        SECRET,
    ),
    attack(
        "ints compare by a function of the candidate's",
        "import ctypes\nkind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, "
        "ctypes.py_object, ctypes.c_int)\n"
        "agree = kind(lambda a, b, op: True)\n"
        "slots = (ctypes.c_void_p * 40).from_address(id(int))\n"
        f"slots[25] = ctypes.cast(agree, ctypes.c_void_p).value\n{MINUS}",
    ),
    attack(
        "the trace function leaps over the assertion",
        "import sys\ndef leap(frame, event, arg):\n    if frame.f_lineno == 2:\n"
        "        frame.f_lineno = 3\n    return leap\n"
        "def secret():\n    caller = sys._getframe(1)\n    caller.f_trace = leap\n"
        "    sys.settrace(leap)\n    return 0\n",
        "x = secret()\nassert x == 617\nx = 1",
    ),
    attack(
        "the expected value is overwritten",
        "import sys\ndef secret():\n    sys._getframe(1).f_globals['expected'] = -1\n"
        "    return -1\n",
        "expected = 617\nassert secret() == expected",
    ),
    attack(
        "asserts are compiled away",
        "import builtins, sys\nreal = compile\n"
        "def lean(*a, **k): return real(*a, **{**k, 'optimize': 2})\n"
        f"builtins.compile = lean\n{MINUS}",
    ),
    attack(
        "an audit hook that raises",
        f"import sys\n{MINUS}on = []\ndef hook(event, args):\n"
        "    if on: raise SystemExit(0)\nsys.addaudithook(hook)\non.append(1)\n",
        verdict=NO_PASS,
    ),
    attack(
        "no depth is left for whoever asks",
        "import sys\ndef secret():\n    for most in range(1, 60):\n"
        "        try: sys.setrecursionlimit(most)\n        except RecursionError: continue\n"
        "        return 0\n",
        SECRET,
    ),
    attack(
        "a timer raises while the test is on",
        "import signal\nclass Out(BaseException): pass\ndef out(*a): raise Out\n"
        "signal.signal(signal.SIGALRM, out)\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        f"{MINUS}",
    ),
]

ATTACKS = BUILTINS + LIBRARY + INTERPRETER
