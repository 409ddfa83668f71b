"""Every model answer, on disk before the run sees it: a run that is killed never pays twice.

One SQLite file in WAL mode. A thread of its own writes, and commits what has gathered while the
last commit ran, so that one answer waits for nobody and thousands a second share their commits.
A kill at any moment, -9 included, loses no answer that was given back; a loss of power may lose the
last ones, which are then asked again. One run at a time owns the journal of a folder.
"""

import asyncio
import fcntl
import json
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any

from opencodeinstruct.builder.errors import Missing, ProjectError, RowError, RunFolderError
from opencodeinstruct.tools.llm.protocol import clean, count_of
from opencodeinstruct.tools.ports import Answer, Request

APPLICATION = 0x4F434931  # "OCI1", in the file's header: this is a journal of ours
VERSION = 1
LARGEST_BATCH = 1000  # answers in one commit

_TABLE = """
CREATE TABLE answers (
    key BLOB NOT NULL, max_tokens INTEGER NOT NULL, request TEXT NOT NULL, text TEXT NOT NULL,
    model TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER, completion_tokens INTEGER,
    PRIMARY KEY (key, max_tokens)
)
"""
_INSERT = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_FIELDS = ("text", "model", "finish_reason", "prompt_tokens", "completion_tokens")
_SELECT = f"SELECT max_tokens, {', '.join(_FIELDS)} FROM answers WHERE key = ?"


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a journal holds: answers and their tokens; `hits` counts recalls since it was opened."""

    answers: int
    prompt_tokens: int
    completion_tokens: int
    hits: int


@dataclass(slots=True)
class _Write:
    """One answer on its way to disk, and whom to tell; `row` None ends the writer."""

    row: tuple[object, ...] | None
    loop: asyncio.AbstractEventLoop | None = None
    done: asyncio.Future[None] | None = None


def request_text(name: str, request: Request) -> str:
    """`request` to the model `name` as canonical JSON, without its role and `max_tokens`.

    The same question has the same text, whatever the role that asks and the length it allows.
    """
    asked = {
        "model": name,
        "messages": [[message.role, message.content] for message in request.messages],
        **request.sampling.model_dump(exclude={"max_tokens"}),
        "seed": request.seed,
        "schema": request.schema and dict(request.schema),
    }
    return _canonical(asked)


def is_reusable(answer: Answer, recorded_max_tokens: int, max_tokens: int) -> bool:
    """Whether an answer given under one `max_tokens` is what the model would say under another.

    One that came to its own end is, if it fits; one that was cut is only under the same limit.
    """
    if recorded_max_tokens == max_tokens:
        return True
    if answer.finish_reason != "stop":
        return False
    if answer.completion_tokens is None:
        return recorded_max_tokens <= max_tokens
    return answer.completion_tokens <= max_tokens


class Journal:
    """The answers recorded at `path`; a context manager, with one owner at a time.

    Entering raises `RunFolderError` when another run owns it or the file is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hits = 0
        self._queue: queue.SimpleQueue[_Write] = queue.SimpleQueue()

    def __enter__(self) -> "Journal":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            try:
                self._writer, self._reader = _opened(self.path), _connected(self.path)
            except BaseException:
                os.close(self._lock)
                raise
        except (sqlite3.Error, OSError) as error:
            raise _explained(self.path, error) from error
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._queue.put(_Write(None))
        self._thread.join()
        self._reader.close()
        self._writer.close()
        os.close(self._lock)

    def recall(self, name: str, request: Request) -> Answer | None:
        """The recorded answer of the model `name` to `request`, where there is a reusable one."""
        wanted = request.sampling.max_tokens
        rows = self._rows(_SELECT, _key(request_text(name, request)))
        for recorded, *fields in sorted(rows, key=lambda row: row[0] != wanted):
            answer = Answer(*fields)
            if is_reusable(answer, recorded, wanted):
                self._hits += 1
                return answer
        return None

    async def record(self, name: str, request: Request, answer: Answer) -> None:
        """Record the answer; when this returns it is on disk. `Missing` when the disk is full."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        text = request_text(name, request)
        self._queue.put(_Write(_row(text, request.sampling.max_tokens, answer), loop, done))
        await done

    def statistics(self) -> Statistics:
        """What is recorded now."""
        sums = "count(*), total(prompt_tokens), total(completion_tokens)"
        (row,) = self._rows(f"SELECT {sums} FROM answers")
        return Statistics(int(row[0]), int(row[1]), int(row[2]), self._hits)

    def export_lines(self) -> Iterator[str]:
        """One line of JSON for each answer, in the order of their keys, for `import_lines`."""
        columns = ("request", "max_tokens", *_FIELDS)
        select = f"SELECT {', '.join(columns)} FROM answers ORDER BY key, max_tokens"
        for request, *fields in self._rows(select):
            line = {"request": json.loads(request), **dict(zip(columns[1:], fields, strict=True))}
            yield json.dumps(line, ensure_ascii=False, sort_keys=True)

    def import_lines(self, source: Path) -> int:
        """Add the answers in `source`, as exported, to those recorded, which stay as they are.

        Returns the number of lines; raises `RowError` at a bad one, and then adds none.
        """
        with source.open("rb") as file:
            rows = [_imported(source, number, line) for number, line in enumerate(file, start=1)]
        try:
            with closing(_connected(self.path)) as connection, connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_INSERT.replace("REPLACE", "IGNORE"), rows)
        except sqlite3.Error as error:
            raise _explained(self.path, error) from error
        return len(rows)

    def _rows(self, select: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._reader.execute(select, values)
        except sqlite3.Error as error:
            raise _explained(self.path, error) from error

    def _write(self) -> None:
        """Write until told to end: what has gathered since the last commit makes the next one."""
        while True:
            batch = [self._queue.get()]
            while len(batch) < LARGEST_BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            rows = [write.row for write in batch if write.row is not None]
            failure = self._commit(rows) if rows else None
            for loop in {write.loop for write in batch if write.loop is not None}:
                told = [write.done for write in batch if write.loop is loop]
                with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                    loop.call_soon_threadsafe(_tell, told, failure)
            if len(rows) < len(batch):
                return

    def _commit(self, rows: list[tuple[object, ...]]) -> ProjectError | None:
        """Commit `rows`; an error goes to those who wait for them, none is lost in this thread."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(_INSERT, rows)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.rollback()
            return _explained(self.path, error)
        return None


def _tell(waiting: list[asyncio.Future[None] | None], failure: ProjectError | None) -> None:
    for done in waiting:
        if done is None or done.done():
            continue
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)


def _row(text: str, max_tokens: int, answer: Answer) -> tuple[object, ...]:
    said = (clean(answer.text), clean(answer.model), clean(answer.finish_reason))
    return (_key(text), max_tokens, text, *said, answer.prompt_tokens, answer.completion_tokens)


def _key(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _canonical(asked: dict[str, Any]) -> str:
    return clean(json.dumps(asked, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def _imported(source: Path, number: int, line: bytes) -> tuple[object, ...]:
    try:
        given = json.loads(line)
        text = _canonical(given["request"])
        answer = Answer(**{name: given[name] for name in _FIELDS})
        counts = [answer.prompt_tokens, answer.completion_tokens, given["max_tokens"]]
        if any(count != count_of(count) for count in counts) or counts[2] is None:
            raise TypeError("a number of tokens is none")
        return _row(text, given["max_tokens"], answer)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RowError(source, number, f"not a recorded answer ({error})") from error


def _locked(path: Path) -> int:
    """An open lock file beside `path`, owned by this process until it is closed or dies."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 20).decode("ascii", "replace").strip()
        os.close(lock)
        raise RunFolderError(
            f"{path}: another run is using this folder (process {owner or 'unknown'}). "
            "Wait for it or stop it, then run again."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    """A connection to a journal, made if there is none; another file is never written to."""
    connection = _connected(path)
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0 and application == 0:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute("COMMIT")
        elif application != APPLICATION:
            raise RunFolderError(f"{path} is no journal of a run. Move it away or name another.")
        elif version != VERSION:
            raise RunFolderError(f"{path} is of another version ({version}). Start a new run.")
    except BaseException:
        connection.close()
        raise
    return connection


def _explained(path: Path, error: sqlite3.Error | OSError) -> ProjectError:
    """`error` as what a person can do about it."""
    what = " ".join(str(error).split())
    if "full" in what or "disk I/O" in what or "No space" in what:
        return Missing(f"{path}: {what}. Make room on the disk and run the same command again.")
    if "not a database" in what or "malformed" in what or "no such" in what:
        return RunFolderError(f"{path} is no journal, or damaged ({what}). Move it away.")
    return RunFolderError(f"{path} cannot be used as the journal: {what}.")
