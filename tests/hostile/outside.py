"""What lies outside of the walls, and must be the same after an attack."""

import os
import resource
import socket
import time
from contextlib import suppress
from pathlib import Path

from tests.programs import descendants


class Outside:
    """Files, servers, this process and this machine: what a hostile program would reach for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[socket.socket] = []
        (folder / "kept").mkdir()
        for name in ("kept/file", "file", ".hidden"):
            (folder / name).write_text("still here")
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port = int(tcp.getsockname()[1])
        self.servers += [tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
        self.servers[1].bind(("127.0.0.1", self.port))
        for name in (str(folder / "socket"), f"\0{folder}"):
            self.servers.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            self.servers[-1].bind(name)
        for server in self.servers:
            server.setblocking(False)
        self.processes = 0
        self.offset = time.time() - time.monotonic()

    def close(self) -> None:
        """Close the servers."""
        for server in self.servers:
            server.close()

    def placed(self, text: str) -> str:
        """`text` with the folder and the port of this place for OUTSIDE and PORT."""
        return text.replace("OUTSIDE", repr(str(self.folder))).replace("PORT", str(self.port))

    def state(self) -> dict[str, object]:
        """All that must not change; equal before and after."""
        watched = [*sorted(self.folder.rglob("*")), Path("/dev/null"), Path(os.__file__)]
        files = {str(path): (path.stat().st_mode, path.stat().st_uid) for path in watched}
        texts = [path.read_text() for path in watched[:-2] if path.is_file()]
        return {
            "files": files,
            "texts": texts,
            "left": sorted(path.name for path in Path("/tmp").glob("left*")),
            "heard": self.heard(),
            "priority": os.getpriority(os.PRIO_PROCESS, 0),
            "processors": os.sched_getaffinity(0),
            "limits": [resource.getrlimit(kind) for kind in range(16)],
            "names": os.uname()[:2],
            "clock": abs(time.time() - time.monotonic() - self.offset) < 60,
            "memory": [line.split()[0] == "77" for line in lines("/proc/sysvipc/shm")].count(True),
            "mounts": len(lines("/proc/self/mountinfo")),
        }

    def heard(self) -> list[str]:
        """What the servers were told."""
        said = []
        for server in self.servers:
            with suppress(BlockingIOError):
                said.append(str(server.accept() if server is self.servers[0] else server.recv(9)))
        return said

    def quiet(self) -> bool:
        """Whether there come to be no more processes than there were at first."""
        for _ in range(250):
            if len(descendants()) <= self.processes:
                return True
            time.sleep(0.02)
        return False


def lines(path: str) -> list[str]:
    """The lines of a file of the kernel's; none where there is no such file."""
    with suppress(OSError):
        return Path(path).read_text().splitlines()
    return []
