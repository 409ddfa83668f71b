"""Faults on demand: which requests of a local Hub go wrong, and how."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with requests of `method` (any, where None) whose path holds `path`.

    The first `after` of them are served, then `times` of them fail (all, where None):

    - `status`: that status instead of service, with `error_code` as X-Error-Code;
    - `cut="before"`: the connection is reset before anything is done; `"after"`: it is reset after
      the request took effect, before the answer; `"upload"`: in the middle of the request's body;
      `"download"`: in the middle of the answer's body;
    - `truncated`: half of the answer's body, with a Content-Length that says so, as a broken
      cache gives it;
    - `act`: is called first, with the request still to be served: what somebody else does then;
    - `delay`: that many seconds pass first; `rate`: bytes a second of the answer's body.
    """

    path: str
    method: str | None = None
    after: int = 0
    times: int | None = 1
    status: int | None = None
    error_code: str | None = None
    message: str = "a fault of the test"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: Literal["before", "after", "upload", "download"] | None = None
    truncated: bool = False
    act: Callable[[], object] | None = None
    delay: float = 0.0
    rate: float | None = None

    @property
    def body(self) -> bytes:
        """What is said with `status`."""
        return json.dumps({"error": self.message}).encode()


DISK_FULL = 507
"""The status of a server that has no space left."""


class Faults:
    """The faults that wait for their requests; of several that fit, the first one added acts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        """From now on `fault` acts, too."""
        with self._lock:
            self._faults.append((fault, [0]))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()

    def hits(self) -> int:
        """How many requests have gone wrong."""
        with self._lock:
            return sum(max(0, seen[0] - fault.after) for fault, seen in self._faults)

    def next_for(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, which counts as one of its times."""
        with self._lock:
            for fault, seen in self._faults:
                if fault.method not in (None, method) or not re.search(fault.path, path):
                    continue
                if fault.times is not None and seen[0] >= fault.after + fault.times:
                    continue
                seen[0] += 1
                if seen[0] > fault.after:
                    return fault
        return None
