"""A small real server that speaks the Hub's protocol for datasets, and misbehaves on order.

What it answers is modelled on what `huggingface_hub` sends and reads, and on the Hub's
documentation; the Hub itself was not asked. `python -m tests.hub.server --root DIR` serves in a
process of its own.
"""

import argparse
import hashlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from urllib.parse import parse_qs, unquote

from tests.hub.answers import Account, Answer, Asked, Refusal, refusal
from tests.hub.api import Api
from tests.hub.clients import Done, environment, python
from tests.hub.faults import Fault, Faults
from tests.hub.files import Files
from tests.hub.lfs import Lfs
from tests.hub.log import Log, Request
from tests.hub.store import Commit, Repo, Store

TOKENS = {
    "writer": Account("me", write=True),
    "hf_writer": Account("me", write=True),  # a client wants tokens of the form of the Hub's
    "reader": Account("me", write=False),
    "stranger": Account("somebody", write=True),
}
"""Tokens and whose they are; any other is refused as the Hub refuses it."""

PIECE = 1 << 16


class LocalHub:
    """Serves a Hub at `url` while the context lasts; everything it keeps is below `root`.

    `page`: most entries in one page of a list. `part_size`: large files above it are sent in parts.
    `redirect`: large files come from another host, `localhost` instead of `127.0.0.1`. `xet`: files
    that were uploaded by Xet are offered by Xet as well.
    """

    def __init__(
        self,
        root: Path,
        *,
        page: int = 1000,
        part_size: int = 16 << 20,
        redirect: bool = True,
        xet: bool = True,
        port: int = 0,
    ) -> None:
        self.store, self.faults, self.log = Store(root), Faults(), Log()
        self.failures: list[BaseException] = []
        self.home = root / "home"
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.api = Api(self.store, lambda: self.url, page)
        self.lfs = Lfs(self.store, lambda: self.url, part_size)
        self.files = Files(self.store, lambda: self.url, redirect=redirect, xet=xet)
        self._homes = 0

    def __enter__(self) -> "LocalHub":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.failures and kind is None:
            raise self.failures[0]

    def create(self, repo_id: str, *, private: bool = False, gated: bool = False) -> Repo:
        """A repository without files but `.gitattributes`."""
        return self.store.create(repo_id, private=private, gated=gated)

    def put(self, repo_id: str, files: Mapping[str, bytes | Path | None]) -> Commit:
        """One commit on `main` with these files, None deletes; makes the repository if need be."""
        repo = self.store.repos.get(repo_id) or self.create(repo_id)
        changes = {}
        for path, content in files.items():
            read = content.read_bytes() if isinstance(content, Path) else content
            large = path.endswith((".parquet", ".png"))
            changes[path] = None if read is None else self.store.add(read, large=large)
        return self.store.commit(repo, "main", changes, "put")

    def head(self, repo_id: str, revision: str = "main") -> Commit:
        """The commit that a revision names."""
        commit = self.store.repos[repo_id].at(revision)
        assert commit is not None, revision
        return commit

    def read(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        """All files of a revision, as they are."""
        files = self.head(repo_id, revision).files
        return {path: self.store.read(node) for path, node in files.items()}

    def commits(self, repo_id: str, revision: str = "main") -> list[Commit]:
        """The commits of a revision, newest first."""
        return list(self.store.repos[repo_id].history(self.head(repo_id, revision)))

    def environment(
        self, *, home: Path | None = None, token: str | None = "writer", xet: bool = False
    ) -> dict[str, str]:
        """The environment of a client; without `home` its caches are new and empty."""
        if home is None:
            self._homes += 1
            home = self.home / str(self._homes)
        home.mkdir(parents=True, exist_ok=True)
        return environment(self.url, home, token=token, xet=xet)

    def python(
        self,
        program: str,
        *arguments: str | Path,
        home: Path | None = None,
        token: str | None = "writer",
        xet: bool = False,
        timeout: float = 300,
    ) -> Done:
        """Run a Python program as a client, with caches of its own where `home` is not given."""
        env = self.environment(home=home, token=token, xet=xet)
        return python(program, *arguments, env=env, timeout=timeout)

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request, by its path."""
        match asked.parts:
            case ("api", *_):
                return self.api.answer(asked)
            case ("datasets", owner, name, "info", "lfs", "objects", "batch"):
                return self.lfs.batch(asked, f"{owner}/{name.removesuffix('.git')}")
            case ("lfs", _, _, oid, *rest):
                return self.lfs.answer(asked, oid, list(rest))
            case ("datasets", owner, name, "resolve", revision, *path):
                return self.files.resolve(asked, f"{owner}/{name}", revision, "/".join(path))
            case ("cdn", _, _, sha256, *_):
                return self.files.elsewhere(asked, sha256)
        raise refusal(404, "no such page")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    hub: LocalHub

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news here."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.hub.failures.append(error)


class _Cut(Exception):
    """The connection is to be reset, or the client has gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        self.serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def serve(self) -> None:
        """Answer one request, or let it go wrong as ordered; note what happened."""
        hub, shown = self.server.hub, unquote(self.path)
        fault = hub.faults.next_for(self.command, shown)
        self.received = self.sent = self.status = 0
        try:
            self._serve(fault)
        except (_Cut, OSError):
            self.status = 0
            self._reset()
        finally:
            hub.log.add(
                Request(
                    self.command,
                    shown,
                    self.status,
                    self.received,
                    self.sent,
                    self._token(),
                    self.headers.get("Host", "").partition(":")[0],
                    self.headers.get("Range"),
                )
            )

    def _serve(self, fault: Fault | None) -> None:
        if fault is not None and fault.act:
            fault.act()
        if fault is not None and fault.delay:
            time.sleep(fault.delay)
        if fault is not None and fault.cut == "before":
            raise _Cut
        half = fault is not None and fault.cut == "upload"
        with self._body(half=half) as asked:
            if fault is not None and fault.status is not None:
                code = {"X-Error-Code": fault.error_code} if fault.error_code else {}
                self._send(Answer(fault.status, fault.body, {**code, **fault.headers}), None)
                return
            try:
                account = self._account()
                answer = self.server.hub.answer(
                    Asked(account=account, **asked)  # type: ignore[arg-type]
                )
            except Refusal as refused:
                answer = refused.answer
            except Exception as error:  # noqa: BLE001 - raised again when the context ends
                self.server.hub.failures.append(error)
                answer = refusal(500, repr(error)).answer
        if fault is not None and fault.cut == "after":
            raise _Cut
        self._send(answer, fault)

    def _token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _account(self) -> Account | None:
        token = self._token()
        if token is not None and token not in TOKENS:
            raise refusal(401, "Invalid credentials in Authorization header")
        return TOKENS[token] if token else None

    @contextmanager
    def _body(self, *, half: bool) -> Iterator[dict[str, object]]:
        """The request with its body, in a file where it is a PUT; read to its half, a cut."""
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked: dict[str, object] = {
            "method": self.command,
            "parts": tuple(unquote(part) for part in path.strip("/").split("/")),
            "query": parse_qs(query, keep_blank_values=True),
            "headers": headers,
        }
        pieces = self._pieces(headers, half=half)
        if self.command != "PUT" or not path.startswith("/lfs/"):
            yield {**asked, "body": b"".join(pieces)}
            return
        digest, parts = hashlib.sha256(), self.server.hub.store.parts
        with NamedTemporaryFile(dir=parts, prefix="coming-", delete=False) as file:
            try:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                upload = Path(file.name)
                yield {**asked, "body": b"", "upload": upload, "sha256": digest.hexdigest()}
            finally:
                Path(file.name).unlink(missing_ok=True)

    def _pieces(self, headers: Mapping[str, str], *, half: bool) -> Iterator[bytes]:
        """The request's body as it comes; a client that goes away midway is a cut."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                yield self._read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(headers.get("content-length", 0))
        until = left // 2 if half else 0
        while left > until:
            piece = self._read(min(PIECE, left - until))
            left -= len(piece)
            yield piece
        if half:
            raise _Cut

    def _read(self, size: int) -> bytes:
        piece = self.rfile.read(size)
        self.received += len(piece)
        if len(piece) < size:
            raise _Cut
        return piece

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        """Write `answer`, or as much of it as its fault lets through."""
        length = answer.length
        limit = length // 2 if fault and (fault.truncated or fault.cut == "download") else length
        told = limit if fault and fault.truncated else length
        self.status = answer.status
        phrase = self.responses.get(answer.status, ("Odd",))[0]
        head = [f"HTTP/1.1 {answer.status} {phrase}", f"Content-Length: {told}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        self.wfile.write("\r\n".join([*head, "", ""]).encode())
        if self.command == "HEAD":
            return
        for piece in _content(answer, limit):
            self.wfile.write(piece)
            self.sent += len(piece)
            if fault is not None and fault.rate:
                time.sleep(len(piece) / fault.rate)
        if limit < told:
            self.wfile.flush()
            raise _Cut

    def _reset(self) -> None:
        """The client sees its connection reset, not closed."""
        self.close_connection = True
        with suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()


def _content(answer: Answer, limit: int) -> Iterator[bytes]:
    """The first `limit` bytes of the body of `answer`, in pieces."""
    if answer.path is None:
        yield answer.body[:limit]
        return
    with answer.path.open("rb") as file:
        file.seek(answer.start)
        while limit > 0 and (piece := file.read(min(PIECE, limit))):
            limit -= len(piece)
            yield piece


def main() -> None:
    """Serve until the process is ended; the address is the first line of the output."""
    parser = argparse.ArgumentParser(prog="python -m tests.hub.server")
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with LocalHub(arguments.root, port=arguments.port) as hub:
        sys.stdout.write(f"{hub.url}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
