"""Reading what is expected: from frames, from objects, from memory, from whoever knows it."""

from tests.hostile.attack import SECRET, SEEN, attack

TEXT = r'''
import re
def number(text):
    """What a test's text says that secret() is."""
    if isinstance(text, str):
        text = text.encode("utf-8", "replace")
    found = re.search(rb"secret\(\) == (\d+)", bytes(text))
    return int(found[1]) if found else None
'''
FRAMES = "def frames(frame):\n    while frame:\n        yield frame\n        frame = frame.f_back\n"
LARGE = (
    "def large(values):\n    for v in values:\n"
    "        if type(v) is int and 600 < v < 700: return v\n"
)

SCAN = r'''
import ctypes, os
libc = ctypes.CDLL(None)
libc.sbrk.restype = ctypes.c_void_p
libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
STEP = 1 << 16

def scan(start, end):
    """What is mapped between two addresses; a pipe refuses, and does not crash on, the rest."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    for address in range(start & -STEP, end, STEP):
        got = libc.write(write, address, STEP)
        if got > 0:
            yield os.read(read, got)

def secret():
    top = libc.sbrk(0)
    here = {id(object()), id(bytearray(1 << 20)), id(os), id(sys.modules)}
    spans = [(top - (32 << 20), top)] + [(n - (24 << 20), n + (24 << 20)) for n in here]
    for start, end in spans:
        for part in scan(max(0, start), end):
            value = number(part)
            if value is not None:
                return value
'''

ATTACKS = [
    attack("the caller's constants", SEEN + "def secret(): return seen()\n", SECRET),
    attack(
        "the caller's variables",
        f"import sys\n{FRAMES}{LARGE}def secret():\n"
        "    for f in frames(sys._getframe(1)):\n"
        "        v = large([*f.f_locals.values(), *f.f_globals.values()])\n"
        "        if v: return v\n",
        "expected = 617\nassert secret() == expected",
        "def check():\n    expected = 617\n    assert secret() == expected\ncheck()\nassert True",
    ),
    attack(
        "the caller's constants, after an exception",
        "def secret():\n    try: 1 // 0\n    except ZeroDivisionError as error:\n"
        "        frame = error.__traceback__.tb_frame.f_back\n"
        "        return next((c for c in frame.f_code.co_consts if type(c) is int and c > "
        "600), 0)\n",
        SECRET,
    ),
    attack(
        "inspect.stack",
        "import inspect\n" + LARGE + "def secret():\n    for info in inspect.stack():\n"
        "        v = large(info.frame.f_code.co_consts)\n        if v: return v\n",
        SECRET,
    ),
    attack(
        "another thread looks at the frames of all",
        f"import sys, threading\n{FRAMES}{LARGE}found = []\ndef look():\n"
        "    for top in sys._current_frames().values():\n        for f in frames(top):\n"
        "            if f.f_code.co_name != 'large': found.append(large(f.f_code.co_consts))\n"
        "def secret():\n    thread = threading.Thread(target=look)\n    thread.start()\n"
        "    thread.join()\n    return large(found)\n",
        SECRET,
    ),
    attack(
        "the texts that the caller holds",
        f"import sys\n{TEXT}{FRAMES}def texts(value, depth=3):\n"
        "    if isinstance(value, (str, bytes, bytearray)): yield value\n"
        "    elif depth and isinstance(value, (list, tuple)):\n"
        "        for item in value: yield from texts(item, depth - 1)\n"
        "    elif depth and isinstance(value, dict): yield from texts([*value.values()], depth)\n"
        "    elif depth:\n"
        "        for name in dir(value):\n"
        "            if name[0] != '_': yield from texts(getattr(value, name, 0), depth - 1)\n"
        "def secret():\n    for f in frames(sys._getframe(1)):\n"
        "        for text in texts([*f.f_locals.values()]):\n"
        "            if number(text): return number(text)\n",
        SECRET,
    ),
    attack(
        "every object that the collector knows",
        f"import gc, sys\n{TEXT}def secret():\n    for held in gc.get_objects():\n"
        "        for value in gc.get_referents(held):\n"
        "            if isinstance(value, (str, bytes, bytearray)) and number(value):\n"
        "                return number(value)\n",
        SECRET,
    ),
    attack(
        "every code object that a frame or a function holds",
        f"import gc, sys, types\n{LARGE}def secret():\n    own = secret.__globals__\n"
        "    for held in gc.get_objects():\n        for value in gc.get_referents(held):\n"
        "            if isinstance(value, types.CodeType) and value.co_filename == '<test>':\n"
        "                if large(value.co_consts): return large(value.co_consts)\n",
        SECRET,
    ),
    attack(
        "every open file, from its beginning",
        f"import os\n{TEXT}def secret():\n    for n in range(256):\n"
        "        try: value = number(os.pread(n, 1 << 20, 0))\n"
        "        except OSError: continue\n        if value: return value\n",
        SECRET,
    ),
    attack("every other byte of the process", "import sys\n" + TEXT + SCAN, SECRET),
    attack(
        "an audit hook sees what is compiled and executed",
        f"import sys\n{TEXT}{LARGE}found = []\ndef hook(event, args):\n"
        "    if event == 'compile' and type(args[0]) in (str, bytes):\n"
        "        found.append(number(args[0]))\n"
        "    if event == 'exec': found.append(large(args[0].co_consts))\n"
        "sys.addaudithook(hook)\ndef secret(): return large(found)\n",
        SECRET,
    ),
    attack(
        "a profiler sees the frames of all calls",
        f"import sys\n{LARGE}found = []\ndef profile(frame, event, arg):\n"
        "    if frame.f_code.co_name != 'large': found.append(large(frame.f_code.co_consts))\n"
        "sys.setprofile(profile)\ndef secret(): return large(found)\n",
        SECRET,
    ),
    attack(
        "sys.monitoring sees the code of all calls",
        f"import sys\n{LARGE}found = []\nm = getattr(sys, 'monitoring', None)\n"
        "if m:\n    m.use_tool_id(3, 'spy')\n    m.set_events(3, m.events.PY_START)\n"
        "    m.register_callback(3, m.events.PY_START,\n"
        "        lambda code, at: found.append(large(code.co_consts)))\n"
        "def secret(): return large(found)\n",
        SECRET,
    ),
    attack(
        "compile is told the test's text",
        f"import builtins\n{TEXT}real, told = compile, []\ndef spy(source, *a, **k):\n"
        "    if isinstance(source, (str, bytes)): told.append(number(source))\n"
        "    return real(source, *a, **k)\nbuiltins.compile = spy\n"
        "def secret(): return next(filter(None, told), 0)\n",
        SECRET,
    ),
    attack(
        "exec is told the test's code",
        f"import builtins\n{LARGE}real, told = exec, []\ndef spy(code, *a):\n"
        "    told.extend(getattr(code, 'co_consts', ()))\n    return real(code, *a)\n"
        "builtins.exec = spy\ndef secret(): return large(told)\n",
        SECRET,
    ),
    attack(
        "the globals of a function that the test hands over",
        "def use(function): return getattr(function, '__globals__', {}).get('hidden', 0)\n",
        "hidden = 617\nassert use(lambda: 0) == hidden",
    ),
    attack(
        "the constants of a function that the test hands over",
        f"{LARGE}import gc\ndef use(function):\n    code = getattr(function, '__code__', None)\n"
        "    cells = getattr(function, '__closure__', None) or ()\n"
        "    return large([*getattr(code, 'co_consts', ()), *(c.cell_contents for c in cells)])\n",
        "assert use(lambda: str(617)) == 617",
        "def hide(hidden):\n    return lambda: hidden * 0\nassert use(hide(617)) == 617",
    ),
    attack(
        "a pickle gadget that looks around where it is unpickled",
        "LOOK = ('(lambda walk: walk(walk, __import__(\"sys\")._getframe()))(lambda walk, f: '\n"
        "    'f and (next((v for v in f.f_code.co_consts if type(v) is int '\n"
        "    'and 600 < v < 700), 0) or walk(walk, f.f_back)))')\n"
        "class Gadget:\n    def __reduce__(self): return (eval, (LOOK,))\n"
        "    def __reduce_ex__(self, protocol): return (eval, (LOOK,))\n"
        "    def __eq__(self, other): return True\n    __hash__ = None\n"
        "def secret(): return Gadget()\n",
        SECRET,
    ),
]
