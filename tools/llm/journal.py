"""Every model answer, on disk before the run sees it: a run that is killed never pays twice.

One SQLite file in WAL mode. A thread of its own writes, and commits what has gathered while the
last commit ran, so that one answer waits for nobody and thousands a second share their commits.
A kill at any moment, -9 included, loses no answer that was given back; a loss of power may lose the
last ones, which are then asked again. One run at a time owns the journal of a folder.
"""

import asyncio
import json
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any

from opencodeinstruct.builder.errors import Missing, ProjectError, RowError
from opencodeinstruct.tools.llm.journal_file import OF_ANSWER, connected, explained, locked, opened
from opencodeinstruct.tools.llm.keys_seen import KeysSeen
from opencodeinstruct.tools.llm.protocol import clean, count_of, quoted
from opencodeinstruct.tools.ports import Answer, Request, Sampling

LARGEST_BATCH = 1000  # answers in one commit
_HERE = "\x1a"  # where the messages and the seed stand

_COLUMNS = ("key", "max_tokens", "request", *OF_ANSWER, "role")
_INSERT = (
    f"INSERT OR REPLACE INTO answers ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_fields = attrgetter(*OF_ANSWER)
_Row = tuple[bytes, *tuple[object, ...]]  # the values of _COLUMNS
_SELECT = f"SELECT max_tokens, {', '.join(OF_ANSWER)} FROM answers WHERE key = ?"


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

    row: _Row | None
    loop: asyncio.AbstractEventLoop | None = None
    done: asyncio.Future[None] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to one model as the journal knows it; `text` is canonical JSON.

    The same question has the same text, whatever the role that asks and the length it allows.
    """

    text: str
    key: bytes
    max_tokens: int
    role: str | None


def asked(name: str, request: Request) -> Asked:
    """`request` to the model `name`: made once, it is looked up, shared and recorded by this."""
    schema = "null" if request.schema is None else _canonical(dict(request.schema))
    before, after = _around(name, request.sampling, schema)
    said = ",".join(f"[{quoted(m.role)},{quoted(m.content)}]" for m in request.messages)
    text = f"{before}[{said}]{after[0]}{request.seed}{after[1]}"
    return Asked(text, _key(text), request.sampling.max_tokens, request.role)


@lru_cache(maxsize=256)
def _around(name: str, sampling: Sampling, schema: str) -> tuple[str, tuple[str, str]]:
    """The canonical JSON of all requests that differ only in messages and seed, without these."""
    given = {
        "model": name,
        "messages": _HERE,
        **sampling.model_dump(exclude={"max_tokens"}),
        "schema": json.loads(schema),
        "seed": _HERE,
    }
    before, rest = _canonical(given).split(json.dumps(_HERE), 1)
    between, end = rest.rsplit(json.dumps(_HERE), 1)  # a schema may hold such a text, too
    return before, (between, end)


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
        self._seen: KeysSeen | None = None  # read when first asked
        self._queue: queue.SimpleQueue[_Write] = queue.SimpleQueue()

    def __enter__(self) -> "Journal":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = locked(self.path)
            try:
                self._writer, self._reader = opened(self.path), connected(self.path)
            except BaseException:
                os.close(self._lock)
                raise
        except (sqlite3.Error, OSError) as error:
            raise explained(self.path, error) from error
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

    def recall(self, asked: Asked) -> Answer | None:
        """The recorded answer to what is `asked`, where there is a reusable one."""
        if not self._keys().may_hold(asked.key):
            return None
        rows = self._rows(_SELECT, asked.key)
        for recorded, *fields in sorted(rows, key=lambda row: row[0] != asked.max_tokens):
            answer = Answer(*fields)
            if is_reusable(answer, recorded, asked.max_tokens):
                self._hits += 1
                return answer
        return None

    async def record(self, asked: Asked, answer: Answer) -> None:
        """Record the answer; when this returns it is on disk. `Missing` when the disk is full."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._keys().add(asked.key)
        self._queue.put(_Write(_row(asked, answer), loop, done))
        await done

    def statistics(self) -> Statistics:
        """What is recorded now."""
        sums = "count(*), total(prompt_tokens), total(completion_tokens)"
        (row,) = self._rows(f"SELECT {sums} FROM answers")
        return Statistics(int(row[0]), int(row[1]), int(row[2]), self._hits)

    def import_lines(
        self, source: Path, *, of_model: str | None = None, as_model: str | None = None
    ) -> int:
        """Add the answers in `source`, as exported, to those recorded, which stay as they are.

        With `of_model` only those that were asked of that model; with `as_model` they count as
        asked of a model of that name. Returns how many; raises `RowError` at a bad line, `Missing`
        where the file cannot be read, and then adds none.
        """
        added, seen = 0, self._keys()
        try:
            with closing(connected(self.path)) as connection, connection:
                connection.execute("BEGIN IMMEDIATE")
                with source.open("rb") as file:
                    for number, line in enumerate(file, start=1):
                        row = _imported(source, number, line, of_model, as_model)
                        if row is not None:
                            connection.execute(_INSERT.replace("REPLACE", "IGNORE"), row)
                            seen.add(row[0])
                            added += 1
        except sqlite3.Error as error:
            raise explained(self.path, error) from error
        except OSError as error:
            raise Missing(
                f"{source}: {error.strerror}. Name a file of exported answers."
            ) from error
        return added

    def _keys(self) -> KeysSeen:
        if self._seen is None:
            self._seen = KeysSeen(key for (key,) in self._rows("SELECT key FROM answers"))
        return self._seen

    def _rows(self, select: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._reader.execute(select, values)
        except sqlite3.Error as error:
            raise explained(self.path, error) from error

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

    def _commit(self, rows: list[_Row]) -> ProjectError | None:
        """Commit `rows`; an error goes to those who wait for them, none is lost in this thread."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(_INSERT, rows)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.rollback()
            return explained(self.path, error)
        return None


def _tell(waiting: list[asyncio.Future[None] | None], failure: ProjectError | None) -> None:
    for done in waiting:
        if done is None or done.done():
            continue
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)


def _row(asked: Asked, answer: Answer) -> _Row:
    said = [clean(v) if isinstance(v, str) else v for v in _fields(answer)]
    rest: tuple[object, ...] = (asked.max_tokens, asked.text, *said, asked.role)
    return (asked.key, *rest)


def _key(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _canonical(asked: dict[str, Any]) -> str:
    return clean(json.dumps(asked, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def _imported(
    source: Path, number: int, line: bytes, of_model: str | None, as_model: str | None
) -> _Row | None:
    """The row for a line of exported answers; None where it is another model's."""
    try:
        given = json.loads(line)
        request = given["request"]
        if of_model is not None and request["model"] != of_model:
            return None
        text = _canonical({**request, "model": as_model or request["model"]})
        answer = Answer(**{name: given[name] for name in OF_ANSWER if name in given})
        _check_types(answer, given["max_tokens"])
        own = Asked(text, _key(text), given["max_tokens"], given.get("role"))
        return _row(own, answer)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RowError(source, number, f"not a recorded answer ({error})") from error


def _check_types(answer: Answer, max_tokens: object) -> None:
    """Raise TypeError where a field of an imported answer is not what a recorded one holds."""
    words = (answer.text, answer.model, answer.finish_reason, answer.reasoning)
    if not all(isinstance(word, str) for word in words):
        raise TypeError("a text is none")
    counts = (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens, max_tokens)
    if any(count != count_of(count) for count in counts) or max_tokens is None:
        raise TypeError("a number of tokens is none")
    if not isinstance(answer.seconds, int | float | None):
        raise TypeError("the seconds are no number")
