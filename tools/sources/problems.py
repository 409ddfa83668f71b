"""Turn records of problem files into seeds; one with a signature is a question already."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.schema import CONTRACTS
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.sources.records import Record, read_records
from opencodeinstruct.tools.stages.seeds import (
    ProblemFields,
    ProblemsSource,
    TacoSource,
    bad_characters,
    printable,
    rejected,
    seed_row,
)
from opencodeinstruct.tools.text.license import is_expression
from opencodeinstruct.tools.text.python_code import parse_signature

_AS_SEED = {"operation": "seed", "generation_algorithm": "oss-instruct"}
TACO_FIELDS = ProblemFields(input="question")
_SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".json", ".json.gz", ".parquet", ".arrow")
TACO_FILES = (  # as published, as converted for the Hub, as saved by `datasets` or by hand
    "{split}/data-*.arrow",
    "ALL/{split}-*.parquet",
    "data/{split}-*.parquet",
    "{split}-*.parquet",
    "{split}/*.parquet",
    "{split}.parquet",
    "{split}.arrow",
    "{split}.jsonl",
    "{split}.jsonl.gz",
    "{split}.json",
)


def problem_files(source: ProblemsSource | TacoSource) -> tuple[Path, ...]:
    """The files of `source`, sorted; a path that is not there is a `ProjectError`."""
    path = Path(source.path).expanduser()
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise ProjectError(f"{path}: no such file or folder. Correct the path of the seeds.")
    if isinstance(source, TacoSource):
        patterns = tuple(pattern.format(split=source.split) for pattern in TACO_FILES)
        found = next((files for one in patterns if (files := sorted(path.glob(one)))), [])
        what = f"split {source.split!r} of TACO: none of {', '.join(patterns)}"
    else:
        found = sorted(one for one in path.iterdir() if one.name.endswith(_SUFFIXES))
        what = f"file that ends in {', '.join(_SUFFIXES)}"
    if not found:
        raise ProjectError(f"{path}: no {what}. Correct the path of the seeds.")
    return tuple(found)


def read_problems(
    source: ProblemsSource | TacoSource, files: tuple[Path, ...]
) -> Iterator[Outcome]:
    """One outcome for each record of `files`, in order."""
    fields = TACO_FIELDS if isinstance(source, TacoSource) else source.fields
    columns = [name for name in fields.model_dump().values() if name is not None]
    top = Path(source.path).expanduser()
    for file in files:
        name = file.name if file == top else file.relative_to(top).as_posix()
        for record in read_records(file, printable(name), list(dict.fromkeys(columns))):
            yield (
                record
                if isinstance(record, Dropped)
                else problem_seed(record, fields, source.license)
            )


def problem_seed(record: Record, fields: ProblemFields, license: str | None) -> Outcome:
    """The seed that `record` holds, or why it holds none."""
    texts: dict[str, str | None] = {}
    for part, name in fields.model_dump().items():
        value = _text(record, name) if name is not None else None
        if isinstance(value, Dropped):
            return value
        texts[part] = value
    statement = texts["input"] or ""
    if not statement.strip():
        return rejected(record.origin, "empty", f"{fields.input!r} is blank")
    own = texts["license"]
    if own and not is_expression(own):
        return rejected(record.origin, "bad_license", f"{own!r} is no SPDX expression", statement)
    origin = f"{record.origin}#{texts['id']}" if texts["id"] else record.origin
    row = seed_row(statement, domain="algorithmic", origin=origin, license=own or license)
    contract = texts["contract"] or "call"
    if contract not in CONTRACTS:
        return rejected(record.origin, "bad_contract", f"{contract!r}", statement)
    if contract == "stdio":
        return Kept({**row, "input": statement, "contract": contract, **_AS_SEED})
    return _of_function(row, texts, origin)


def _of_function(row: Row, texts: dict[str, str | None], origin: str) -> Outcome:
    """The seed `row` with its function, as far as the record's `texts` name it."""
    if not texts["signature"]:
        name = texts["entry_point"]
        return Kept({**row, "entry_point": name} if name else row)
    signature = parse_signature(texts["signature"])
    if signature is None or texts["entry_point"] not in (None, "", signature.name):
        return Dropped(row, "bad_signature", f"{origin}: {texts['signature']}")
    return Kept(
        {
            **row,
            "input": texts["input"],
            "contract": "call",
            "entry_point": signature.name,
            "signature": signature.text,
            **_AS_SEED,
        }
    )


def _text(record: Record, name: str) -> str | Dropped | None:
    """Field `name` as text, None for null; numbers are written out, as ids often are numbers."""
    if name not in record.fields:
        names = ", ".join(map(str, record.fields)) or "none"
        return rejected(record.origin, "missing_field", f"no {name!r}; it has {names}")
    value: Any = record.fields[name]
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            what = f"{name!r} is not UTF-8 at byte {error.start + 1}"
            return rejected(record.origin, "bad_encoding", what)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return None
    if not isinstance(value, str):
        what = f"{name!r} is a {type(value).__name__}, not text"
        return rejected(record.origin, "wrong_type", what)
    fault = bad_characters(value)
    return value if fault is None else rejected(record.origin, "bad_characters", fault, value)
