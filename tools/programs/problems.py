"""Benchmark problems with their tests, for samples to be run against: HumanEval's form or MBPP's.

HumanEval: `task_id`, `prompt`, `entry_point`, `test` (defines `check`). MBPP: `task_id`,
`test_list`, and `test_imports`, `test_setup_code`, `prompt`, `entry_point` where there are any.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opencodeinstruct.builder.errors import ProjectError, RowError
from opencodeinstruct.tools.benchmarks.load import humaneval_file, json_lines

_DEFINES_CHECK = re.compile(r"^def check\(", re.MULTILINE)
_CALLS_CHECK = re.compile(r"^check\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a sample is run with: `prompt` goes before a completion, `setup` behind any code."""

    prompt: str
    tests: tuple[str, ...]
    setup: str = ""
    entry_point: str | None = None


def read_problems(spec: str) -> dict[str, Problem]:
    """The problems of `humaneval`, or of a JSONL file (also gzipped), by task id, in order.

    A file that holds something else is a `ProjectError`: a share over part of a benchmark would
    look like one over all of it.
    """
    path = humaneval_file() if spec == "humaneval" else Path(spec)
    if not path.is_file():
        raise ProjectError(
            f"{path}: no such file. --problems takes `humaneval` or a file of problems (JSONL)."
        )
    problems: dict[str, Problem] = {}
    for number, record in enumerate(json_lines(path), start=1):
        try:
            task, problem = _task(record), _problem(record)
            if task in problems:
                raise ValueError(f"task_id {task!r} stands there twice")
            problems[task] = problem
        except ValueError as error:
            raise RowError(path, number, str(error)) from error
    if not problems:
        raise ProjectError(f"{path}: holds no problem. Give a file with some.")
    return problems


def _task(record: Mapping[str, Any]) -> str:
    task = record.get("task_id")
    if isinstance(task, bool) or not isinstance(task, str | int):
        raise ValueError('not a problem: "task_id" must be text or a whole number')
    return str(task)


def _problem(record: Mapping[str, Any]) -> Problem:
    entry_point = _text(record, "entry_point") or None
    prompt = _text(record, "prompt")
    if record.get("test") is not None:
        test = _text(record, "test")
        if _DEFINES_CHECK.search(test) and not _CALLS_CHECK.search(test):
            if entry_point is None:
                raise ValueError('"entry_point" is missing: what is to be checked?')
            test = f"{test}\ncheck({entry_point})"
        return Problem(prompt, (test,), entry_point=entry_point)
    tests, imports = _texts(record, "test_list"), _texts(record, "test_imports")
    if not tests:
        raise ValueError('not a problem: neither a "test" nor a "test_list"')
    setup = _text(record, "test_setup_code")
    return Problem(
        prompt,
        tuple("\n".join([*imports, test]) for test in tests),
        f"\n{setup}\n" if setup.strip() else "",
        entry_point,
    )


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f'"{key}" must be a string')
    return value or ""


def _texts(record: Mapping[str, Any], key: str) -> list[str]:
    value = record.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'"{key}" must be a list of strings')
    return value
