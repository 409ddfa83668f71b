"""Results as they come, one JSON object a line, in a file that a kill at any moment leaves sound.

    OUT.run.json   what the results are made of; written first
    OUT.part       the lines so far; a run that goes on takes them up
    OUT            all lines: OUT.part, renamed

A result that a failure of the sandbox kept from being made is `deferred`: the next run tries it
again, and no other.
"""

import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import flush, write_json, written_error

Result = dict[str, Any]
"""One line: `id`, then verdicts, or an `error`."""


@dataclass(slots=True)
class Results:
    """Results while they are written; `done` of them stand there already, which are `written`.

    `earlier` are the lines that follow in a whole file that is made again because some of them
    were deferred. `finish` is told a summary when all lines are written.
    """

    file: IO[str]
    finish: Callable[[Mapping[str, Any]], None]
    done: int = 0
    written: Iterator[Result] = field(default_factory=lambda: iter(()))
    earlier: Iterator[Result] = field(default_factory=lambda: iter(()))

    def write(self, result: Result) -> None:
        """Add a line; after a kill it is there whole, or not at all."""
        self.file.write(json.dumps(result) + "\n")
        self.file.flush()


def part_of(out: Path) -> Path:
    """The file that holds the lines of `out` until they are all there."""
    return out.with_name(f"{out.name}.part")


def record_of(out: Path) -> Path:
    """The file that says what the lines of `out` are made of."""
    return out.with_name(f"{out.name}.run.json")


@contextmanager
def writing_results(out: Path, made_of: Mapping[str, Any], *, again: bool) -> Iterator[Results]:
    """The results `out`, taken up where a former run with the same `made_of` left them.

    With `again`, `out` is whole but for deferred lines, and only those are made anew. Raises
    `RunFolderError` when the lines are made of something else, or another command writes them.
    """
    part = part_of(out)

    def finish(summary: Mapping[str, Any]) -> None:
        flush(part)
        write_json(record_of(out), {"made_of": made_of, "summary": summary})
        part.replace(out)
        flush(out.parent)

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with part.open("a", encoding="ascii", newline="") as file:
            _lock(file, part)
            if part.stat().st_size:
                refuse_other(out, part, made_of)
            elif not again:
                write_json(record_of(out), {"made_of": made_of})
            done = _cut(part)
            earlier = islice(read_results(out), done, None) if again else iter(())
            yield Results(file, finish, done, islice(read_results(part), done), earlier)
    except OSError as error:
        raise written_error(part, error) from error


@contextmanager
def streaming_results(out: Path | None) -> Iterator[Results]:
    """Results that go to stdout, a pipe or a device: there is nothing to take up."""
    if out is None:
        yield Results(sys.stdout, lambda summary: None)
        return
    try:
        with out.open("w", encoding="ascii", newline="") as file:
            yield Results(file, lambda summary: None)
    except OSError as error:
        raise written_error(out, error) from error


def _lock(file: IO[str], part: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise RunFolderError(
            f"{part}: another command is writing it. Wait for it or end it."
        ) from error


def _cut(part: Path) -> int:
    """Cut what a kill tore, and deferred lines at the end; the lines that stay."""
    count = kept = end = place = 0
    with part.open("rb") as lines:
        for line in lines:
            result = _result(line)
            if result is None:
                break
            count, place = count + 1, place + len(line)
            if not is_deferred(result):
                kept, end = count, place
    os.truncate(part, end)
    return kept


def read_results(path: Path) -> Iterator[Result]:
    """The lines of `path`; one that is no result is a `RunFolderError`."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            result = _result(line)
            if result is None:
                raise RunFolderError(
                    f"{path}:{number}: is no result. Delete the file and run again."
                )
            yield result


def _result(line: bytes) -> Result | None:
    try:
        result = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    whole = isinstance(result, dict) and "id" in result and isinstance(result.get("verdicts"), list)
    return result if whole else None


def is_deferred(result: Mapping[str, Any]) -> bool:
    """Whether the sandbox failed on this one, so that it is to be tried again."""
    return result.get("deferred") is True


def refuse_other(out: Path, lines: Path, made_of: Mapping[str, Any]) -> None:
    """Raise `RunFolderError` unless `lines`, of the results `out`, are made of `made_of`."""
    advice = f"Delete {lines} to make it anew, or give another --out."
    try:
        recorded = json.loads(record_of(out).read_text(encoding="utf-8"))["made_of"]
        before: dict[str, Any] = dict(recorded)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"{lines}: is there, and {record_of(out)} does not say what it is made of. {advice}"
        ) from error
    now = json.loads(json.dumps(made_of))
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            raise RunFolderError(
                f"{lines}: was made with another {key} ({_shown(before.get(key))}, now "
                f"{_shown(now.get(key))}). {advice}"
            )


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
