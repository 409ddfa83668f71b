"""System calls that nobody behind the walls has any business to make."""

CALL = r"""
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
REFUSALS = {errno.EPERM, errno.ENOSYS, errno.EACCES}
IDENTITY = {92, 117, 119}  # no other user is mapped: that is not valid
space = ctypes.create_string_buffer(1 << 16)

def call(number, *words):
    # the words are numbers, texts, or None for room to write to
    values = [space if word is None else word for word in words]
    values = [ctypes.c_long(v) if isinstance(v, int) else v for v in values]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *values)
    return 0 if result != -1 else ctypes.get_errno()

def refused(*words):
    return call(*words) in REFUSALS | ({errno.EINVAL} if words[0] in IDENTITY else set())
"""

SYSCALLS = [
    ("ptrace of a parent", "101, 16, os.getppid(), 0, 0"),
    ("ptrace of pid 1", "101, 0x4206, 1, 0, 0"),
    ("to be traced", "101, 0, 0, 0, 0"),
    ("reading another process's memory", "310, 1, None, 1, None, 1, 0"),
    ("writing another process's memory", "311, os.getppid(), None, 1, None, 1, 0"),
    ("a descriptor of a process", "434, 1, 0"),
    ("another process's descriptors", "438, 3, 0, 0"),
    ("comparing processes", "312, 1, os.getppid(), 0, 0, 0"),
    ("limits of pid 1", "302, 1, 7, None, 0"),
    ("limits of the parent", "302, os.getppid() or 1, 7, None, 0"),
    ("unshare: user and mount namespaces", "272, 0x10020000"),
    ("clone into a new user namespace", "56, 0x10000011, 0, 0, 0, 0"),
    ("clone of a process", "56, 17, 0, 0, 0, 0"),
    ("vfork by clone", "56, 0x4111, 0, 0, 0, 0"),
    ("clone3 of a process", "435, None, 64"),
    ("another's namespace", "308, 0, 0x10000000"),
    ("mount", "165, b'none', b'/tmp', b'tmpfs', 0, None"),
    ("umount", "166, b'/tmp', 2"),
    ("pivot_root", "155, b'/tmp', b'/tmp'"),
    ("chroot", "161, b'/tmp'"),
    ("a mount by the new calls", "430, b'tmpfs', 0"),
    ("a tree of mounts", "428, -100, b'/', 1"),
    ("attributes of a mount", "442, -100, b'/', 0, None, 32"),
    ("bpf", "321, 5, None, 64"),
    ("io_uring", "425, 8, None"),
    ("userfaultfd", "323, 1"),
    ("perf_event_open", "298, None, 0, -1, -1, 0"),
    ("a key", "248, b'user', b'name', b'x', 1, -2"),
    ("a keyring", "250, 1, 0"),
    ("System V memory", "29, 77, 4096, 0o1666"),
    ("System V messages", "68, 77, 0o1666"),
    ("System V semaphores", "64, 77, 1, 0o1666"),
    ("a message queue", "240, b'left', 0o102, 0o666, 0"),
    ("memory behind a descriptor", "319, b'x', 0"),
    ("secret memory", "447, 0"),
    ("asynchronous input, counted for the whole machine", "206, 4096, None"),
    ("quotas", "179, 0, 0, 0, None"),
    ("swap", "167, b'/tmp/x', 0"),
    ("reboot", "169, 0xfee1dead, 672274793, 0, 0"),
    ("a kernel module", "175, None, 16, b''"),
    ("another kernel", "246, 0, 0, None, 0"),
    ("the kernel's log", "103, 3, None, 4096"),
    ("accounting", "163, b'/tmp/x'"),
    ("the host's name", "170, b'mine', 4"),
    ("the domain's name", "171, b'mine', 4"),
    ("ports of the machine", "172, 3"),
    ("a file by its handle", "304, -100, None, 0"),
    ("everybody's files watched", "300, 0, 0"),
    ("the time of day", "164, b'\\0' * 16, 0"),
    ("the clock", "227, 0, b'\\0' * 16"),
    ("the clock's rate", "159, b'\\xff' * 208"),
    ("a device node", "133, b'/tmp/d', 0o60666, 0x801"),
    ("a character device", "133, b'/tmp/c', 0o20666, 0x101"),
    ("other people's files as one's own", "92, b'/tmp', 0, 0"),
    ("root", "117, 0, 0, 0"),
    ("root's group", "119, 0, 0, 0"),
    ("groups", "116, 1, None"),
    ("priority of the parent", "141, 0, os.getppid() or 1, 19"),
    ("priority of all processes of the user", "141, 2, 0, 19"),
    ("a real-time schedule for the parent", "144, os.getppid() or 1, 1, b'\\1\\0\\0\\0'"),
    ("the processors of the parent", "203, 1, 8, b'\\1' + b'\\0' * 7"),
    ("input priority of all processes", "251, 3, 0, 0x6007"),
    ("a process to be reaped elsewhere", "424, 3, 9, 0, 0"),
]
"""What is tried, and the number on x86-64 and the words of the system call."""
