"""Messages for the next program, and from the screened run of a program to the run that counts."""

from dataclasses import dataclass

from opencodeinstruct.tools.ports import Limits
from tests.hostile.attack import SECRET, SEEN, Attack, attack


@dataclass(frozen=True, slots=True)
class Message:
    """What one program leaves, and what the next one does to find it: `found()` is then true."""

    reason: str
    leave: str
    find: str


CALL = "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
TMP = "import os\ndef found(): return sorted(os.listdir('/tmp'))\n"

MESSAGES = [
    Message("a file", "open('/tmp/left', 'w').write('x')", TMP),
    Message(
        "hidden, odd and locked files",
        "import os\nfor n in (b'.hidden', b'\\xff', b'a\\n', b'...'): os.mkdir(b'/tmp/' + n)\n"
        "os.makedirs('/tmp/a/b')\nopen('/tmp/a/b/c', 'w').close()\n"
        "os.chmod('/tmp/a/b', 0)\nos.chmod('/tmp/a', 0)",
        TMP,
    ),
    Message(
        "a deep folder whose end is locked",
        "import os\nfor _ in range(600):\n    try:\n        os.mkdir('d' * 99)\n"
        "        os.chdir('d' * 99)\n    except OSError: break\nos.chmod('.', 0)",
        TMP,
    ),
    Message(
        "links out of the folder",
        "import os\nfor n, to in enumerate(('/', '..', '/tmp', '/usr/lib', OUTSIDE, 'self')):\n"
        "    os.symlink(to, f'/tmp/{n}')\nos.symlink('self', '/tmp/self')",
        TMP,
    ),
    Message(
        "a folder that is closed to the next",
        "import os\nos.chmod('/tmp', 0)",
        "def found():\n    open('/tmp/x', 'w').close()\n    return False\n",
    ),
    Message(
        "a mark on the folder itself",
        "import os\nfor act in (lambda: os.setxattr('/tmp', 'user.left', b'x'),\n"
        "    lambda: os.chmod('/tmp', 0o2777), lambda: os.utime('/tmp', (5, 5))):\n"
        "    try: act()\n    except OSError: pass",
        "import os, stat\ndef found():\n    now = os.stat('/tmp')\n"
        "    try: marks = os.listxattr('/tmp')\n    except OSError: marks = []\n"
        "    return marks or now.st_atime < 9 or now.st_mtime < 9 or now.st_mode & stat.S_ISGID\n",
    ),
    Message(
        "no room",
        "import os\ntry:\n    for n in range(99): open(f'/tmp/{n}', 'wb').write(bytes(1 << 22))\n"
        "except OSError: pass\ntry:\n    while True: n += 1; os.mkdir(f'/tmp/{n}')\n"
        "except OSError: pass",
        "import os\ndef found():\n"
        "    with open('/tmp/x', 'wb') as file: file.write(bytes(40 << 20))\n"
        "    for n in range(500): os.mkdir(f'/tmp/d{n}')\n    return False\n",
    ),
    Message(
        "a file that is deleted and kept open",
        "import os\nkept = open('/tmp/x', 'wb')\nkept.write(bytes(60 << 20))\nos.unlink('/tmp/x')",
        "def found():\n    with open('/tmp/y', 'wb') as file: file.write(bytes(50 << 20))\n"
        "    return False\n",
    ),
    Message(
        "the environment, the folder, the mask, the priority",
        "import os\nos.environ['LEFT'] = 'x'\nos.putenv('LEFT', 'x')\nos.chdir('/')\nos.umask(0)\n"
        "try: os.nice(10)\nexcept OSError: pass",
        "import os\ndef found():\n    return 'LEFT' in os.environ or os.getcwd() != '/tmp' or "
        "os.umask(0o22) == 0\n",
    ),
    Message(
        "patched modules",
        "import builtins, json, os, sys\nbuiltins.left = json.left = os.left = 1\n"
        "sys.modules['left'] = json\nsys.path.append('/left')\nsys.setrecursionlimit(77)\n"
        "builtins.len = None",
        "import builtins, json, os, sys\ndef found():\n    return hasattr(builtins, 'left') or "
        "hasattr(json, 'left') or hasattr(os, 'left') or 'left' in sys.modules or "
        "'/left' in sys.path or len('x') != 1\n",
    ),
    Message(
        "a daemon",
        "import os, time\ntry:\n    if os.fork() == 0:\n        os.setsid()\n"
        "        if os.fork() == 0:\n            while True:\n"
        "                open('/tmp/left', 'w').close()\n                time.sleep(0.01)\n"
        "        os._exit(0)\nexcept OSError: pass",
        "import os, time\ndef found():\n    time.sleep(0.1)\n    return os.listdir('/tmp')\n",
    ),
    Message(
        "a thread that writes on",
        "import threading, time\ndef write():\n    while True:\n"
        "        open('/tmp/left', 'w').close()\n        time.sleep(0.01)\n"
        "threading.Thread(target=write).start()",
        "import os, threading, time\ndef found():\n    time.sleep(0.1)\n"
        "    return os.listdir('/tmp') or threading.active_count() > 1\n",
    ),
    Message(
        "System V memory, messages and semaphores",
        CALL + "for n in (libc.shmget(77, 4096, 0o1666), libc.msgget(77, 0o1666), "
        "libc.semget(77, 1, 0o1666)): pass",
        CALL + "def found():\n    return [n for n in (libc.shmget(77, 1, 0), libc.msgget(77, 0), "
        "libc.semget(77, 1, 0)) if n >= 0]\n",
    ),
    Message(
        "a POSIX queue and shared memory",
        CALL
        + "n = libc.mq_open(b'/left', 0o102, 0o666, None)\nlibc.shm_open(b'/left', 0o102, 0o666)",
        CALL + "def found(): return libc.mq_open(b'/left', 0) >= 0 or "
        "libc.shm_open(b'/left', 0, 0) >= 0\n",
    ),
    Message(
        "a key",
        CALL + "for ring in (-1, -2, -3, -4, -5):\n"
        "    libc.syscall(248, b'user', b'left', b'x', 1, ring)",
        CALL + "def found(): return libc.syscall(249, b'user', b'left', None, 0) >= 0\n",
    ),
    Message(
        "flags of descriptors that all programs share",
        "import fcntl, os\nfor n in range(256):\n    for what, word in ((4, os.O_APPEND | "
        "os.O_NONBLOCK), (10, 42), (8, os.getpid()), (2, 0)):\n"
        "        try: fcntl.fcntl(n, what, word)\n        except OSError: pass",
        "import fcntl, os\ndef found():\n    seen = []\n    for n in range(3):\n"
        "        try: seen += [fcntl.fcntl(n, 11), fcntl.fcntl(n, 3) & (os.O_APPEND)]\n"
        "        except OSError: pass\n    return any(seen)\n",
    ),
    Message(
        "locks on files that all programs see",
        "import fcntl, os\nkept = [open(os.__file__), open('/dev/null')]\n"
        "for file in kept:\n    try: fcntl.flock(file, fcntl.LOCK_EX)\n    except OSError: pass",
        "import fcntl, os\ndef found():\n    for path in (os.__file__, '/dev/null'):\n"
        "        with open(path) as file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    return False\n",
    ),
    Message(
        "limits, masks and timers",
        "import resource, signal\nfor n in range(16):\n"
        "    try: resource.setrlimit(n, (1, resource.getrlimit(n)[1]))\n"
        "    except (OSError, ValueError): pass\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nsignal.setitimer(0, 0.05)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "import os, resource, signal, time\ndef found():\n    time.sleep(0.1)\n"
        "    return signal.pthread_sigmask(signal.SIG_BLOCK, []) or "
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 16 or "
        "signal.getsignal(signal.SIGTERM) != signal.SIG_DFL\n",
    ),
    Message(
        "a socket with a name",
        "import socket\na, b = socket.socketpair(type=socket.SOCK_DGRAM)\n"
        "for end, name in ((a, '\\0left'), (b, '/tmp/left')):\n    try: end.bind(name)\n"
        "    except OSError: pass",
        "import os, socket\ndef found():\n    a, b = socket.socketpair(type=socket.SOCK_DGRAM)\n"
        "    for name in ('\\0left', '/tmp/left'):\n        try: a.sendto(b'x', name)\n"
        "        except OSError: continue\n        return name\n    return os.listdir('/tmp')\n",
    ),
    Message(
        "what the first program reads, the second has to lose",
        "import os\nfor n in range(3, 256):\n"
        "    try:\n        os.set_blocking(n, False)\n        os.read(n, 1 << 20)\n"
        "    except OSError: pass",
        "def found(): return False\n",
    ),
]


def tells(reason: str, tell: str, hear: str) -> Attack:
    """A program that sees the number while it is screened, and tells it to its run behind split.

    `tell(value)` leaves it; `hear()` finds it, or is false.
    """
    code = f"{SEEN}{tell}{hear}told = hear()\ndef secret():\n    value = seen()\n"
    return attack(
        f"the expected value is told by {reason}",
        f"{code}    if value: tell(value)\n    return value or told or 0\n",
        SECRET,
        SECRET,
        limits=Limits(cpu_seconds=3.0, wall_seconds=10.0, memory_mib=128),
    )


TELLING = [
    tells(
        "a file",
        "def tell(value): open('/tmp/told', 'w').write(str(value))\n",
        "def hear():\n    try: return int(open('/tmp/told').read())\n"
        "    except OSError: return 0\n",
    ),
    tells(
        "the folder's times",
        "import os\ndef tell(value):\n    try: os.utime('/tmp', (value, value))\n"
        "    except OSError: pass\n",
        "def hear():\n    now = os.stat('/tmp')\n"
        "    return next((int(t) for t in (now.st_atime, now.st_mtime) if t < 1000), 0)\n",
    ),
    tells(
        "what was printed",
        "import os\ndef tell(value): os.write(1, b'told=%d' % value)\n",
        "def hear():\n    for n in (0, 1, 2):\n        try: text = os.pread(n, 9999, 0)\n"
        "        except OSError: continue\n"
        "        if b'told=' in text: return int(text.partition(b'told=')[2][:3])\n    return 0\n",
    ),
    tells(
        "how much was printed",
        "import os\ndef tell(value): os.write(1, b' ' * value)\n",
        "def hear():\n    sizes = []\n    for n in range(256):\n"
        "        for way in (lambda: os.fstat(n).st_size, lambda: os.lseek(n, 0, 2)):\n"
        "            try: sizes.append(way())\n            except OSError: pass\n"
        "    return next((size for size in sizes if 600 < size < 700), 0)\n",
    ),
    tells(
        "numbers of processes",
        "import os, threading\ndef number():\n    thread = threading.Thread(target=int)\n"
        "    thread.start()\n    thread.join()\n    return thread.native_id\n"
        "def tell(value):\n    for _ in range(900):\n"
        "        if number() % 800 == (value - 600) * 8: return\n",
        "def hear(): return 600 + os.getpid() % 800 // 8\n",
    ),
    tells(
        "numbers of files",
        "import os\ndef number():\n"
        "    with open('/tmp/n', 'w') as file: n = os.fstat(file.fileno())\n"
        "    os.unlink('/tmp/n')\n    return n.st_ino\ndef tell(value):\n"
        "    for _ in range(900):\n        if number() % 800 == (value - 600) * 8: return\n",
        "def hear(): return 600 + number() % 800 // 8\n",
    ),
    tells(
        "flags of descriptors",
        "import fcntl\nfds = range(256)\ndef tell(value):\n"
        "    for n in fds:\n        try: fcntl.fcntl(n, 10, 1 + value - 600)\n"
        "        except OSError: pass\n",
        "def hear():\n    for n in fds:\n        try: value = fcntl.fcntl(n, 11)\n"
        "        except OSError: continue\n        if value: return value + 599\n    return 0\n",
    ),
]

ATTACKS = TELLING
