"""A small real model endpoint for tests: OpenAI's chat protocol, and misbehaviour on order.

In a test: `with Endpoint(lambda body: "answer") as endpoint: ... endpoint.base_url`. As a process
of its own, for tests that kill the run that asks it:

    python -m tests.endpoint --script tests.some_module:answer --log asked.jsonl --port 0

writes its base URL to stdout, then one line of JSON for each request as it comes in.
"""

import argparse
import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

MODEL = "test-model"
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """How a request is served where a plain text will not do.

    `body`, where given, is sent as it is instead of a completion that says `text`. `delay` is in
    seconds; `cut` closes the connection before the reply or in the middle of its body; `text` None
    makes the content null. `endless` is a stream that never comes to its end.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    text: str | None = "fault"
    delay: float = 0.0
    cut: Literal["before", "midway"] | None = None
    finish_reason: str = "stop"
    model: str | None = None
    usage: bool = True
    endless: bool = False


Reply = str | Fault
NEVER = Fault(delay=3600, cut="before")
CUT_BEFORE = Fault(cut="before")
CUT_MIDWAY = Fault(cut="midway")
NOT_UTF8 = Fault(body=b'{"choices": [{"message": {"content": "\xff\xfe"}}]}')
NOT_JSON = Fault(body=b"<html>a proxy's page</html>")
ERROR_IN_BODY = Fault(body=b'{"error": {"message": "engine is dead", "code": 500}}')
FLOOD = Fault(text="token " * 40_000)


def status(code: int, message: str = "no", **headers: str) -> Fault:
    """A reply with the HTTP status `code`; `Retry_After="1"` becomes the header Retry-After."""
    body = json.dumps({"error": {"message": message}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=code, headers=named, body=body)


def in_turn(*replies: Reply) -> Callable[[Body], Reply]:
    """Answer the nth request with the nth reply; the last one repeats."""
    lock, left = threading.Lock(), list(replies)

    def answer(_: Body) -> Reply:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return answer


def last_message(body: Body) -> str:
    """The text of the last message of a request."""
    return cast(str, body["messages"][-1]["content"])


class Endpoint:
    """Serves `answer` at `base_url` while the context lasts.

    `requests` are the bodies received, `headers` theirs, in order; `busiest` is the greatest number
    of requests that were open at once. An exception inside `answer` is raised at the context's end.
    """

    def __init__(
        self,
        answer: Callable[[Body], Reply],
        *,
        models: tuple[str, ...] = (MODEL,),
        log: Path | None = None,
        port: int = 0,
    ) -> None:
        self.answer, self.models = answer, models
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.failures: list[Exception] = []
        self.metrics: Callable[[], str] | None = (
            None  # the text of GET /metrics, where there is one
        )
        self.busiest = self.open = 0
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.connections: set[socket.socket] = set()
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if log else None
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.endpoint = self
        self.port = self._server.server_port
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "Endpoint":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        with self.lock:
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        if self._log is not None:
            os.close(self._log)
        if self.failures and kind is None:
            raise self.failures[0]

    def receive(self, body: Body, headers: dict[str, str]) -> Reply:
        """Note the request, then ask the script what to reply."""
        with self.lock:
            self.requests.append(body)
            self.headers.append(headers)
            if self._log is not None:
                os.write(self._log, json.dumps(body).encode() + b"\n")
        try:
            return self.answer(body)
        except Exception as error:  # noqa: BLE001 - raised again when the context ends
            self.failures.append(error)
            return status(500, f"the test's script failed: {error!r}")


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 512
    endpoint: Endpoint

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news here."""
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.endpoint.failures.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.endpoint.lock:
            self.server.endpoint.connections.add(self.connection)

    def finish(self) -> None:
        with self.server.endpoint.lock:
            self.server.endpoint.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            listed = [{"id": name, "object": "model"} for name in self.server.endpoint.models]
            self.send(Fault(body=json.dumps({"object": "list", "data": listed}).encode()))
        elif self.path == "/health":
            self.send(Fault(body=b'{"status": "ok"}'))
        elif self.path == "/metrics" and self.server.endpoint.metrics is not None:
            self.send(Fault(body=self.server.endpoint.metrics().encode()))
        else:
            self.send(status(404, "no such page"))

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self.send(status(404, "no such page"))
            return
        with endpoint.lock:
            endpoint.open += 1
            endpoint.busiest = max(endpoint.busiest, endpoint.open)
        try:
            reply = endpoint.receive(body, dict(self.headers.items()))
            if isinstance(reply, Fault) and reply.delay:
                endpoint.closing.wait(reply.delay)
        finally:
            with endpoint.lock:
                endpoint.open -= 1
        if isinstance(reply, Fault) and reply.endless:
            self.stream_for_ever()
        else:
            self.send(completion(body, reply))

    def stream_for_ever(self) -> None:
        """Send an event now and then, until the client or the test has had enough."""
        self.close_connection = True
        event = b'data: {"choices": [{"delta": {"content": "and "}}]}\n\n'
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            while not self.server.endpoint.closing.wait(0.02):
                self.wfile.write(event)

    def send(self, reply: Fault) -> None:
        """Write the whole reply at once, or as much of it as its fault lets through."""
        body = reply.body or b""
        head = [f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('Odd',))[0]}"]
        named = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        head += [f"{name}: {value}" for name, value in {**named, **reply.headers}.items()]
        data = "\r\n".join([*head, "", ""]).encode() + body
        if reply.cut:
            self.close_connection = True
            data = data[: len(data) - len(body) // 2 - 1] if reply.cut == "midway" else b""
        with suppress(OSError):  # the client may have gone
            self.wfile.write(data)


def completion(body: Body, reply: Reply) -> Fault:
    """`reply` with its body: a chat completion that says its text, tokens counted as words."""
    fault = Fault(text=reply) if isinstance(reply, str) else reply
    if fault.body is not None:
        return fault
    message = {"role": "assistant", "content": fault.text}
    made: Body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": fault.model or body.get("model", MODEL),
        "choices": [{"index": 0, "message": message, "finish_reason": fault.finish_reason}],
    }
    if fault.usage:
        asked = sum(len(message["content"].split()) for message in body["messages"])
        said = len((fault.text or "").split())
        made["usage"] = {"prompt_tokens": asked, "completion_tokens": said}
    return Fault(
        status=fault.status,
        headers=fault.headers,
        body=json.dumps(made).encode(),
        cut=fault.cut,
    )


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.endpoint")
    parser.add_argument("--script", required=True, metavar="MODULE:FUNCTION")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    module, _, function = arguments.script.partition(":")
    script = getattr(importlib.import_module(module), function)
    with Endpoint(script, log=arguments.log, port=arguments.port) as endpoint:
        sys.stdout.write(endpoint.base_url + "\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
