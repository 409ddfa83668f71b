"""The rows of any dataset, as tables of text, as often as they are asked for.

A row keeps its number: that of its line, or of its place in the file, counted on over the files of
a folder, whatever could not be read before it. Memory holds some thousand rows.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.benchmarks.hub_files import dataset_files

USUAL = ("input", "output", "solution", "unit_tests")
"""The fields that are compared where none are named."""

_ROWS = 2000  # of a table
_BYTES = 32 << 20  # or this much text
_SHOWN = 5  # lines that cannot be read, told one by one
_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".ndjson")


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows: `numbers` are their places in the input; a column of bytes for each field."""

    numbers: list[int]
    table: pa.Table


@dataclass(slots=True)
class Dataset:
    """The files of a dataset and the fields that are compared.

    `unreadable`: how many lines could not be read in the last pass, and the first of them.
    """

    name: str
    files: tuple[Path, ...]
    fields: tuple[str, ...]
    unreadable: int = 0
    first_unreadable: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Rows]:
        """All rows, in order."""
        self.unreadable, self.first_unreadable = 0, []
        start = 0
        for path in self.files:
            read = (
                _parquet(path, self.fields, start)
                if _is_parquet(path)
                else self._lines(path, start)
            )
            for rows, next_start in read:
                start = next_start
                yield rows

    def tables(self) -> Iterator[pa.Table]:
        """The tables of all rows."""
        return (rows.table for rows in self.rows())

    def _lines(self, path: Path, start: int) -> Iterator[tuple[Rows, int]]:
        batch = _Batch(self.fields)
        number = start
        for line in lines_of(path):
            record = _record(line)
            if isinstance(record, dict):
                batch.add(number, record)
            elif record:
                self.unreadable += 1
                if len(self.first_unreadable) < _SHOWN:
                    self.first_unreadable.append(f"{path.name}:{number - start + 1}: {record}")
            number += 1
            if batch.is_full():
                yield batch.rows(), number
                batch = _Batch(self.fields)
        yield batch.rows(), number


@dataclass(slots=True)
class _Batch:
    fields: tuple[str, ...]
    numbers: list[int] = field(default_factory=list)
    values: list[list[bytes | None]] = field(default_factory=list)
    size: int = 0

    def add(self, number: int, record: dict[str, Any]) -> None:
        texts = [as_bytes(record.get(name)) for name in self.fields]
        self.numbers.append(number)
        self.values.append(texts)
        self.size += sum(len(text or b"") for text in texts)

    def is_full(self) -> bool:
        return len(self.numbers) >= _ROWS or self.size >= _BYTES

    def rows(self) -> Rows:
        columns = list(zip(*self.values, strict=True)) or [()] * len(self.fields)
        arrays = [pa.array(column, pa.large_binary()) for column in columns]
        return Rows(self.numbers, pa.table(dict(zip(self.fields, arrays, strict=True))))


def as_bytes(value: Any) -> bytes | None:
    """A field's value as text in UTF-8: texts of a list one a line, other values as JSON."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = "\n".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace")


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, gzipped or not; one that is cut off in the middle is an error."""
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if gzipped else path.open("rb") as lines:
            yield from lines
    except (OSError, EOFError, zlib.error) as error:
        raise ProjectError(f"{path}: cannot be read ({error}). Fetch it again.") from error


def _record(line: bytes) -> dict[str, Any] | str:
    """The record of a line, or why it is none; empty for a blank line."""
    text = line.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        return ""
    try:
        record = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    return record if isinstance(record, dict) else "not a JSON object"


def _is_parquet(path: Path) -> bool:
    return path.name.endswith(".parquet")


def _parquet(path: Path, fields: Sequence[str], start: int) -> Iterator[tuple[Rows, int]]:
    number = start
    try:
        with pq.ParquetFile(path) as file:
            for batch in batches(file, _ROWS, fields):
                table = pa.table(
                    {
                        name: _binary(batch.column(name))
                        for name in fields
                        if name in batch.schema.names
                    }
                )
                numbers = list(range(number, number + batch.num_rows))
                number += batch.num_rows
                yield Rows(numbers, table), number
    except (OSError, pa.ArrowException) as error:
        why = str(error).split("\n")[0]
        raise ProjectError(f"{path}: cannot be read ({why}). Fetch it again.") from error


def _binary(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.large_binary())
    return pa.array([as_bytes(value) for value in column.to_pylist()], pa.large_binary())


def open_dataset(source: str, fields: Sequence[str]) -> Dataset:
    """The dataset at `source`: a JSONL or Parquet file, a folder of such, or a name on the Hub.

    Without `fields` those of `USUAL` that it has; a `ProjectError` lists its fields where it has
    none of them, or lacks one that is named.
    """
    files = _files(source)
    present = _fields_of(files[0])
    wanted = tuple(fields) or tuple(name for name in USUAL if name in present)
    missing = [name for name in wanted if name not in present]
    if missing or not wanted:
        lacks = f"no field {missing[0]!r}" if missing else f"none of the fields {', '.join(USUAL)}"
        raise ProjectError(
            f"{files[0]}: {lacks}; it has {', '.join(sorted(present)) or 'none'}. "
            "Name those to compare with --field."
        )
    return Dataset(source, files, wanted)


def _files(source: str) -> tuple[Path, ...]:
    path = Path(source).expanduser()
    if path.is_file():
        return (path,)
    if path.is_dir():
        found = [one for one in sorted(path.rglob("*")) if one.name.endswith(_SUFFIXES)]
        data = [one for one in found if one.is_relative_to(path / "data")] or found
        parquet = [one for one in data if _is_parquet(one)]
        if not data:
            raise ProjectError(f"{path}: holds no Parquet or JSONL file. Name another folder.")
        return tuple(parquet or data)
    if path.suffix or source.count("/") != 1 or source.startswith((".", "/", "~")):
        raise ProjectError(f"{source}: no such file. Mend the path, or name a dataset, owner/name.")
    return dataset_files(source, _SUFFIXES)


def _fields_of(path: Path) -> set[str]:
    """The fields that the first rows of a file have."""
    if _is_parquet(path):
        try:
            return set(pq.read_schema(path).names)
        except (OSError, pa.ArrowException) as error:
            why = str(error).split("\n")[0]
            raise ProjectError(f"{path}: cannot be read ({why}). Fetch it again.") from error
    found: set[str] = set()
    for number, line in enumerate(lines_of(path)):
        record = _record(line)
        if isinstance(record, dict):
            found.update(record)
        if found and number >= _ROWS:
            break
    return found
