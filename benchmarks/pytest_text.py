"""A pytest file as plain text that runs all of its tests, so that any harness can be given it."""

import ast
import inspect
from collections.abc import Iterator

from benchmarks.pytest_stand_in import pytest as stand_in

KNOWN = {"pytest": {"raises", "approx", "mark"}, "pytest.mark": {"parametrize"}}


class Unsupported(Exception):
    """The file needs more of pytest than `plain_text` gives; says what."""


def plain_text(tests: str) -> str:
    """`tests` with calls of all of its tests at its end; raises at the first that fails.

    `import pytest` gives way to `pytest_stand_in.py`. A block under `if __name__ == "__main__"`,
    which pytest would not run, is left out. A file that does not parse comes back as it is. Lines
    keep their numbers unless the stand-in is put before them. `Unsupported`: see there.
    """
    try:
        tree = ast.parse(tests)
    except (SyntaxError, ValueError):
        return tests
    lines = tests.splitlines()
    for node in tree.body:
        if is_import_of_pytest(node) or is_main_block(node):
            end = node.end_lineno or node.lineno
            lines[node.lineno - 1 : end] = [""] * (end - node.lineno + 1)
    used = check_use(tree) and any(map(is_import_of_pytest, tree.body))
    before = ["from typing import Any", inspect.getsource(stand_in), ""] if used else []
    return "\n".join([*before, *lines, "", *calls(tree), ""])


def is_import_of_pytest(node: ast.stmt) -> bool:
    """Whether `node` is `import pytest` and nothing else."""
    return isinstance(node, ast.Import) and [a.name for a in node.names] == ["pytest"]


def is_main_block(node: ast.stmt) -> bool:
    """Whether `node` is run only where the file is run as a program."""
    return isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)


def check_use(tree: ast.Module) -> bool:
    """Whether the file uses pytest; `Unsupported` where that is more than the stand-in has."""
    used = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pytest":
            raise Unsupported("it imports names from pytest")
        owner = ast.unparse(node.value) if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Attribute) and owner in KNOWN:
            used = True
            if node.attr not in KNOWN[owner]:
                raise Unsupported(f"it uses {owner}.{node.attr}")
    return used


def calls(tree: ast.Module) -> Iterator[str]:
    """Lines that run every test once, in order, each after the file's set-up functions."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name.startswith("Test")]
    tests = [node for name, node in functions.items() if name.startswith("test")]
    if "setup_module" in functions:
        yield "setup_module()"
    for test in tests:
        if "setup_function" in functions:
            yield "setup_function()"
        yield from call(test, test.name, bound=False)
    for one in classes:
        yield from calls_of_class(one)
    if not tests and not classes:
        yield "raise AssertionError('the file has no tests')"


def calls_of_class(one: ast.ClassDef) -> Iterator[str]:
    """Lines that run every method that is a test, each on an object of its own."""
    if one.bases:
        raise Unsupported(f"the tests of {one.name} are inherited or unittest's")
    methods = {n.name: n for n in one.body if isinstance(n, ast.FunctionDef)}
    for name, node in methods.items():
        if not name.startswith("test"):
            continue
        yield f"_tests = {one.name}()"
        yield from ("_tests.setup_method()" for _ in ["setup_method"] if _ in methods)
        yield from call(node, f"_tests.{name}", bound=True)


def call(test: ast.FunctionDef, name: str, *, bound: bool) -> Iterator[str]:
    """The line or lines that run `test`, once for each of its cases."""
    if any("parametrize" in ast.unparse(one) for one in test.decorator_list):
        yield f"for _case in {name}.cases:"
        yield f"    {name}(**_case)"
        return
    needed = len(test.args.args) - len(test.args.defaults) - bound
    if needed > 0:
        raise Unsupported(f"{test.name} takes fixtures")
    yield f"{name}()"
