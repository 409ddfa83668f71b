"""One column of texts out of JSONL or Parquet, damaged or not, in bounded memory.

A line or value that holds no text is a row without one: it is counted, and costs no other row.
"""

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from hashlib import blake2b, file_digest
from itertools import chain
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import ProjectError

_BATCH = 4 << 20  # bytes of text at a time
_SMALL = 256 << 20  # bytes of text that are kept in memory
_ROWS = 4096  # rows at a time, however short
_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz")
BLANK = "blank line"


@dataclass(slots=True)
class Faults:
    """Rows without a text, by reason; where the first of each stands."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    blank: list[int] = field(default_factory=list)

    def add(self, reason: str, where: str, count: int = 1) -> None:
        """`count` more rows, the first of them at `where`, have no text because of `reason`."""
        self.counts[reason] = self.counts.get(reason, 0) + count
        self.first.setdefault(reason, where)


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one file or of all files of a folder.

    `read` gives them in order, some rows at a time, null where a row has none; as often as wanted.
    Row r of JSONL is its line r, counted from 0; blank lines, which `faults.blank` lists, too.
    `digest` is a hash of the files and the name, which takes a while.
    """

    read: Callable[[], Iterator[pa.Array]]
    rows: int
    faults: Faults
    digest: Callable[[], str]


def open_texts(path: Path, name: str, scratch: Path) -> Texts:
    """The texts in the column or field `name` of `path`; JSONL is read once, into `scratch`.

    A `ProjectError` where there is no such file, or no row could have the field.
    """
    if not path.exists():
        raise ProjectError(f"{path}: is not there. Correct the path.")
    parts = [_open_file(each, name, scratch) for each in _files(path)]
    faults, rows = Faults(), 0
    for part in parts:
        for reason, count in part.faults.counts.items():
            faults.add(reason, part.faults.first[reason], count)
        faults.blank += [rows + line for line in part.faults.blank]
        rows += part.rows

    def digest() -> str:
        whole = "".join([name, *(part.digest() for part in parts)])
        return blake2b(whole.encode(), digest_size=8).hexdigest()

    return Texts(
        _kept(lambda: chain.from_iterable(part.read() for part in parts)), rows, faults, digest
    )


def _kept(read: Callable[[], Iterator[pa.Array]]) -> Callable[[], Iterator[pa.Array]]:
    """`read`, but what is small as a whole stays in memory when it was read once."""
    kept: list[pa.Array] = []
    complete = False

    def again() -> Iterator[pa.Array]:
        nonlocal complete
        if complete:
            yield from kept
            return
        kept.clear()
        size = 0
        for strings in read():
            size += strings.nbytes
            if size <= _SMALL:
                kept.append(strings)
            else:
                kept.clear()
            yield strings
        complete = size <= _SMALL

    return again


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.name.endswith(_SUFFIXES))
    if not found:
        raise ProjectError(f"{path}: holds no file called *{', *'.join(_SUFFIXES)}.")
    return found


def _open_file(path: Path, name: str, scratch: Path) -> Texts:
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PAR1" or (start and path.suffix == ".parquet"):
            return _open_parquet(path, name)
        with gzip.open(path) if start[:2] == b"\x1f\x8b" else path.open("rb") as file:
            return _spooled(path, file, name, scratch)
    except (OSError, pa.ArrowException) as error:
        said = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
        raise ProjectError(f"{path}: cannot be read ({said}).") from error


def _digest(path: Path) -> str:
    """A hash of the whole of the file `path`."""
    with path.open("rb") as file:
        return file_digest(file, partial(blake2b, digest_size=8)).hexdigest()


def _no_field(path: Path, name: str, present: list[str]) -> ProjectError:
    near = get_close_matches(name, present, 1, 0.5)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return ProjectError(f"{path}: no field {name!r}; it has {', '.join(present) or 'none'}.{meant}")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_null,
        )
    )


def _open_parquet(path: Path, name: str) -> Texts:
    faults = Faults()
    with pq.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        if name not in schema.names:
            raise _no_field(path, name, schema.names)
        kind = schema.field(name).type
        if not _is_text(kind):
            raise ProjectError(f"{path}: {name!r} holds {kind}, not text. Give another field.")
        at_once = _rows_at_once(file, schema.names.index(name))
    read = lambda: _parquet(path, name, at_once)  # noqa: E731
    return Texts(read, rows, faults, partial(_digest, path))


def _rows_at_once(file: pq.ParquetFile, column: int) -> int:
    """So many rows that a batch has about `_BATCH` bytes."""
    metadata = file.metadata
    size = sum(
        metadata.row_group(group).column(leaf).total_uncompressed_size
        for group in range(metadata.num_row_groups)
        for leaf in range(metadata.num_columns)
        if metadata.row_group(group).column(leaf).path_in_schema.split(".")[0]
        == file.schema_arrow.names[column]
    )
    return max(1, min(_ROWS, _BATCH * int(metadata.num_rows) // max(int(size), 1)))


def _parquet(path: Path, name: str, at_once: int) -> Iterator[pa.Array]:
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            for batch in batches(file, at_once, [name]):
                yield batch.column(0)
    except (OSError, pa.ArrowException) as error:
        said = str(error).split("\n")[0]
        raise ProjectError(f"{path}: is damaged ({said}). Write it again.") from error


@dataclass(slots=True)
class _Lines:
    """Reads lines of JSON into texts, and keeps account of those without one."""

    path: Path
    name: str
    faults: Faults = field(default_factory=Faults)
    fields: dict[str, None] = field(default_factory=dict)
    objects: int = 0
    holders: int = 0
    number: int = 0

    def text(self, line: bytes) -> bytes | None:
        """The text of the next line; None where it has none."""
        self.number += 1
        if not line.strip(b" \t\r\n\xef\xbb\xbf"):
            self.faults.blank.append(self.number - 1)
            return None
        try:
            record = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            self._fault("line that is no JSON")
            return None
        if not isinstance(record, dict):
            self._fault("line that is no JSON object")
            return None
        return self._of_record(record)

    def _of_record(self, record: dict[str, Any]) -> bytes | None:
        self.objects += 1
        if self.name not in record:
            self.fields.update(dict.fromkeys(list(record)[:20]))
            self._fault(f"row without {self.name!r}")
            return None
        self.holders += 1
        value = record[self.name]
        if isinstance(value, str):
            return value.encode("utf-8", "surrogatepass")
        self._fault("null" if value is None else "value that is no text")
        return None

    def _fault(self, reason: str) -> None:
        self.faults.add(reason, f"{self.path}:{self.number}")

    def check(self) -> None:
        """A `ProjectError` if the file as a whole is not what it was taken for."""
        if self.objects and not self.holders:
            raise _no_field(self.path, self.name, list(self.fields))
        if self.number > len(self.faults.blank) and not self.objects:
            raise ProjectError(
                f"{self.path}: no line is a JSON object. Give JSONL, an object a line, or Parquet."
            )


def _spooled(path: Path, file: Any, name: str, scratch: Path) -> Texts:
    """The texts of the JSONL in `file`, as Arrow's stream in a file in `scratch`."""
    lines = _Lines(path, name)
    handle, stored = mkstemp(".arrow", dir=scratch)
    os.close(handle)
    schema = pa.schema([("text", pa.large_binary())])
    with pa.OSFile(stored, "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for texts in _batched(_texts(lines, file)):
            stream.write_batch(pa.record_batch([pa.array(texts, pa.large_binary())], schema))
    lines.check()
    return Texts(lambda: _stream(stored), lines.number, lines.faults, partial(_digest, path))


def _texts(lines: _Lines, file: Any) -> Iterator[bytes | None]:
    try:
        for line in file:
            yield lines.text(line)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        lines.faults.add("file that ends too early", f"{lines.path}:{lines.number + 1}")


def _batched(texts: Iterator[bytes | None]) -> Iterator[list[bytes | None]]:
    part: list[bytes | None] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text or b"")
        if size >= _BATCH or len(part) >= _ROWS:
            yield part
            part, size = [], 0
    if part:
        yield part


def _stream(stored: str) -> Iterator[pa.Array]:
    with pa.OSFile(stored) as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            yield batch.column(0)
