"""Write the rows of a dataset folder as JSON lines or Parquet, in the shapes that trainers read."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import ProjectError, RunFolderError
from opencodeinstruct.builder.files import writing
from opencodeinstruct.builder.subsets import Choice, is_shard
from opencodeinstruct.tools.exports import (
    MESSAGES,
    PREFERENCE,
    RL,
    messages_of,
    pairs_of,
    task_of,
)

_BATCH = 2048  # rows


class Shape(StrEnum):
    """What a row becomes."""

    MESSAGES = "messages"
    PREFERENCE = "preference"
    RL = "rl"


@dataclass(frozen=True, slots=True)
class Exported:
    """The file written, rows read, records written of them."""

    path: Path
    rows: int
    records: int


def export(
    folder: Path,
    shape: Shape,
    out: Path,
    choice: Choice,
    *,
    code_to_code: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Write the chosen rows of the dataset `folder` as records of `shape`, in the order of files.

    `out` ends in `.jsonl` or `.parquet`, or is a folder, for `train.jsonl` in it; it appears whole
    or not at all. No record at all is a `ProjectError`.
    """
    path = out if out.suffix in (".jsonl", ".parquet") else out / "train.jsonl"
    rows = 0

    def counted(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        nonlocal rows
        for table in tables:
            rows += table.num_rows
            if progress is not None:
                progress(rows)
            yield table

    columns = {Shape.MESSAGES: MESSAGES, Shape.PREFERENCE: PREFERENCE, Shape.RL: RL}[shape]
    shards = _shards(folder, choice)
    if shape is Shape.PREFERENCE:
        wanted = _asked_twice(shards, choice)
        records = _pairs(counted(read_chosen(shards, columns, choice)), wanted)
    else:
        records = _records(counted(read_chosen(shards, columns, choice)), shape, code_to_code)
    number = _write(records, path)
    if not number:
        path.unlink(missing_ok=True)
        raise ProjectError(f"{folder}: {_none(shape, code_to_code)}")
    return Exported(path, rows, number)


def read_chosen(
    shards: Iterable[Path], columns: list[str] | None, choice: Choice
) -> Iterator[pa.Table]:
    """The chosen rows of `shards`, in order, a batch of a row group at a time."""
    condition = choice.condition()
    needed = ["domain", "judge_score", "pass_rate"]
    names = None if columns is None else list(dict.fromkeys([*columns, *needed]))
    for path in shards:
        try:
            with pq.ParquetFile(path) as shard:
                for batch in batches(shard, _BATCH, names):
                    table = pa.Table.from_batches([batch])
                    yield table if condition is None else table.filter(condition)
        except pa.ArrowException as error:
            why = str(error).splitlines()[0]
            raise RunFolderError(f"{path}: cannot be read ({why}). Fetch it again.") from error


def _shards(folder: Path, choice: Choice) -> list[Path]:
    paths = sorted(folder.glob("data/*/*/*/train-*.parquet"))
    shards = [path for path in paths if is_shard(path.relative_to(folder).as_posix())]
    if not shards:
        raise RunFolderError(f"{folder}: holds no shards. Give a folder that `build` made.")
    return [path for path in shards if choice.reaches(path.relative_to(folder).as_posix())]


def _records(
    tables: Iterable[pa.Table], shape: Shape, code_to_code: bool
) -> Iterator[dict[str, Any]]:
    for table in tables:
        for row in table.to_pylist():
            if shape is Shape.MESSAGES:
                record = messages_of(row, code_to_code=code_to_code)
            else:
                record = task_of(row)
            if record is not None:
                yield record


def _asked_twice(shards: list[Path], choice: Choice) -> set[str]:
    """The questions that several of the chosen rows have."""
    hashes, columns = [], ["input"]
    for table in read_chosen(shards, columns, choice):
        hashes.append(np.array([hash(text) for text in table["input"].to_pylist()], np.int64))
    values, counts = np.unique(np.concatenate([*hashes, np.empty(0, np.int64)]), return_counts=True)
    several = set(values[counts > 1].tolist())
    found: set[str] = set()
    for table in read_chosen(shards, columns, choice) if several else ():
        texts = table["input"].to_pylist()
        found.update(text for text in texts if text and hash(text) in several)
    return found


def _pairs(tables: Iterable[pa.Table], questions: set[str]) -> Iterator[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    wanted = pa.array(sorted(questions), pa.string())
    for table in tables:
        for row in table.filter(pc.is_in(table["input"], value_set=wanted)).to_pylist():
            groups.setdefault(row["input"], []).append(row)
    for question in sorted(groups):
        yield from pairs_of(groups[question])


def _write(records: Iterable[dict[str, Any]], path: Path) -> int:
    with writing(path) as beside:
        if path.suffix == ".parquet":
            return _write_parquet(records, beside)
        number = 0
        with beside.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                number += 1
        return number


def _write_parquet(records: Iterable[dict[str, Any]], path: Path) -> int:
    waiting: list[dict[str, Any]] = []
    writer, number = None, 0
    for record in records:
        waiting.append(record)
        number += 1
        if len(waiting) == _BATCH:
            writer = _flushed(writer, waiting, path)
            waiting = []
    if waiting:
        writer = _flushed(writer, waiting, path)
    if writer is None:
        path.touch()
    else:
        writer.close()
    return number


def _flushed(writer: Any, records: list[dict[str, Any]], path: Path) -> Any:
    schema = None if writer is None else writer.schema
    table = pa.Table.from_pylist(records, schema=schema)
    if writer is None:
        writer = pq.ParquetWriter(path, table.schema, compression="zstd")
    writer.write_table(table)
    return writer


def _none(shape: Shape, code_to_code: bool) -> str:
    if shape is Shape.PREFERENCE:
        return (
            "no pair can be made: that takes several answers to one question, one of which passes "
            "more than 0.8 of its tests and another at least 0.4 less, but some."
        )
    if code_to_code:
        return "no chosen question quotes code. Leave out --code-to-code."
    return "no chosen row has a question and what belongs to it. Choose other rows."
