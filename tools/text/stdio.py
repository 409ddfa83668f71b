"""Programs that read standard input and write standard output, as the function that tests call.

A test of such a program is an assert like any other, `assert run_program("2 3") == "5"`, so that
the published columns hold it, and what tells a pass from a fail never leaves the tests' process.
"""

import ast

from opencodeinstruct.tools.text.python_code import parse_python, possible_blocks

RUN = "run_program"
"""The function that the tests of a program call: text on standard input in, standard output out."""

_AS_FUNCTION = '''\
def run_program(text):
    """What the program prints when `text` is its standard input, without blanks at ends of lines.

    The program runs from its first line to its last with names of its own, as often as it is
    called. One that exits with a status other than 0 raises what it exited with.
    """
    import io
    import sys

    source = {code!r}
    stdin, stdout = sys.stdin, sys.stdout
    printed = io.BytesIO()
    writer = io.TextIOWrapper(printed, "utf-8", "backslashreplace", write_through=True)
    sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8")
    sys.stdout = writer
    try:
        exec(compile(source, "<program>", "exec"), {{"__name__": "__main__"}})
    except SystemExit as end:
        if end.code not in (None, 0, False):
            raise RuntimeError("the program exited with " + repr(end.code)) from end
    finally:
        sys.stdin, sys.stdout = stdin, stdout
    lines = printed.getvalue().decode("utf-8", "replace").split("\\n")
    return "\\n".join(line.rstrip() for line in lines).rstrip("\\n")
'''


def as_function(program: str) -> str:
    """Code that defines `run_program` for `program`; it needs nothing but Python."""
    return _AS_FUNCTION.format(code=program)


def as_printed(text: str) -> str:
    """`text` as `run_program` returns it: without blanks at the ends of lines, or lines at its."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).rstrip("\n")


def program_in(text: str) -> str | None:
    """The first block of `text` that parses as a program which reads input and prints, or None."""
    for block in possible_blocks(text):
        tree = parse_python(block)
        if tree is not None and _reads(tree) and _writes(tree) and _runs(tree):
            return block.strip("\n") + "\n"
    return None


def _reads(tree: ast.Module) -> bool:
    return bool(_named(tree) & {"input", "stdin", "fileinput", "open"})


def _writes(tree: ast.Module) -> bool:
    return bool(_named(tree) & {"print", "stdout"})


def _named(tree: ast.Module) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _runs(tree: ast.Module) -> bool:
    """Whether running it calls anything: definitions alone do nothing."""
    defining = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(
        isinstance(part, ast.Call)
        for node in tree.body
        if not isinstance(node, defining)
        for part in ast.walk(node)
    )
