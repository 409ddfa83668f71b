"""Taking all there is: memory, threads, processes, descriptors, files, output."""

from tests.hostile.attack import ERROR, MEMORY, NO_PASS, PASS, SECRET, SEEN, Attack, attack

FULL = MEMORY | ERROR


def bomb(reason: str, body: str, verdict: frozenset[str], *, setup: str = "") -> Attack:
    """A function `f` that takes too much."""
    return attack(reason, f"{setup}def f():\n{body}", "assert f() == 5", verdict=verdict)


def most(reason: str, body: str, test: str, *, setup: str = "import os\n") -> Attack:
    """A function `f` that takes what it gets, and says how much that was."""
    return attack(reason, f"{setup}def f():\n{body}", test, verdict=PASS)


MEMORY_BOMBS = [
    bomb("one large block", "    return bytearray(1 << 40)\n", MEMORY),
    bomb("a list that grows", "    x = [0]\n    while True: x += x\n", MEMORY),
    bomb("a string that doubles", "    x = 'x'\n    while True: x += x\n", MEMORY),
    bomb(
        "many small objects",
        "    x = None\n    while True: x = {1: x, 2: bytes(99)}\n",
        FULL | {"timeout", "crash"},
    ),
    bomb(
        "mapped memory",
        "    kept = []\n    while True:\n        kept.append(mmap.mmap(-1, 1 << 24))\n"
        "        kept[-1].write(bytes(1 << 24))\n",
        FULL,
        setup="import mmap\n",
    ),
    bomb("shared memory", "    mmap.mmap(-1, 1 << 34, flags=1)\n", FULL, setup="import mmap\n"),
    bomb(
        "reserved memory",
        "    x = mmap.mmap(-1, 1 << 36, flags=0x4022)\n"
        "    for n in range(0, 1 << 36, 4096): x[n] = 1\n",
        FULL,
        setup="import mmap\n",
    ),
    bomb(
        "memory errors are swallowed",
        "    kept = []\n    while True:\n        try: kept.append(bytearray(1 << 20))\n"
        "        except MemoryError: pass\n",
        NO_PASS,
    ),
    bomb("a sort of too much", "    return sorted(range(10**9))\n", MEMORY),
    bomb("memory while it loads", "    pass\nx = [b'x']\nwhile True: x += x\n", MEMORY),
    bomb(
        "memory behind C's back",
        "    while True:\n        at = libc.malloc(1 << 20)\n        if not at: raise MemoryError\n"
        "        ctypes.memset(at, 1, 1 << 20)\n",
        MEMORY | {"timeout"},
        setup="import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n",
    ),
    attack(
        "right while it is watched, a memory bomb when it is not",
        SEEN + "def secret(): return seen() or len(bytearray(1 << 40))\n",
        SECRET,
    ),
    most(
        "memory that is kept in pipes",
        "    size = 0\n    try:\n        while True:\n            r, w = os.pipe()\n"
        "            os.set_blocking(w, False)\n            fcntl.fcntl(w, 1031, 1 << 20)\n"
        "            while True:\n                try: size += os.write(w, bytes(65536))\n"
        "                except BlockingIOError: break\n    except OSError: pass\n"
        "    return size\n",
        "assert f() <= 256 << 20",
        setup="import fcntl, os\n",
    ),
]

MANY = [
    bomb(
        "threads without end",
        "    while True: threading.Thread(target=time.sleep, args=(60,)).start()\n",
        FULL,
        setup="import threading, time\n",
    ),
    bomb(
        "a fork bomb",
        "    while True:\n        try: os.fork()\n        except BlockingIOError: pass\n",
        ERROR,
        setup="import os\n",
    ),
    bomb(
        "every way to have a child",
        "    started = []\n    for way in ways:\n        try: way()\n"
        "        except OSError: continue\n        started.append(way)\n"
        "    return 5 if started else 4\n",
        NO_PASS,
        setup="import multiprocessing as m, os, pty, subprocess, sys\n"
        "ways = [os.fork, os.forkpty, pty.fork, lambda: subprocess.run([sys.executable, '-V']),\n"
        "    lambda: os.posix_spawn(sys.executable, [sys.executable, '-V'], {}),\n"
        "    lambda: subprocess.Popen([sys.executable, '-V'], close_fds=False),\n"
        "    lambda: m.get_context('fork').Process(target=print).start(),\n"
        "    lambda: m.get_context('spawn').Process(target=print).start(),\n"
        "    lambda: m.get_context('forkserver').Process(target=print).start()]\n",
    ),
    most(
        "descriptors without end",
        "    kept = []\n    try:\n        while True: kept.append(os.open('/dev/null', 0))\n"
        "    except OSError: return len(kept)\n",
        "assert f() <= 1024",
    ),
    most(
        "descriptors that are parked in sockets",
        "    a, b = socket.socketpair()\n    b.setblocking(False)\n"
        "    many = array.array('i', [1])\n"
        "    count = 0\n    try:\n        for _ in range(5000):\n            fds = many * 99\n"
        "            b.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])\n"
        "            count += 99\n    except OSError: pass\n    return count\n",
        "assert f() <= 100000",
        setup="import array, socket\n",
    ),
]

FILES = [
    most(
        "files without end",
        "    try:\n        for n in range(10**6): os.close(os.open(f'/tmp/{n}', os.O_CREAT))\n"
        "    except OSError as error: return error.errno\n",
        "assert f() in (28, 122)",
    ),
    most(
        "links without end",
        "    open('/tmp/a', 'w').close()\n    count = 0\n    try:\n"
        "        for n in range(10**6): os.symlink('x' * 99, f'/tmp/s{n}')\n"
        "    except OSError: pass\n    try:\n"
        "        for n in range(30000): os.link('/tmp/a', f'/tmp/h{n}')\n"
        "    except OSError: pass\n    return len(os.listdir('/tmp')) > 1\n",
        "assert f()",
    ),
    most(
        "a disk that is full",
        "    size = 0\n    try:\n        for n in range(99):\n"
        "            with open(f'/tmp/{n}', 'wb', 0)"
        " as file: size += file.write(bytes(4 << 20))\n    except OSError: pass\n    return size\n",
        "assert f() <= 64 << 20",
    ),
    bomb(
        "a file that is large and empty",
        "    with open('/tmp/x', 'wb') as file: file.truncate(1 << 40)\n    return 5\n",
        ERROR | {"crash"},
    ),
    bomb(
        "a file that is mapped and filled",
        "    with open('/tmp/x', 'wb+') as file:\n        file.truncate(60 << 20)\n"
        "        for n in range(2): open(f'/tmp/{n}', 'wb').write(bytes(30 << 20))\n"
        "        x = mmap.mmap(file.fileno(), 0)\n"
        "        for n in range(0, 60 << 20, 4096): x[n] = 1\n",
        ERROR | {"crash", "memory"},
        setup="import mmap\n",
    ),
    bomb(
        "folders in folders",
        "    n = 0\n    while True:\n        n += 1\n        os.mkdir('d' * 200)\n"
        "        os.chdir('d' * 200)\n        if n % 9 == 0: os.chmod('.', 0o300)\n",
        ERROR | {"timeout"},
        setup="import os\n",
    ),
    most(
        "folders and files that will not be deleted",
        "    for n in range(20):\n        os.makedirs(f'/tmp/{n}/a/b')\n"
        "        open(f'/tmp/{n}/a/b/c', 'w').close()\n        os.chmod(f'/tmp/{n}/a/b/c', 0)\n"
        "        os.chmod(f'/tmp/{n}/a/b', 0)\n        os.chmod(f'/tmp/{n}/a', 0o111)\n"
        "        os.chmod(f'/tmp/{n}', 0o1000)\n    return 1\n",
        "assert f() == 1",
    ),
    most(
        "files of odd names",
        "    names = [b'\\xff\\xfe', b'a\\nb', b'-rf', b'*', b'~', b' ', b'\\x1b[2J', b'x' * 255]\n"
        "    names += [b'..' + bytes([n]) for n in range(1, 256) if n != 47]\n"
        "    for name in names:\n        open(b'/tmp/' + name, 'w').close()\n"
        "        os.link(b'/tmp/' + name, b'/tmp/l' + name[:99])\n    return 1\n",
        "assert f() == 1",
    ),
    most(
        "pipes, sockets and locks among the files",
        "    try: os.mkfifo('/tmp/fifo')\n    except OSError: pass\n"
        "    for name in ('a', 'b'):\n        kept.append(open('/tmp/' + name, 'w'))\n"
        "        fcntl.flock(kept[-1], fcntl.LOCK_EX)\n"
        "        fcntl.lockf(kept[-1], fcntl.LOCK_EX)\n"
        "    a, b = socket.socketpair(type=socket.SOCK_DGRAM)\n    kept.append(a)\n"
        "    try: a.bind('/tmp/socket')\n    except OSError: pass\n    return 1\n",
        "assert f() == 1",
        setup="import fcntl, os, socket\nkept = []\n",
    ),
    most(
        "what is printed to is stretched, filled, mapped and sealed",
        "    for n in (1, 2):\n        for way in (lambda: os.truncate(n, 1 << 40),\n"
        "            lambda: os.posix_fallocate(n, 0, 1 << 33), lambda: os.lseek(n, 1 << 40, 0),\n"
        "            lambda: os.write(n, b'x'), lambda: fcntl.fcntl(n, 1033, 15),\n"
        "            lambda: os.fchmod(n, 0), lambda: mmap.mmap(n, 1 << 20).write(b'x' * 4096)):\n"
        "            try: way()\n            except (OSError, ValueError): pass\n    return 1\n",
        "assert f() == 1",
        setup="import fcntl, mmap, os\n",
    ),
    attack(
        "the C stack, and no end of it",
        "import sys, threading\nsys.setrecursionlimit(10**9)\nthreading.stack_size(1 << 26)\n"
        "def deep(n): return deep(n + 1) + max([n], key=deep)\ndef f():\n"
        "    thread = threading.Thread(target=deep, args=(0,))\n    thread.start()\n"
        "    thread.join()\n    return deep(0)\n",
        "assert f() == 5",
    ),
]

ATTACKS = MEMORY_BOMBS + MANY + FILES
