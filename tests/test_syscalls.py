"""The system call filter, run step by step as the kernel would, for each machine that it knows."""

import struct

import pytest

from opencodeinstruct.tools.sandbox.inside import syscalls
from opencodeinstruct.tools.sandbox.inside.syscalls import (
    ALLOW,
    ALLOWED,
    ARGUMENTS,
    CHECKED,
    EPERM,
    ERRNO,
    MACHINES,
    NEWEST,
    OWN,
    Step,
    numbers,
    program,
)


def answered(machine: str, server: bool, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel does: of a child's two filters the one that refuses decides."""
    layers = [True] if server else [True, False]
    answers = [
        decided(program(machine, server=one), architecture, number, *arguments) for one in layers
    ]
    return min(answers)  # SECCOMP_RET_ERRNO is less than SECCOMP_RET_ALLOW


def decided(steps: list[Step], architecture: int, number: int, *arguments: int) -> int:
    """What the filter returns for a call (classic BPF over struct seccomp_data)."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    place, held = 0, 0
    while True:
        code, then, other, operand = steps[place]
        place += 1
        if code == syscalls.LOAD:
            held = struct.unpack_from("<I", data, operand)[0]
        elif code == syscalls.AND:
            held &= operand
        elif code == syscalls.JUMP:
            place += operand
        elif code == syscalls.RETURN:
            return operand
        else:
            true = {
                syscalls.EQUAL: held == operand,
                syscalls.AT_LEAST: held >= operand,
                syscalls.ANY_BIT: bool(held & operand),
            }[code]
            place += then if true else other


@pytest.mark.parametrize("server", [False, True], ids=["a child", "the server"])
@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_just_what_is_listed_is_allowed(machine: str, server: bool) -> None:
    allowed, checked = numbers(ALLOWED, machine), numbers(CHECKED, machine)
    more = numbers(syscalls.SERVER, machine) if server else {}
    for number in range(NEWEST + 200):
        answer = answered(machine, server, MACHINES[machine], number, 12345, 12345, 12345)
        if number in checked.values():
            continue
        expected = number in allowed.values() or number in more.values()
        assert (answer == ALLOW) == expected, number
        assert expected or answer in (ERRNO | EPERM, ERRNO | syscalls.ENOSYS)


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_another_architecture_s_calls_do_not_exist(machine: str) -> None:
    for number in range(0, NEWEST, 7):
        assert answered(machine, False, 0x40000003, number) == ERRNO | syscalls.ENOSYS  # i386
    assert answered(machine, False, MACHINES[machine], 0x40000000) != ALLOW  # x32


THREAD_FLAGS, FORK_FLAGS = 0x3D0F00, 0x01200011  # as glibc makes a thread, and a process
ARGUMENT_CASES = [
    ("a thread", "clone", (THREAD_FLAGS,), True),
    ("a process", "clone", (FORK_FLAGS,), False),
    ("a thread in a new namespace", "clone", (THREAD_FLAGS | 0x10000000,), False),
    ("a thread of another parent", "clone", (THREAD_FLAGS | 0x8000,), False),
    ("a signal to oneself", "kill", (OWN,), True),
    ("a signal to the server", "kill", (1,), False),
    ("a signal to all", "kill", (2**64 - 1 - 1,), False),
    ("a signal to a thread of one's own", "tgkill", (OWN, 7), True),
    ("a signal to another's thread", "tgkill", (1, 1), False),
    ("a signal by thread alone", "tkill", (OWN,), False),
    ("one's own limits", "prlimit64", (0,), True),
    ("the server's limits", "prlimit64", (1,), False),
    ("a local pair of sockets", "socketpair", (1,), True),
    ("a pair of another family", "socketpair", (2,), False),
    ("a name for a thread", "prctl", (15,), True),
    ("a filter of one's own", "prctl", (22,), False),
    ("typing into a terminal", "ioctl", (0, 0x5412), False),
    ("the size of a terminal", "ioctl", (0, 0x5413), True),
    ("signals for a descriptor", "fcntl", (0, 8), False),
    ("a larger pipe", "fcntl", (0, 1031), False),
    ("a second descriptor", "fcntl", (0, 0), True),
]


@pytest.mark.parametrize("machine", sorted(MACHINES))
@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [pytest.param(*case, id=reason) for reason, *case in ARGUMENT_CASES],
)
def test_some_calls_are_allowed_with_some_arguments(
    machine: str, name: str, arguments: tuple[int, ...], allowed: bool
) -> None:
    number = numbers(CHECKED, machine)[name]
    answer = answered(machine, False, MACHINES[machine], number, *arguments)
    assert (answer == ALLOW) == allowed


def test_arguments_are_read_where_the_kernel_puts_them() -> None:
    assert struct.calcsize("<IIQ") == ARGUMENTS
