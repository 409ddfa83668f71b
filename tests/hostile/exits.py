"""Leaving before the tests are done, in all the ways there are."""

from tests.hostile.attack import (
    BROKEN,
    CLAIM,
    CRASH,
    ERROR,
    FAIL,
    MINUS,
    PASS,
    SECRET,
    SEEN,
    TIMEOUT,
    WRONG,
    Attack,
    attack,
)

NATIVE = "import ctypes\nlibc = ctypes.CDLL(None)\n"

ATTACKS = [
    attack("sys.exit while it loads", "import sys\nsys.exit(0)", CLAIM, CLAIM, verdict=ERROR),
    attack(
        "the signal by which an endless program ends itself",
        "import os\ndef add(a, b): os.kill(os.getpid(), 24)\n",
        verdict=TIMEOUT,
    ),
    Attack(
        "the signal to see whether it will end, of its own",
        "import os\ndef add(a, b):\n    while a > 1:\n        os.kill(os.getpid(), 23)\n"
        "        a -= 1\n        b += 1\n    return a + b\n",
        ("assert add(99, 1) == 100", "assert add(2, 3) == 6"),
        (PASS, FAIL),
    ),
    attack("os._exit while it loads", "import os\nos._exit(0)", CLAIM, CLAIM, verdict=CRASH),
    Attack(
        "os._exit when called costs that test only",
        "import os\ndef add(a, b):\n    return os._exit(0) if a == 2 else a + b\n",
        ("assert add(1, 1) == 2", CLAIM, "assert add(3, 3) == 6"),
        (PASS, CRASH, PASS),
    ),
    attack(
        "an exit that is a class of its own",
        "class Done(SystemExit):\n    code = 0\n    def __str__(self): return 'pass'\n"
        "def add(a, b): raise Done\n",
        verdict=ERROR,
    ),
    attack(
        "an exception above all classes of exceptions",
        "class Top(BaseException):\n    __class__ = property(lambda self: int)\n"
        "    def __str__(self): raise SystemExit(0)\n    __repr__ = __str__\n"
        "    def __eq__(self, other): return True\n    __hash__ = None\n"
        "def add(a, b): raise Top\n",
        verdict=ERROR,
    ),
    attack("an interrupt", "def add(a, b): raise KeyboardInterrupt\n", CLAIM, CLAIM, verdict=ERROR),
    attack("os.abort", "import os\ndef add(a, b): os.abort()\n", verdict=CRASH),
    attack(
        "a signal to oneself",
        "import os\ndef add(a, b): os.kill(os.getpid(), 9)\n",
        CLAIM,
        CLAIM,
        verdict=CRASH,
    ),
    attack(
        "an exit out of __del__",
        "import sys\nclass Bye:\n    def __del__(self): sys.exit(0)\n"
        "def add(a, b):\n    Bye()\n    return a - b\n",
        verdict=FAIL,
    ),
    attack(
        "atexit has the last word",
        f"import atexit, os\n{MINUS}"
        "for _ in range(3): atexit.register(os.write, 1, b'pass')\natexit.register(os._exit, 0)\n",
        verdict=FAIL,
    ),
    attack(
        "an assert of the candidate's own in the guise of the test's",
        "def add(a, b): exec(compile('raise AssertionError', '<test>', 'exec'))\n",
        verdict=WRONG,
    ),
    attack(
        "StopIteration ends the test's own loop",
        "def add(a, b): raise StopIteration\n",
        "assert list(add(2, n) for n in range(3)) == []",
        "assert [add(2, n) for n in range(3)] == []",
        verdict=ERROR,
    ),
    attack("exit() of the site module", "def add(a, b): exit(0)\n", verdict=ERROR),
    attack(
        "faulthandler ends the process",
        "import faulthandler, os, time\n"
        "faulthandler.dump_traceback_later(0.05, exit=True, file=os.open('/tmp/x', 66))\n"
        "def add(a, b):\n    while True: time.sleep(0.01)\n",
        verdict=BROKEN,
    ),
    attack(
        "faulthandler faults",
        "import faulthandler\ndef add(a, b): faulthandler._sigsegv()\n",
        verdict=CRASH,
    ),
    attack(
        "another program takes the process over",
        "import os, sys\ndef add(a, b):\n"
        "    return os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(0)'])\n",
        verdict=ERROR,
    ),
    attack(
        "an exit in a thread",
        "import os, sys, threading\ndef add(a, b):\n"
        "    thread = threading.Thread(target=sys.exit)\n    thread.start()\n    thread.join()\n"
        "    return a - b\n",
        verdict=FAIL,
    ),
    attack(
        "os._exit in a thread, a little later",
        "import os, threading, time\ndef add(a, b):\n"
        "    threading.Timer(0.05, os._exit, (0,)).start()\n    time.sleep(60)\n",
        verdict=CRASH,
    ),
    attack(
        "the main thread leaves without its process",
        NATIVE + "def add(a, b): libc.pthread_exit(None)\n",
        verdict=BROKEN,
    ),
    attack(
        "exit by system call",
        NATIVE + "def add(a, b):\n    for n in (231, 94, 60, 93): libc.syscall(n, 0)\n",
        verdict=BROKEN | {"timeout"},
    ),
    attack(
        "C's exit runs what C has registered",
        NATIVE + "def add(a, b): libc.exit(0)\n",
        verdict=CRASH,
    ),
    attack("a null pointer", "import ctypes\ndef add(a, b): ctypes.string_at(0)\n", verdict=CRASH),
    attack(
        "the C stack overflows",
        "import sys\nsys.setrecursionlimit(10**9)\n"
        "class A:\n    def __getattr__(self, name): return getattr(self, name + '')\n"
        "    def __repr__(self): return repr(self)\n"
        "def add(a, b): return repr(A()) or A().x\n",
        verdict=BROKEN | {"memory", "timeout"},
    ),
    attack(
        "frames are freed that still run",
        "import ctypes, sys\ndef add(a, b):\n    frame = sys._getframe(1)\n"
        "    for _ in range(9): ctypes.pythonapi.Py_DecRef(ctypes.py_object(frame))\n"
        "    return a - b\n",
    ),
    attack(
        "right while it is watched, gone when it is not",
        SEEN + "import os\ndef secret(): return seen() or os._exit(0)\n",
        SECRET,
    ),
    attack(
        "right while it is watched, an exit when it is not",
        SEEN + "def secret(): return seen() or sys.exit(0)\n",
        SECRET,
    ),
    attack(
        "an interpreter that is ended under the program",
        "import ctypes\ndef add(a, b): ctypes.pythonapi.Py_Exit(0)\n",
        verdict=BROKEN,
    ),
    attack(
        "a fatal error",
        "import ctypes\ndef add(a, b): ctypes.pythonapi.Py_FatalError(b'pass')\n",
        verdict=CRASH,
    ),
]
