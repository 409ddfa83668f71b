"""What a local Hub was asked, in order, and how many bytes went each way."""

import re
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `received` and `sent` are bytes of bodies, without headers.

    `token` is what came as a bearer, `host` the name that the client asked for, `range` its Range
    header. `status` is 0 where the connection was reset instead of an answer.
    """

    method: str
    path: str
    status: int
    received: int
    sent: int
    token: str | None
    host: str
    range: str | None


class Log:
    """The requests that a local Hub has answered; patterns are searched in their paths."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    def add(self, request: Request) -> None:
        """Note `request` as the last one."""
        with self._lock:
            self._requests.append(request)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._requests.clear()

    def requests(self, pattern: str = "", method: str | None = None) -> list[Request]:
        """The requests whose path holds `pattern`, of that method where one is named."""
        with self._lock:
            seen = list(self._requests)
        return [
            request
            for request in seen
            if re.search(pattern, request.path) and method in (None, request.method)
        ]

    def paths(self, pattern: str = "", method: str | None = None) -> list[str]:
        """The paths of those requests."""
        return [request.path for request in self.requests(pattern, method)]

    def bytes_sent(self, pattern: str = "", method: str | None = None) -> int:
        """Bytes of bodies that went to clients."""
        return sum(request.sent for request in self.requests(pattern, method))

    def bytes_received(self, pattern: str = "", method: str | None = None) -> int:
        """Bytes of bodies that came from clients."""
        return sum(request.received for request in self.requests(pattern, method))
