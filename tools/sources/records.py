"""Read the records of JSONL, Parquet and Arrow files one at a time, whatever state they are in.

A damaged line or value is that record's trouble and the rest of the file is read; a file of which
nothing more can be read ends with one rejection. Memory holds one line or one batch.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.outcome import Dropped
from opencodeinstruct.tools.stages.seeds import rejected

MAX_LINE = 8 << 20  # bytes; TACO's longest problem with all its tests has less
_BATCH = 64  # records; those of TACO have up to megabytes of tests, which are not read


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one record; `origin` is its file and number, lines and rows from 1."""

    origin: str
    fields: dict[str, Any]


def read_records(path: Path, name: str, columns: Sequence[str]) -> Iterator[Record | Dropped]:
    """The records of `path` in order, those that cannot be read as rejections.

    `name` is what origins call the file. Of Parquet and Arrow only `columns` are read; one that is
    not there is a `ProjectError`, since no row of the file could have it.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if not start:
            yield rejected(name, "empty_file", "nothing in it")
        elif start[:4] == b"PAR1" or path.suffix == ".parquet":
            yield from _parquet(path, name, columns)
        elif start == b"ARROW1" or path.suffix == ".arrow":
            yield from _arrow(path, name, columns)
        else:
            yield from _lines(path, name, gzipped=start[:2] == b"\x1f\x8b")
    except OSError as error:
        yield rejected(name, "unreadable_file", error.strerror or str(error))


def _parquet(path: Path, name: str, columns: Sequence[str]) -> Iterator[Record | Dropped]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            require_columns(name, file.schema_arrow.names, columns)
            for batch in batches(file, _BATCH, columns):
                for record in _rows(batch, name, number):
                    number += 1
                    yield record
    except (pa.ArrowException, OSError) as error:
        yield rejected(f"{name}:{number + 1}", "broken_file", _first_line(error))
        return
    if not number:
        yield rejected(name, "empty_file", "no rows")


def _arrow(path: Path, name: str, columns: Sequence[str]) -> Iterator[Record | Dropped]:
    """Arrow's stream format, which `datasets` writes, or its file format."""
    number = 0
    try:
        with pa.memory_map(str(path)) as file:
            for batch in _arrow_batches(file):
                require_columns(name, batch.schema.names, columns)
                for record in _rows(batch.select(list(columns)), name, number):
                    number += 1
                    yield record
    except (pa.ArrowException, OSError) as error:
        yield rejected(f"{name}:{number + 1}", "broken_file", _first_line(error))
        return
    if not number:
        yield rejected(name, "empty_file", "no rows")


def _arrow_batches(file: Any) -> Iterator[pa.RecordBatch]:
    if file.read(6) == b"ARROW1":
        reader = pa.ipc.open_file(file)
        for index in range(reader.num_record_batches):
            yield from _sliced(reader.get_batch(index))
        return
    file.seek(0)
    for batch in pa.ipc.open_stream(file):
        yield from _sliced(batch)


def _sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(start, _BATCH) for start in range(0, batch.num_rows, _BATCH))


def _rows(batch: pa.RecordBatch, name: str, before: int) -> Iterator[Record]:
    """The rows of `batch`; text comes as bytes, since a file may hold text that is no UTF-8."""
    values = {}
    for column in batch.schema.names:
        array = batch.column(column)
        is_text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
        values[column] = (array.cast(pa.large_binary()) if is_text else array).to_pylist()
    for row in range(batch.num_rows):
        fields = {column: its[row] for column, its in values.items()}
        yield Record(f"{name}:{before + row + 1}", fields)


def require_columns(where: str, present: Sequence[str], wanted: Sequence[str]) -> None:
    """A `ProjectError` that names the likely column when one of `wanted` is not `present`."""
    for column in wanted:
        if column not in present:
            near = get_close_matches(column, present, 1, 0.5)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise ProjectError(
                f"{where}: no column {column!r}; it has {', '.join(present) or 'none'}.{meant}"
                " Correct the recipe's fields."
            )


def _lines(path: Path, name: str, *, gzipped: bool) -> Iterator[Record | Dropped]:
    number = records = 0
    with gzip.open(path) if gzipped else path.open("rb") as file:
        try:
            for number, line in _numbered(file.readline):
                whole_file = _unfit(line, name) if number == 1 else None
                if whole_file is not None:
                    yield whole_file
                    return
                if line.strip(b" \t\r\n\xef\xbb\xbf"):
                    records += 1
                    yield _record(line, f"{name}:{number}")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield rejected(f"{name}:{number + 1}", "broken_file", _first_line(error))
            return
    if not records:
        yield rejected(name, "empty_file", "no lines")


def _numbered(readline: Callable[[int], bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers; one that is too long is cut to a byte more than the limit."""
    number = 0
    while line := readline(MAX_LINE + 1):
        number += 1
        yield number, line
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = readline(MAX_LINE + 1)
            if not line:
                return


def _unfit(first: bytes, name: str) -> Dropped | None:
    """Why the whole file, of which `first` is the first line, is not JSON lines."""
    if first.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in first[:4]:
        return rejected(name, "bad_encoding", "UTF-16 or UTF-32; write it again as UTF-8")
    if first.removeprefix(b"\xef\xbb\xbf").strip() in (b"[", b"{"):
        return rejected(name, "not_jsonl", "one JSON value over many lines; write one a line")
    return None


def _record(line: bytes, origin: str) -> Record | Dropped:
    if len(line) > MAX_LINE:
        return rejected(origin, "line_too_long", f"more than {MAX_LINE} bytes")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        shown = line.decode("utf-8", "replace")
        return rejected(origin, "bad_encoding", f"not UTF-8 at byte {error.start + 1}", shown)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        return rejected(origin, "broken_line", _first_line(error), text)
    if not isinstance(fields, dict):
        return rejected(origin, "broken_line", f"a {type(fields).__name__}, not an object", text)
    return Record(origin, fields)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).split("\n")[0]
