"""Programs to run, one JSON object a line: with tests of their own, or samples for a benchmark.

{"id": 1, "code": "def f(x): ...", "tests": ["assert f(1) == 1"], "entry_point": "f"}
{"id": 2, "code": "print(input())", "tests": ["assert run_program('3') == '3'"],
 "contract": "stdio"}
{"task_id": "HumanEval/0", "solution": "def has_close_elements(...): ..."}
{"task_id": "HumanEval/0", "completion": "    return ..."}
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opencodeinstruct.builder.errors import RowError
from opencodeinstruct.builder.schema import CONTRACTS
from opencodeinstruct.tools.ports import Limits, Program
from opencodeinstruct.tools.programs.lines import LONGEST, Line
from opencodeinstruct.tools.programs.problems import Problem
from opencodeinstruct.tools.text.stdio import RUN, as_function

Id = str | int
"""What a line calls its program; the same may stand on several lines."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A program to run, and what its line calls it."""

    id: Id
    program: Program


@dataclass(frozen=True, slots=True)
class Unusable:
    """A line without a program; `error` says where, what is wrong and what to do."""

    id: Id
    error: str


class _No(Exception):
    """The line cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the lines of `place`; with `problems`, by task id, they are samples for those."""

    place: str
    limits: Limits
    problems: Mapping[str, Problem] | None = None

    def read(self, line: Line) -> Entry | Unusable:
        """The program of `line`; one without an id is called by its line's number.

        A sample is called by its task, of which there may be many.
        """
        own: Id = line.number
        try:
            record = _record(line)
            keys = ("id", "task_id") if self.problems is None else ("task_id", "id")
            own = _id(record, keys, line.number)
            return Entry(own, self._program(record, own))
        except _No as error:
            return Unusable(own, str(RowError(self.place, line.number, str(error))))

    def _program(self, record: Mapping[str, Any], own: Id) -> Program:
        if self.problems is not None:
            return self._sample(record, str(own), self.problems)
        if "code" not in record and ("solution" in record or "completion" in record):
            raise _No('a sample of a benchmark, which needs --problems; or give "code" and "tests"')
        tests = record.get("tests")
        if not isinstance(tests, list) or not tests:
            raise _No('"tests" must be a list of at least one string of code')
        entry_point = record.get("entry_point")
        if entry_point is not None and not (isinstance(entry_point, str) and entry_point):
            raise _No('"entry_point" must be the name that the tests call, or be left out')
        contract = record.get("contract")
        if contract not in (None, *CONTRACTS):
            raise _No('"contract" must be "call" or "stdio", or be left out')
        code = _code(record, "code")
        if contract == "stdio":
            code, entry_point = as_function(code), RUN
        return Program(
            code,
            tuple(_text(test, "each of its tests") for test in tests),
            entry_point,
            self.limits,
        )

    def _sample(
        self, record: Mapping[str, Any], task: str, problems: Mapping[str, Problem]
    ) -> Program:
        if record.get("task_id") is None and record.get("id") is None:
            raise _No('"task_id" is missing: which problem is it for?')
        problem = problems.get(task)
        if problem is None:
            some = ", ".join(list(problems)[:2])
            raise _No(f"no problem is called {task[:60]!r}; they are called {some} …")
        if record.get("solution") is not None:
            code = _code(record, "solution")
        elif record.get("completion") is not None:
            code = problem.prompt + _code(record, "completion")
        else:
            raise _No('a sample has a "solution" (the whole code) or a "completion" of the prompt')
        return Program(code + problem.setup, problem.tests, problem.entry_point, self.limits)


def _record(line: Line) -> dict[str, Any]:
    if line.text is None:
        raise _No(f"longer than {LONGEST >> 20} MiB")
    try:
        record = json.loads(line.text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _No(f"not JSON in UTF-8 ({str(error)[:120]})") from error
    if not isinstance(record, dict):
        raise _No("not a JSON object")
    return record


def _id(record: Mapping[str, Any], keys: Sequence[str], number: int) -> Id:
    for key in keys:
        own = record.get(key)
        if isinstance(own, bool) or not isinstance(own, str | int | None):
            raise _No(f'"{key}" must be text or a whole number')
        if own is not None:
            return _text(own, f'"{key}"') if isinstance(own, str) else own
    return number


def _code(record: Mapping[str, Any], key: str) -> str:
    if key not in record:
        raise _No(f'"{key}" is missing')
    return _text(record[key], f'"{key}"')


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise _No(f"{what} must be a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _No(f"{what} holds half a surrogate pair (\\ud800), which is no character") from error
    return value
