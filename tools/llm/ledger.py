"""What a journal says of the past: totals by model and role, what they cost, the slowest answers.

Reads beside a run that writes: a journal in WAL mode keeps readers and the writer apart.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opencodeinstruct.builder.errors import Missing, RunFolderError
from opencodeinstruct.tools.llm.journal_file import APPLICATION, OF_ANSWER, VERSION, explained

_EXPORTED = ("max_tokens", *OF_ANSWER, "role")
_ASKED = "json_extract(request, '$.model')"  # the name that was asked for, not what answered


@dataclass(frozen=True, slots=True)
class Total:
    """The answers that one model gave in one role: how many, their tokens, their seconds.

    `role` is "" for answers recorded before roles were. `cut` are those that reached `max_tokens`.
    """

    model: str
    role: str
    answers: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cut: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """One answer: who gave it in which role, how long it took, and how its question begins."""

    model: str
    role: str
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    question: str


class Ledger:
    """The journal at `path`, read only."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path

    def totals(self) -> list[Total]:
        """A line for each model and role, by name."""
        select = (
            f"SELECT {_ASKED} AS asked, coalesce(role, '') AS by, count(*), total(prompt_tokens), "
            "total(cached_tokens), total(completion_tokens), sum(finish_reason = 'length'), "
            "total(seconds) FROM answers GROUP BY asked, by ORDER BY asked, by"
        )
        return [
            Total(str(name), role, answers, int(read), int(cached), int(written), cut, seconds)
            for name, role, answers, read, cached, written, cut, seconds in self._rows(select)
        ]

    def slowest(self, count: int) -> list[Call]:
        """The `count` answers that took longest, the slowest first."""
        select = (
            f"SELECT {_ASKED}, coalesce(role, ''), seconds, prompt_tokens, completion_tokens, "
            "request FROM answers WHERE seconds IS NOT NULL ORDER BY seconds DESC, key LIMIT ?"
        )
        return [
            Call(name, role, seconds, read, written, _question(request))
            for name, role, seconds, read, written, request in self._rows(select, count)
        ]

    def lines(self) -> Iterator[str]:
        """One line of JSON for each answer, in the order of their keys, for a replay."""
        select = f"SELECT request, {', '.join(_EXPORTED)} FROM answers ORDER BY key, max_tokens"
        for request, *fields in self._rows(select):
            line = {"request": json.loads(request), **dict(zip(_EXPORTED, fields, strict=True))}
            yield json.dumps(line, ensure_ascii=False, sort_keys=True)

    def usage(self) -> Iterator[tuple[Any, ...]]:
        """For each answer, in the order of their keys: key in hex, the model that was asked, role,
        prompt, cached and output tokens, seconds, finish reason.
        """
        return self._rows(
            f"SELECT lower(hex(key)), {_ASKED}, role, prompt_tokens, cached_tokens, "
            "completion_tokens, seconds, finish_reason FROM answers ORDER BY key, max_tokens"
        )

    def _rows(self, select: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(select, values)
        except sqlite3.Error as error:
            raise explained(self._path, error) from error


@contextmanager
def ledger(path: Path) -> Iterator[Ledger]:
    """The ledger of the journal at `path`; `Missing` where there is none.

    A journal of an older version is read once its run has been continued, which brings it up to
    date.
    """
    if not path.is_file():
        raise Missing(f"{path} is not there: the run has asked no model yet.")
    try:
        with closing(sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)) as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables == 0 and application == 0:  # as a full disk leaves it; a run completes it
                raise Missing(f"{path} is empty: the run has asked no model yet.")
            if application != APPLICATION:
                raise RunFolderError(f"{path} is no journal of a run. Name the folder of a run.")
            if version != VERSION:
                raise RunFolderError(
                    f"{path} is of another version ({version}). Continue its run first."
                )
            yield Ledger(connection, path)
    except sqlite3.Error as error:
        raise explained(path, error) from error


def _question(request: str) -> str:
    """The beginning of the last message of a recorded request, on one line."""
    messages = json.loads(request)["messages"]
    return " ".join(str(messages[-1][1]).split())[:80] if messages else ""
