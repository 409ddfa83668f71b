"""The journal as a file: made, opened, brought up to date, owned by one run at a time."""

import fcntl
import os
import sqlite3
from pathlib import Path

from opencodeinstruct.builder.errors import Missing, ProjectError, RunFolderError

APPLICATION = 0x4F434931  # "OCI1", in the file's header: this is a journal of ours
VERSION = 2  # 1 had none of the columns in ADDED

TABLE = """
CREATE TABLE answers (
    key BLOB NOT NULL, max_tokens INTEGER NOT NULL, request TEXT NOT NULL, text TEXT NOT NULL,
    model TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER, completion_tokens INTEGER,
    reasoning TEXT NOT NULL DEFAULT '', cached_tokens INTEGER, seconds REAL, role TEXT,
    PRIMARY KEY (key, max_tokens)
)
"""
OF_ANSWER = (
    "text",
    "model",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "reasoning",
    "cached_tokens",
    "seconds",
)
"""The columns that are an answer's own fields."""

ADDED = (
    "ALTER TABLE answers ADD COLUMN reasoning TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE answers ADD COLUMN cached_tokens INTEGER",
    "ALTER TABLE answers ADD COLUMN seconds REAL",
    "ALTER TABLE answers ADD COLUMN role TEXT",
)


def locked(path: Path) -> int:
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


def connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def opened(path: Path) -> sqlite3.Connection:
    """A connection to a journal, made if there is none; another file is never written to."""
    connection = connected(path)
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0 and application == 0:
            connection.execute("PRAGMA journal_mode=WAL")
            _change(connection, TABLE, f"PRAGMA application_id={APPLICATION}")
        elif application != APPLICATION:
            raise RunFolderError(f"{path} is no journal of a run. Move it away or name another.")
        elif version == 1:
            _change(connection, *ADDED)
        elif version != VERSION:
            raise RunFolderError(f"{path} is of another version ({version}). Start a new run.")
    except BaseException:
        connection.close()
        raise
    return connection


def _change(connection: sqlite3.Connection, *statements: str) -> None:
    """Carry out `statements` and make the journal one of today's version, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in statements:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")


def explained(path: Path, error: sqlite3.Error | OSError) -> ProjectError:
    """`error` as what a person can do about it."""
    what = " ".join(str(error).split())
    if "full" in what or "disk I/O" in what or "No space" in what:
        return Missing(f"{path}: {what}. Make room on the disk and run the same command again.")
    if "not a database" in what or "malformed" in what or "no such" in what:
        return RunFolderError(f"{path} is no journal, or damaged ({what}). Move it away.")
    return RunFolderError(f"{path} cannot be used as the journal: {what}.")
