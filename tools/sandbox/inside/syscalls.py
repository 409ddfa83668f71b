"""Which system calls there are behind the walls: a filter for the kernel (seccomp-bpf).

What is not listed does not exist (ENOSYS, so that a C library falls back to what is) or is not
permitted (EPERM); nothing is killed for asking. Numbers: `asm/unistd_64.h` and
`asm-generic/unistd.h` of Linux. The standard library only: this module is used behind the walls.
"""

import os
import struct
import sys
from collections.abc import Callable
from os import _exit, getpid
from typing import Any

ALLOWED = """
read 0 63  write 1 64  open 2 -  close 3 57  stat 4 -  fstat 5 80  lstat 6 -  poll 7 -
lseek 8 62  mmap 9 222  mprotect 10 226  munmap 11 215  brk 12 214  rt_sigaction 13 134
rt_sigprocmask 14 135  rt_sigreturn 15 139  pread64 17 67  pwrite64 18 68  readv 19 65
writev 20 66  access 21 -  pipe 22 -  select 23 -  sched_yield 24 124  mremap 25 216
msync 26 227  mincore 27 232  madvise 28 233  dup 32 23  dup2 33 -  pause 34 -  nanosleep 35 101
getitimer 36 102  alarm 37 -  setitimer 38 103  getpid 39 172  sendfile 40 71  sendto 44 206
recvfrom 45 207  shutdown 48 210  getsockname 51 204  getpeername 52 205  getsockopt 55 209
exit 60 93  wait4 61 260  uname 63 160  flock 73 32  fsync 74 82  fdatasync 75 83
truncate 76 45  ftruncate 77 46  getdents 78 -  getcwd 79 17  chdir 80 49  fchdir 81 50
rename 82 -  mkdir 83 -  rmdir 84 -  creat 85 -  link 86 -  unlink 87 -  symlink 88 -
readlink 89 -  chmod 90 -  fchmod 91 52  umask 95 166  gettimeofday 96 169  getrlimit 97 163
getrusage 98 165  sysinfo 99 179  times 100 153  getuid 102 174  getgid 104 176  geteuid 107 175
getegid 108 177  getppid 110 173  getpgrp 111 -  getgroups 115 158  getresuid 118 148
getresgid 120 150  capget 125 90  rt_sigpending 127 136  rt_sigtimedwait 128 137
rt_sigsuspend 130 133  sigaltstack 131 132  utime 132 -  statfs 137 43  fstatfs 138 44
getpriority 140 141  sched_getparam 143 121  sched_getscheduler 145 120
sched_get_priority_max 146 125  sched_get_priority_min 147 126  arch_prctl 158 -  gettid 186 178
time 201 -  futex 202 98  sched_getaffinity 204 123  set_thread_area 205 -
get_thread_area 211 -  epoll_create 213 -  getdents64 217 61  set_tid_address 218 96
restart_syscall 219 128  fadvise64 221 223  clock_gettime 228 113  clock_getres 229 114
clock_nanosleep 230 115  exit_group 231 94  epoll_wait 232 -  epoll_ctl 233 21  utimes 235 -
waitid 247 95  openat 257 56  mkdirat 258 34  newfstatat 262 79  unlinkat 263 35
renameat 264 38  linkat 265 37  symlinkat 266 36  readlinkat 267 78  fchmodat 268 53
faccessat 269 48  pselect6 270 72  ppoll 271 73  set_robust_list 273 99  get_robust_list 274 100
sync_file_range 277 84  utimensat 280 88  epoll_pwait 281 22  eventfd 284 -  fallocate 285 47
eventfd2 290 19  epoll_create1 291 20  dup3 292 24  pipe2 293 59  preadv 295 69  pwritev 296 70
getcpu 309 168  renameat2 316 276  getrandom 318 278  membarrier 324 283
copy_file_range 326 285  preadv2 327 286  pwritev2 328 287  statx 332 291  close_range 436 436
faccessat2 439 439  epoll_pwait2 441 441  rseq 334 293
"""
CHECKED = """
fcntl 72 25  ioctl 16 29  clone 56 220  kill 62 129  tkill 200 130  tgkill 234 131
prctl 157 167  prlimit64 302 261  setrlimit 160 164  socketpair 53 199
"""  # allowed with some arguments
SERVER = """
fork 57 -  recvmsg 47 212  sendmsg 46 211  seccomp 317 277  pidfd_open 434 434
"""
ABSENT = """
clone3 435 435  memfd_create 319 279  memfd_secret 447 447  io_uring_setup 425 425
io_uring_enter 426 426  io_uring_register 427 427  openat2 437 437
landlock_create_ruleset 444 444  userfaultfd 323 282  process_madvise 440 440
"""
NEWEST = 451  # higher numbers are newer than this table
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EPERM, ENOSYS = 1, 38
LOAD, EQUAL, AT_LEAST, ANY_BIT, JUMP, RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
AND = 0x54
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # places in struct seccomp_data
OWN = 0xFFFFFFFF  # in a program: to be replaced by the process's own id
THREAD = 0x00010100  # CLONE_THREAD and CLONE_VM
NOT_FOR_THREADS = 0x7E02A000  # CLONE_NEW*, CLONE_PARENT, CLONE_PTRACE
NAMESPACES = 0x7E020000  # CLONE_NEW*
Parts = tuple[memoryview, tuple[int, ...], Callable[..., int], tuple[Any, ...]]
Step = tuple[int, int, int, int]  # code, jt, jf, k of struct sock_filter


def permitted(answer: int = 0) -> Step:
    """The last step: allow, or refuse with the error number `answer`."""
    return (RETURN, 0, 0, ERRNO | answer if answer else ALLOW)


def one_of(place: int, values: list[int]) -> list[Step]:
    """Allow if the argument is one of `values`, else EPERM."""
    steps: list[Step] = [(LOAD, 0, 0, ARGUMENTS + 8 * place)]
    for left, value in zip(range(len(values), 0, -1), values, strict=True):
        steps.append((EQUAL, left, 0, value))
    return [*steps, permitted(EPERM), permitted()]


def none_of(place: int, values: list[int]) -> list[Step]:
    """EPERM if the argument is one of `values`, else allow."""
    steps = one_of(place, values)
    return [*steps[:-2], permitted(), permitted(EPERM)]


def no_bits(place: int, bits: int) -> list[Step]:
    """EPERM if the argument has one of `bits`, else allow."""
    return [
        (LOAD, 0, 0, ARGUMENTS + 8 * place),
        (ANY_BIT, 0, 1, bits),
        permitted(EPERM),
        permitted(),
    ]


THREADS_ONLY: list[Step] = [
    (LOAD, 0, 0, ARGUMENTS),
    (ANY_BIT, 3, 0, NOT_FOR_THREADS),
    (AND, 0, 0, THREAD),
    (EQUAL, 0, 1, THREAD),
    permitted(),
    permitted(EPERM),
]
# F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY, F_SETPIPE_SZ
FCNTL = none_of(1, [8, 10, 15, 1024, 1026, 1031])
IOCTL = none_of(1, [0x5412, 0x541C])  # TIOCSTI, TIOCLINUX: typing into a terminal
CHILD_RULES = {
    "fcntl": FCNTL,
    "ioctl": IOCTL,
    "clone": THREADS_ONLY,
    "kill": one_of(0, [OWN]),
    "tkill": [permitted(EPERM)],
    "tgkill": one_of(0, [OWN]),
    "prctl": one_of(0, [3, 15, 16]),  # PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME
    "prlimit64": one_of(0, [0, OWN]),
    "setrlimit": [permitted()],
    "socketpair": one_of(0, [1]),  # AF_UNIX: asyncio wakes itself through one
}
SERVER_RULES = {
    **{name: [permitted()] for name in ("kill", "tkill", "tgkill", "prctl", "prlimit64")},
    "setrlimit": [permitted()],
    "fcntl": FCNTL,
    "ioctl": IOCTL,
    "clone": no_bits(0, NAMESPACES),
    "socketpair": one_of(0, [1]),
}


def numbers(table: str, machine: str) -> dict[str, int]:
    """The calls of `table` that `machine` has, with their numbers."""
    words = table.split()
    column = 1 if machine == "x86_64" else 2
    names, values = words[::3], words[column::3]
    return {name: int(value) for name, value in zip(names, values, strict=True) if value != "-"}


def tree(ranges: list[tuple[int, list[Step]]]) -> list[Step]:
    """Steps that find by halving the last of `ranges` that begins at or below the number."""
    if len(ranges) == 1:
        return ranges[0][1]
    half = len(ranges) // 2
    low, high = tree(ranges[:half]), tree(ranges[half:])
    if len(low) < 256:
        return [(AT_LEAST, len(low), 0, ranges[half][0]), *low, *high]
    return [(AT_LEAST, 0, 1, ranges[half][0]), (JUMP, 0, 0, len(low)), *low, *high]


def ranges_of(rules: dict[int, list[Step]], other: list[Step]) -> list[tuple[int, list[Step]]]:
    """What is to be done from which number on, `other` without a rule; equal neighbours are one."""
    found: list[tuple[int, list[Step]]] = []
    for number in range(NEWEST + 2):
        steps = rules.get(number, other if number <= NEWEST else [permitted(ENOSYS)])
        if not found or found[-1][1] != steps or len(steps) > 1:
            found.append((number, steps))
    return found


def server_rules(machine: str) -> dict[int, list[Step]]:
    """The calls of the fork server, and so of all its children, by number; no others."""
    rules = {number: [permitted()] for number in numbers(ALLOWED, machine).values()}
    rules |= {number: [permitted()] for number in numbers(SERVER, machine).values()}
    rules |= {number: [permitted(ENOSYS)] for number in numbers(ABSENT, machine).values()}
    return rules | {
        number: SERVER_RULES[name] for name, number in numbers(CHECKED, machine).items()
    }


def child_rules(machine: str, *, receives: bool = False) -> dict[int, list[Step]]:
    """The calls that a child has no more, or with fewer arguments, by number.

    The server's filter goes on holding, so a child's has only these: it is put on for each program.
    """
    rules = {
        number: [permitted(EPERM)]
        for name, number in numbers(SERVER, machine).items()
        if not (receives and name == "recvmsg")
    }
    for name, number in numbers(CHECKED, machine).items():
        if CHILD_RULES[name] != SERVER_RULES[name]:
            rules[number] = CHILD_RULES[name]
    return rules


def program(machine: str, *, server: bool, receives: bool = False) -> list[Step]:
    """The filter of the fork server, or what comes on top of it in its children.

    With `receives` a child may be sent descriptors.
    """
    rules = server_rules(machine) if server else child_rules(machine, receives=receives)
    other = [permitted(EPERM)] if server else [permitted()]
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, MACHINES[machine]),
        permitted(ENOSYS),
        (LOAD, 0, 0, NUMBER),
        *tree(ranges_of(rules, other)),
    ]


class Filter:
    """A filter that is ready to be put upon a process, and all that it starts, by `impose`."""

    def __init__(self, *, server: bool, receives: bool = False) -> None:
        import ctypes

        machine = os.uname().machine
        if machine not in MACHINES or sys.byteorder != "little" or sys.maxsize < 2**32:
            sys.exit(f"there is no system call filter for {machine}")
        steps = program(machine, server=server, receives=receives)
        data = b"".join(struct.pack("HBBI", *step) for step in steps)
        own = tuple(2 * n + 1 for n, step in enumerate(steps) if step[3] == OWN)
        self._steps = ctypes.create_string_buffer(data, len(data))
        address = ctypes.addressof(self._steps)
        self._filter = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), address), 16)
        prctl = ctypes.CDLL(None).prctl
        no_new_privileges, set_seccomp, with_filter = 38, 22, 2
        nothing = ctypes.c_ulong(0)
        if prctl(no_new_privileges, ctypes.c_ulong(1), nothing, nothing, nothing):
            sys.exit("the kernel lets processes gain privileges")
        where = ctypes.c_void_p(ctypes.addressof(self._filter))
        arguments = (ctypes.c_int(set_seccomp), ctypes.c_ulong(with_filter), where)
        numbers = memoryview(self._steps).cast("B").cast("I")
        self.parts: Parts = (numbers, own, prctl, arguments)


def impose(
    numbers: memoryview, own: tuple[int, ...], prctl: Callable[..., int], arguments: tuple[Any, ...]
) -> None:
    """From here on only what the filter of these parts lets through.

    `numbers` are those of its steps, of which the ones at `own` are to be the process's own id.
    Exits where the kernel has no filters.
    """
    pid = getpid()
    for place in own:
        numbers[place] = pid
    if prctl(*arguments):
        _exit(71)
