"""Messages that the candidate has no business to send, and those that it keeps to itself."""

from tests.hostile.attack import CLAIM, MINUS, NO_PASS, SECRET, SEEN, attack

DESCRIPTORS = r'''
import fcntl, os, socket, stat

def descriptors(first=3):
    """Those that are open, and not the candidate's output."""
    for n in range(first, 256):
        try:
            os.fstat(n)
        except OSError:
            continue
        yield n

def send(n, data):
    """Write without waiting."""
    try:
        os.set_blocking(n, False)
        os.write(n, data)
    except (OSError, ValueError):
        pass
'''

MESSAGES = r"""
import json, marshal, pickle, struct
plain = [5, True, "pass", ("pass",), {"verdict": "pass"}, ["pass"], (0, "pass"), [0, 5], None]
bodies = [dump(value) for value in plain for dump in (marshal.dumps, pickle.dumps)]
bodies += [json.dumps(value).encode() for value in plain]
sizes = (">I", "<I", ">Q", "<Q", ">H", "<H", "B")
messages = [struct.pack(size, len(body)) + body for size in sizes for body in bodies]
messages += [body + b"\n" for body in bodies]
messages += [bytes([k, v]) + bytes(n) for n in (0, 6, 14, 30) for k in range(6) for v in (0, 1)]
messages += [bytes(16) + struct.pack("!BBIIH", 2, 0, n, 0, 0) for n in range(9)]
"""

GREET = "for n in descriptors():\n    for message in messages: send(n, message)\n"

HARNESS = r'''
import gc, sys, types

OWN = {id(globals())}
STANDARD = set(sys.stdlib_module_names) | {"importlib", "_frozen_importlib"}

def foreign():
    """The functions in this process that are neither the candidate's nor the library's."""
    for held in gc.get_objects():
        if type(held) is types.FunctionType and id(held.__globals__) not in OWN:
            name = str(held.__globals__.get("__name__")).partition(".")[0]
            if name not in STANDARD:
                yield held

def frames():
    frame = sys._getframe(1)
    while frame:
        yield frame
        frame = frame.f_back
'''

ATTACKS = [
    attack(
        "noise on every descriptor while it loads",
        DESCRIPTORS + "for n in descriptors(): send(n, os.urandom(4096))\n" + MINUS,
        CLAIM,
        CLAIM,
    ),
    attack(
        "good news on every descriptor while it loads",
        DESCRIPTORS + MESSAGES + GREET + MINUS,
        CLAIM,
        CLAIM,
    ),
    attack(
        "good news on every descriptor when called",
        DESCRIPTORS
        + MESSAGES
        + "def add(a, b):\n"
        + "    for n in descriptors():\n        for message in messages: send(n, message)\n"
        + "    return a - b\n",
        CLAIM,
        CLAIM,
    ),
    attack(
        "good news when called, and then silence",
        DESCRIPTORS
        + MESSAGES
        + "def add(a, b):\n"
        + "    for n in descriptors():\n        for message in messages: send(n, message)\n"
        + "    os._exit(0)\n",
    ),
    attack(
        "right while it is watched, a forger when it is not",
        SEEN
        + DESCRIPTORS
        + MESSAGES
        + "def secret():\n    value = seen()\n    if value: return value\n    "
        + GREET.replace("\n    ", "\n        "),
        SECRET,
        SECRET,
    ),
    attack(
        "a record under the nonce that the frames know",
        r"""
import os, sys
sys.path += ["/inside", "/"]
def nonces():
    frame = sys._getframe(1)
    while frame:
        for name, value in [*frame.f_locals.items()]:
            if "nonce" in name or "key" in name or "token" in name:
                yield value
        frame = frame.f_back
def forge():
    import struct
    for nonce in {*nonces()} or {b"0" * 16}:
        head = struct.pack("!16sBBIIH", nonce[:16], 1, 0, 0, 0, 0)
        body = b"".join(struct.pack("!16sBBIIH", nonce[:16], 2, 0, n, 0, 0) for n in range(2))
        for n in range(3, 64):
            try: os.write(n, head + body)
            except OSError: pass
    os._exit(0)
forge()
""",
        CLAIM,
        CLAIM,
    ),
    attack(
        "every function of the harness gives the answer that is wished",
        HARNESS
        + MINUS
        + "def always(*a, **k): return True\nfor held in list(foreign()):\n"
        + "    try: held.__code__ = always.__code__\n    except ValueError: pass\n",
    ),
    attack(
        "every function of the harness is called with good news",
        HARNESS
        + "def add(a, b):\n    for held in list(foreign()):\n"
        + "        for words in ((5,), (0, 5), ('pass',), (b'pass',), (True, 'pass', 5)):\n"
        + "            try: held(*words)\n            except BaseException: pass\n"
        + "    return a - b\n",
    ),
    attack(
        "whatever the frames hold is overwritten with good news",
        HARNESS
        + "def add(a, b):\n    for frame in list(frames())[1:]:\n"
        + "        for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:\n"
        + "            for field in ('verdict', 'status', 'result', 'kind', 'passed', 'ok'):\n"
        + "                try: setattr(value, field, 0)\n                except Exception: pass\n"
        + "            if isinstance(value, list): value[:] = ['pass' for _ in value]\n"
        + "    return a - b\n",
    ),
    attack(
        "all that the harness calls by name is replaced",
        "import json, marshal, os, pickle, select, socket, struct\n"
        + MINUS
        + "for module in (json, marshal, pickle):\n"
        + "    module.dumps = lambda *a, **k: b'5'\n    module.loads = lambda *a, **k: 5\n"
        + "real = os.write\ndef twice(n, data):\n    real(n, data)\n    return real(n, data)\n"
        + "os.write = twice\nos.read = lambda n, size: b'pass' * 99\n"
        + "struct.pack = lambda *a: b'5'\nsocket.socket = select.select = None\n",
    ),
    attack(
        "every descriptor is closed",
        "import os\nos.closerange(0, 4096)\n" + MINUS,
        CLAIM,
        CLAIM,
    ),
    attack(
        "every descriptor is closed when called",
        "import os\ndef add(a, b):\n    os.closerange(0, 4096)\n    return a - b\n",
        CLAIM,
        CLAIM,
    ),
    attack(
        "every descriptor is /dev/null",
        DESCRIPTORS + "null = os.open('/dev/null', 2)\n"
        "for n in list(descriptors()): os.dup2(null, n)\n" + MINUS,
    ),
    attack(
        "every descriptor is a pipe full of good news",
        DESCRIPTORS
        + MESSAGES
        + "r, w = os.pipe()\nsend(w, b''.join(messages))\n"
        + "for n in list(descriptors()):\n    if n not in (r, w): os.dup2(r, n)\n"
        + MINUS,
    ),
    attack(
        "every descriptor is a socket that answers itself",
        DESCRIPTORS
        + MESSAGES
        + "a, b = socket.socketpair()\n"
        + "for message in messages: send(b.fileno(), message)\nkept = [a.detach(), b.detach()]\n"
        + "for n in list(descriptors()):\n    if n not in kept: os.dup2(kept[0], n)\n"
        + MINUS,
    ),
    attack(
        "a rival reads what is sent to the candidate",
        DESCRIPTORS
        + "import threading\ndef swallow(n):\n    while True:\n"
        + "        try: os.read(n, 65536)\n        except BlockingIOError: pass\n"
        + "        except OSError: return\n"
        + "for n in list(descriptors()): threading.Thread(target=swallow, args=(n,)).start()\n"
        + MINUS,
        CLAIM,
        CLAIM,
    ),
    attack(
        "a rival answers before the candidate does",
        DESCRIPTORS
        + MESSAGES
        + "import threading\ndef answer():\n    for _ in range(20):\n        "
        + GREET.replace("\n    ", "\n            ")
        + "threading.Thread(target=answer).start()\n"
        + MINUS,
        CLAIM,
        CLAIM,
    ),
    attack(
        "messages that never end",
        DESCRIPTORS
        + "def add(a, b):\n    while True:\n        for n in descriptors():\n"
        + "            send(n, b'\\xff' * 65536)\n            send(n, b'[' * 65536)\n",
    ),
    attack(
        "a message of as many bytes as can be said",
        DESCRIPTORS
        + "def add(a, b):\n    for n in descriptors():\n        for head in (b'\\x7f', b'\\xff'):\n"
        + "            send(n, head * 8 + b'\\0' * 65536)\n    while True: pass\n",
    ),
    attack(
        "half a message",
        DESCRIPTORS
        + "def add(a, b):\n    for n in descriptors():\n"
        + "        for length in range(1, 9): send(n, b'\\0' * (length - 1) + b'\\x40')\n"
        + "    os._exit(0)\n",
    ),
    attack(
        "a message that holds descriptors",
        DESCRIPTORS
        + "import array\ndef add(a, b):\n    many = array.array('i', [0] * 200)\n"
        + "    for n in list(descriptors()):\n"
        + "        try:\n            peer = socket.socket(fileno=os.dup(n))\n"
        + "            for _ in range(50):\n"
        "                peer.sendmsg([b'x'], [(socket.SOL_SOCKET, "
        + "socket.SCM_RIGHTS, many)], socket.MSG_DONTWAIT)\n"
        + "        except OSError: pass\n    return a - b\n",
        CLAIM,
        CLAIM,
    ),
    attack(
        "sockets are shut down, and messages peeked at",
        DESCRIPTORS
        + "def add(a, b):\n    for n in list(descriptors()):\n"
        + "        try:\n            peer = socket.socket(fileno=os.dup(n))\n"
        + "            peer.recv(9, socket.MSG_PEEK | socket.MSG_DONTWAIT)\n"
        + "            peer.shutdown(2)\n        except OSError: pass\n    return a - b\n",
        CLAIM,
        CLAIM,
    ),
    attack(
        "the answer to one call is told again to the next",
        SEEN
        + DESCRIPTORS
        + "real, said = os.write, []\ndef echo(n, data):\n    said.append((n, bytes(data)))\n"
        + "    for pair in said: real(*pair)\n    return len(data)\n"
        + "os.write = echo\ndef secret(): return seen() or 0\n",
        SECRET,
        SECRET,
    ),
    attack(
        "signals on every descriptor",
        DESCRIPTORS + "def add(a, b):\n    for n in descriptors(0):\n"
        "        for pid in (1, -1, os.getppid()):\n"
        + "            try:\n                fcntl.fcntl(n, fcntl.F_SETOWN, pid)\n"
        + "                fcntl.fcntl(n, 10, 9)\n"
        + "                fcntl.fcntl(n, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)\n"
        + "            except OSError: pass\n        send(n, b'x')\n    return a - b\n",
        CLAIM,
        CLAIM,
        verdict=NO_PASS,
    ),
    attack(
        "the test itself writes on every descriptor",
        DESCRIPTORS + MESSAGES,
        GREET + "assert False",
        "assert False",
    ),
    attack("the test itself leaves", "import os", "assert os._exit(0) or False", "assert False"),
]
