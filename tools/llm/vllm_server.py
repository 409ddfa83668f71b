"""A vLLM server on this machine: started for a run, gone when the run is, however it ends."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.llm.fetching import Progress, no_progress

# Without it a grammar of JSON lets a small model write blanks until it is cut off.
COMPACT_JSON = {"backend": "xgrammar", "disable_any_whitespace": True}
WATCH = Path(__file__).with_name("watch.py")
NOT_INSTALLED = (
    "vLLM is not installed. Run: pip install 'opencodeinstruct[vllm]' (needs a GPU), or "
    "set model to the URL of a server."
)
_OF_THE_ENGINE = re.compile(
    r"\((?:EngineCore|Worker)\b.*?\) (?:.*\] )?([\w.]+(?:Error|Exception): .+)"
)
LONGEST_START = 3600.0  # seconds; the first start downloads tens of gigabytes


class VllmServer:
    """`vllm serve WEIGHTS` at `base_url` while the context lasts; what it prints goes to `log`.

    `weights` is a model's name or a folder; the server calls the model `name`.

    Entering returns when the server is ready. It raises `Missing` when there is no vLLM, and
    `ServiceError` with the log's last words when it ends early.
    """

    def __init__(
        self,
        weights: str,
        log: Path,
        *,
        name: str = "",
        progress: Progress = no_progress,
        longest_start: float = LONGEST_START,
    ) -> None:
        self.weights, self.name, self.log = weights, name or weights, log
        self._progress, self._longest_start = progress, longest_start
        self._port = free_port()
        self.base_url = f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> "VllmServer":
        command = [vllm_command(), "serve", self.weights, "--host", "127.0.0.1"]
        command += ["--structured-outputs-config", json.dumps(COMPACT_JSON)]
        command += ["--enable-prompt-tokens-details"]  # else nobody is told what was cached
        if self.name != self.weights:
            command += ["--served-model-name", self.name]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C reaches us first, and we end it in order.
            self._watch = subprocess.Popen(
                [sys.executable, "-I", str(WATCH), *command, "--port", str(self._port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._end()

    def _wait_until_ready(self) -> None:
        began = time.monotonic()
        while not is_healthy(self._port):
            if self._watch.poll() is not None:
                raise ServiceError(
                    f"vllm serve {self.name} ended before it was ready: {cause(self.log)}. "
                    f"The whole log is {self.log}."
                )
            seconds = time.monotonic() - began
            if seconds > self._longest_start:
                raise ServiceError(
                    f"vllm serve {self.name} was not ready after {seconds:.0f} s: "
                    f"{last_words(self.log)}. The whole log is {self.log}."
                )
            self._progress(0, 0, f"starting vLLM: {last_words(self.log)}")
            time.sleep(0.1)

    def _end(self) -> None:
        """End the server and everything it started; the watch does it when its stdin closes."""
        if self._watch.stdin is not None:
            self._watch.stdin.close()
        self._watch.wait()


def vllm_command() -> str:
    """The program `vllm` beside this Python, else on the PATH; `Missing` where there is none."""
    beside = Path(sys.executable).parent / "vllm"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("vllm")
    if found is None:
        raise Missing(NOT_INSTALLED)
    return found


def is_healthy(port: int) -> bool:
    """Whether a server on this machine answers GET /health with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_words(log: Path) -> str:
    """The last line of a log that says something, at most 200 characters."""
    said = reversed(_end_of(log, 2**12))
    return next((line[:200] for line in said if line), "it says nothing")


def cause(log: Path) -> str:
    """Why a server did not start: what its engine died of, else its last words.

    The engine is a process of its own; the last words are those of the one that waited for it, and
    say "see root cause above".
    """
    found = [_OF_THE_ENGINE.match(line) for line in _end_of(log, 2**16)]
    return next((match[1][:200] for match in reversed(found) if match), last_words(log))


def _end_of(log: Path, size: int) -> list[str]:
    """The lines of the last `size` bytes, without what cannot be printed."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - size, 0))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return ["".join(c for c in line if c.isprintable()).strip() for line in lines]
