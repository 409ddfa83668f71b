"""The kernel's other doors: sockets, signals, other processes, namespaces, devices, clocks."""

from tests.hostile.attack import ANY, BROKEN, PASS, Attack, attack
from tests.hostile.calls import CALL, SYSCALLS

SIGNALS = r"""
import os, signal
def reached(*numbers):
    # the processes other than this one that a signal could be sent to
    own, found = os.getpid(), []
    for pid in [1, -1, os.getppid(), *range(2, 200), *range(-200, -1)]:
        for number in numbers if abs(pid) not in (0, own) else ():
            try: os.kill(pid, number)
            except OSError: continue
            found.append(pid)
    return found
"""

FOREIGN = r"""
import ctypes, mmap, platform
def foreign(code):
    # run machine code of x86-64, where that is what there is
    if platform.machine() != 'x86_64': return -1
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code + b'\xc3')
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(at)()
"""

SOCKETS = r"""
import itertools, socket
def opened(make, families):
    found = []
    for family, kind in itertools.product(families, (1, 2, 3, 5)):
        for protocol in (0, 1, 16, 255):
            try: found.append(make(family, kind, protocol).family)
            except OSError: pass
    return found
"""

ATTACKS: list[Attack] = [
    attack(
        "sockets of every family",
        SOCKETS,
        "assert opened(socket.socket, range(48)) == []",
        verdict=PASS,
    ),
    attack(
        "pairs of sockets of every family but one",
        SOCKETS,
        "assert opened(socket.socketpair, [0, *range(2, 48)]) == []",
        verdict=PASS,
    ),
    attack(
        "a server on this machine",
        "import socket\ndef f():\n    done = []\n"
        "    pair = socket.socketpair(type=socket.SOCK_DGRAM)[0]\n"
        "    for family, kind, name in ((2, 1, ('127.0.0.1', PORT)), (2, 2, ('127.0.0.1', PORT)),\n"
        "            (10, 1, ('::1', PORT)), (1, 2, OUTSIDE + '/socket'), (1, 2, '\\0' + "
        "OUTSIDE)):\n"
        "        for make in (lambda: socket.socket(family, kind), lambda: pair):\n"
        "            for way in ('connect', 'bind', 'sendto'):\n"
        "                words = (b'x', name) if way == 'sendto' else (name,)\n"
        "                try: getattr(make(), way)(*words)\n"
        "                except (OSError, TypeError): continue\n"
        "                if way != 'bind': done.append((name, way))\n    return done\n",
        "assert f() == []",
        verdict=PASS,
    ),
    attack(
        "signal 0 to every process",
        SIGNALS,
        "assert reached(0) == []",
        verdict=PASS,
    ),
    attack(
        "every process is killed",
        SIGNALS,
        "assert reached(19, 2, 15, 6, 9) == []",
        "assert reached(9) == []",
        verdict=PASS,
    ),
    attack(
        "a group is killed",
        "import os\ndef f():\n    try: os.killpg(0, 9)\n    except OSError: return 1\n",
        "assert f() == 1",
        verdict=PASS | BROKEN,
    ),
    attack(
        "threads and queues as ways to a signal",
        CALL,
        "assert refused(200, 1, 9)",
        "assert refused(234, 1, 1, 9)",
        "assert refused(129, 1, 9, None)",
        "assert refused(297, 1, 1, 9, None)",
        verdict=PASS,
    ),
    attack(
        "fork in the ABI of i386",
        FOREIGN,
        r"assert foreign(b'\xb8\x02\x00\x00\x00\xcd\x80') < 0",
        verdict=PASS | {"crash"},
    ),
    attack(
        "a socket in the ABI of i386",
        FOREIGN,
        r"assert foreign(b'\x53\xb8\x67\x01\x00\x00\xbb\x02\x00\x00\x00\xb9\x01\x00\x00\x00"
        r"\x31\xd2\xcd\x80\x5b') < 0",
        verdict=PASS | {"crash"},
    ),
    attack(
        "fork in the ABI of x32",
        FOREIGN,
        r"assert foreign(b'\xb8\x39\x00\x00\x40\x0f\x05') < 0",
        verdict=PASS | {"crash"},
    ),
    attack(
        "a filter of system calls of the candidate's own",
        CALL + "import struct\ndef f():\n"
        "    rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 1), (6, 0, 0, 0x50000), (6, 0, 0, "
        "0x7fff0000)]\n"
        "    code = b''.join(struct.pack('HBBI', *rule) for rule in rules)\n"
        "    kept = ctypes.create_string_buffer(code)\n"
        "    program = struct.pack('HxxxxxxQ', len(rules), ctypes.addressof(kept))\n"
        "    call(157, 38, 1, 0, 0, 0)\n    call(317, 1, 0, program)\n    return 4\n",
        "assert f() == 5",
        "assert f() == 5",
    ),
    attack(
        "a filter of system calls by which nothing can end",
        CALL + "import struct\ndef f():\n"
        "    rules = [(0x20, 0, 0, 0), (0x15, 1, 0, 231), (0x15, 0, 1, 60), (6, 0, 0, 0x50001),\n"
        "             (6, 0, 0, 0x7fff0000)]\n"
        "    code = b''.join(struct.pack('HBBI', *rule) for rule in rules)\n"
        "    kept = ctypes.create_string_buffer(code)\n"
        "    program = struct.pack('HxxxxxxQ', len(rules), ctypes.addressof(kept))\n"
        "    call(157, 22, 2, program, 0, 0)\n    call(317, 1, 0, program)\n    os._exit(0)\n",
        "assert f() == 5",
    ),
    attack(
        "settings of the process",
        CALL + "def f():\n    for option in range(1, 80):\n        for word in (0, 1, 9):\n"
        "            call(157, option, word, 0, 0, 0)\n    return 4\n",
        "assert f() == 5",
    ),
    attack(
        "another personality",
        CALL + "def f():\n    for n in (0x40000, 0x0008, 0xffffffff, 0x400000): call(135, n)\n"
        "    return 4\n",
        "assert f() == 5",
    ),
    attack(
        "local descriptors of segments, and ports of the machine",
        CALL + "def f():\n    return [call(154, 1, bytes(16), 16) and 1, refused(172, 3)]\n",
        "assert f()[1]",
        verdict=PASS,
    ),
    attack(
        "no /proc, no /sys, no /etc, no home",
        "import os\ndef f():\n    return [p for p in ('/proc/self', '/proc/1', '/proc/sys',\n"
        "        '/sys/kernel', '/root/.bashrc', '/etc/passwd', '/dev/shm', '/dev/pts',\n"
        "        '/dev/mqueue', '/dev/tty', '/dev/sda', '/dev/mem', '/dev/kvm', '/dev/fuse')\n"
        "        if os.path.lexists(p)]\n",
        "assert f() == []",
        verdict=PASS,
    ),
    attack(
        "modes and owners of what is shown",
        "import os\nsame = ('/', '/dev', '/dev/null', '/dev/zero', '/dev/urandom', os.__file__)\n"
        "def f():\n    done = []\n    for path in same:\n        now = os.stat(path)\n"
        "        for way in (lambda: os.chmod(path, now.st_mode & 0o7777),\n"
        "            lambda: os.chown(path, now.st_uid, now.st_gid),\n"
        "            lambda: os.utime(path, ns=(now.st_atime_ns, now.st_mtime_ns)),\n"
        "            lambda: os.rename(path, path + 'x'), lambda: os.link(path, '/tmp/l'),\n"
        "            lambda: os.setxattr(path, 'user.left', b'x'),\n"
        "            lambda: open(path, 'r+b') if '/dev' not in path else os.stat(path + 'x')):\n"
        "            try: way()\n            except OSError: continue\n"
        "            done.append(path)\n    return done\n",
        "assert f() == []",
        verdict=PASS,
    ),
    attack(
        "the terminal is typed into",
        "import fcntl, os, termios\ndef f():\n    done = []\n    for n in range(256):\n"
        "        try: done.append(fcntl.ioctl(n, termios.TIOCSTI, b'x'))\n"
        "        except OSError: pass\n        try: done.append(os.ttyname(n))\n"
        "        except OSError: pass\n    return done\n",
        "assert f() == []",
        verdict=PASS,
    ),
    attack(
        "the whole of /dev/random is used up, and fed",
        "import fcntl, os\ndef f():\n    n = os.open('/dev/urandom', os.O_RDWR)\n"
        "    os.write(n, bytes(4096))\n    for request in (0x5201, 0x5204, 0x5206):\n"
        "        try: fcntl.ioctl(n, request, b'\\xff' * 8)\n        except OSError: continue\n"
        "        return request\n    return 0\n",
        "assert f() == 0",
        verdict=PASS | {"error"},
    ),
    attack(
        "everything is deleted",
        "import os, shutil\ndef f():\n    for path in ('/', '/tmp', '..', '/usr', os.__file__):\n"
        "        shutil.rmtree(path, ignore_errors=True)\n    return 4\n",
        "assert f() == 5",
        verdict=ANY - PASS,
    ),
    attack(
        "the test itself deletes, kills and leaves",
        "import os, shutil",
        "shutil.rmtree('/tmp', ignore_errors=True)\nassert os.path.exists('/tmp')",
        "try: os.kill(-1, 9)\nexcept OSError: pass\nassert True",
        "try: os.fork()\nexcept OSError: pass\nassert True",
        verdict=ANY,
    ),
    *(
        attack(reason, f"{CALL}def f(): return refused({words})\n", "assert f()", verdict=PASS)
        for reason, words in SYSCALLS
    ),
]
