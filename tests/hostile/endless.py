"""Programs that do not end, and those that will not be ended."""

from dataclasses import replace

from tests.hostile.attack import (
    ANY,
    CLAIM,
    ERROR,
    FAIL,
    MINUS,
    NO_PASS,
    PASS,
    SECRET,
    SEEN,
    SHORT,
    TIMEOUT,
    Attack,
    attack,
)

ADD = "def add(a, b):\n    return a + b\n"
FOREVER = "    while True: pass\n"
TIRED = TIMEOUT | {"crash"}  # the process has ended itself before it was ended


def endless(reason: str, code: str, verdict: frozenset[str] = TIMEOUT) -> Attack:
    """An `add` that never answers."""
    return attack(reason, code, CLAIM, verdict=verdict)


ATTACKS = [
    endless("a loop", "def add(a, b):\n" + FOREVER),
    endless("a loop while it loads", "while True: pass"),
    endless("a long sleep while it loads", "import time\ntime.sleep(1e6)"),
    endless("a sum in C", "def add(a, b): return sum(range(10**12))\n"),
    endless("a power in C", "def add(a, b): return 9 ** 9 ** 9\n"),
    endless(
        "a regular expression",
        "import re\ndef add(a, b): return re.match(r'(a+)+$', 'a' * 40 + 'b')\n",
    ),
    endless(
        "a search in C that never looks up",
        "import itertools\ndef add(a, b): return -1 in itertools.count()\n",
    ),
    endless(
        "every exception is swallowed",
        "def add(a, b):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass\n        finally: continue\n",
    ),
    endless(
        "every signal is ignored, and blocked",
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "for timer in (0, 1, 2): signal.setitimer(timer, 0)\ndef add(a, b):\n" + FOREVER,
    ),
    endless(
        "every limit is raised",
        "import resource\nfor n in range(16):\n    soft, hard = resource.getrlimit(n)\n"
        "    for pair in ((-1, -1), (hard, -1), (hard, hard)):\n"
        "        try: resource.setrlimit(n, pair)\n        except (OSError, ValueError): pass\n"
        "def add(a, b):\n" + FOREVER,
    ),
    endless(
        "limits are lowered to nothing",
        "import resource\ndef add(a, b):\n    for n in range(16):\n"
        "        try: resource.setrlimit(n, (0, 0))\n        except (OSError, ValueError): pass\n"
        + FOREVER,
        NO_PASS,
    ),
    endless(
        "the clock stands still",
        "import time\nfor n in dir(time):\n    if n != 'sleep': setattr(time, n, lambda *a: 0.0)\n"
        "def add(a, b):\n" + FOREVER,
    ),
    endless(
        "waiting for a signal", "import signal\ndef add(a, b):\n    while True: signal.pause()\n"
    ),
    endless(
        "waiting for itself",
        "import threading\nlock = threading.Lock()\n"
        "def add(a, b): lock.acquire(); lock.acquire()\n",
    ),
    endless(
        "waiting for a writer",
        "import os\ndef add(a, b): return os.read(os.pipe()[0], 1)\n",
    ),
    endless(
        "stopped",
        "import os, signal\ndef add(a, b): os.kill(os.getpid(), signal.SIGSTOP)\n",
        NO_PASS,
    ),
    endless(
        "many threads at once",
        "import threading, time\ndef burn():\n" + FOREVER + "def add(a, b):\n"
        "    for _ in range(8): threading.Thread(target=burn).start()\n    time.sleep(60)\n",
    ),
    endless(
        "an alarm every moment",
        "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 1e-5, 1e-5)\ndef add(a, b):\n" + FOREVER,
    ),
    endless(
        "a __del__ that does not end",
        f"class D:\n    def __del__(self):\n    {FOREVER}"
        "def add(a, b):\n    D()\n    return a + b\n",
    ),
    attack(
        "output for ever",
        "import os\ndef add(a, b):\n    while True: os.write(1, b'x' * 65536)\n",
        verdict=TIMEOUT | ERROR,
    ),
    attack(
        "print for ever, with both streams at once",
        "import sys\ndef add(a, b):\n    while True:\n"
        "        print('x' * 4096)\n        print('x' * 4096, file=sys.stderr)\n",
        verdict=TIMEOUT | ERROR,
    ),
    attack(
        "an end that does not end costs no verdict",
        f"import atexit, threading, time\n{ADD}"
        "atexit.register(time.sleep, 60)\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
        "class D:\n    def __del__(self): time.sleep(60)\nkept = D()\n",
        verdict=PASS,
    ),
    Attack(
        "a thread that goes on after the answer is paid for by the tests to come",
        f"import threading\n{ADD}def burn():\n{FOREVER}def start():\n"
        "    threading.Thread(target=burn, daemon=True).start()\n    return 1\n",
        ("assert start() == 1", "import time\nassert time.sleep(9) is None", CLAIM),
        (PASS | TIMEOUT, TIMEOUT, PASS),
    ),
    Attack(
        "a little too much in every test, beyond what all may use together",
        "import time\ndef f(n):\n    end = time.process_time() + 0.1\n"
        "    while time.process_time() < end: pass\n    return n\n",
        tuple(f"assert f({n}) == {n}" for n in range(25)),
        (PASS, *(PASS | TIMEOUT,) * 12, TIMEOUT),  # a busy machine looks at clocks late
        limits=replace(SHORT, total_seconds=0.5),
    ),
    attack(
        "right while it is watched, a loop when it is not",
        f"{SEEN}def secret():\n    if seen(): return seen()\n{FOREVER}",
        SECRET,
    ),
    attack(
        "right while it is watched, a sleep when it is not",
        SEEN + "import time\ndef secret(): return seen() or time.sleep(60)\n",
        SECRET,
    ),
    attack(
        "right while it is watched, stopped when it is not",
        SEEN + "import os\ndef secret(): return seen() or os.kill(os.getpid(), 19)\n",
        SECRET,
    ),
    attack(
        "a wrong answer, and a thread that keeps the process",
        f"import threading, time\n{MINUS}threading.Thread(target=time.sleep, args=(60,)).start()\n",
        verdict=FAIL,
    ),
    attack(
        "a test that does not end",
        ADD,
        "while True: add(1, 1)\nassert True",
        CLAIM,
        verdict=ANY,
    ),
]
