"""Read Python that a model wrote, without running it: signatures, code blocks, assert lines."""

import ast
import builtins
import keyword
import re
import textwrap
import warnings
from dataclasses import dataclass

_FENCE = re.compile(
    r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n"
    r"(?P<body>.*?)(?:^[ \t]*(?P=mark)[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_PYTHON_TAGS = frozenset({"", "python", "py", "python3", "python2", "pycon"})
_LONGEST = 200_000  # characters of an answer looked at
_DEEPEST = 10_000  # characters of one line of code; past that it is no solution


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's head: its name, the names of its arguments, and the head on one line."""

    name: str
    arguments: tuple[str, ...]
    text: str


def parse_python(code: str) -> ast.Module | None:
    """The syntax tree of `code`, or None when it does not parse."""
    if any(len(line) > _DEEPEST for line in code.split("\n")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a model's "\d" is its business
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parse_signature(text: str) -> Signature | None:
    """The signature in `text` (`def f(x: int) -> int`), or None if there is none to use.

    Not usable: no function head, more than one, no argument, or the name of a builtin.
    """
    head = text.strip().strip("`").strip().rstrip(",").strip()
    head = head.removeprefix("python").strip()
    if head and not head.startswith(("def ", "async def ")):
        head = f"def {head}"
    head = head.split("\n")[0].removesuffix("...").rstrip().removesuffix(":").rstrip(" ,")
    tree = parse_python(f"{head}: ...")
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        return None
    function = tree.body[0]
    arguments = tuple(argument.arg for argument in _arguments(function))
    if not arguments or hasattr(builtins, function.name) or keyword.issoftkeyword(function.name):
        return None
    function.body = [ast.Expr(ast.Constant(...))]
    one_line = ast.unparse(function).split("\n")[0].removesuffix(":")
    return Signature(function.name, arguments, one_line)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    arguments = function.args
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def code_blocks(text: str) -> list[str]:
    """The bodies of the fenced Python blocks of `text`, dedented, in order.

    A fence that is never closed runs to the end: the answer was cut. Blocks tagged as another
    language are left out.
    """
    text = text[:_LONGEST].replace("\r\n", "\n")
    return [
        textwrap.dedent(match["body"])
        for match in _FENCE.finditer(text)
        if match["language"].lower() in _PYTHON_TAGS
    ]


def code_block_defining(text: str, name: str) -> str | None:
    """The first block of `text` that parses and defines `name` at top level, or None.

    Text without any fence is taken as code. Demonstrations (prints, calls, asserts, a `__main__`
    part) at the block's top level are cut out; everything else stays as it was written.
    """
    for block in code_blocks(text) or [text[:_LONGEST]]:
        tree = parse_python(block)
        if tree is not None and name in defined_names(tree):
            return without_demonstration(block, tree)
    return None


def defined_names(tree: ast.Module) -> set[str]:
    """Names that functions, classes and plain assignments of the top level of `tree` bind."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def without_demonstration(code: str, tree: ast.Module) -> str:
    """`code` without the top-level statements that only show it at work."""
    lines = code.split("\n")
    for node in tree.body:
        if _demonstrates(node) and node.end_lineno is not None:
            for index in range(node.lineno - 1, node.end_lineno):
                lines[index] = ""
    kept = "\n".join(lines).strip("\n") + "\n"
    return kept if parse_python(kept) is not None else code


def _demonstrates(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if isinstance(node, ast.If):
        return "__name__" in ast.unparse(node.test)
    return False


def assert_lines(text: str) -> list[str]:
    """The assert statements of `text`, each on one line, in order; nothing else.

    They are looked for in its fenced blocks, or in the whole text where there is no fence. A block
    that does not parse as a whole (it was cut, say) is read line by line.
    """
    found: list[str] = []
    for block in code_blocks(text) or [text[:_LONGEST]]:
        tree = parse_python(block)
        trees = [tree] if tree is not None else _line_by_line(block)
        for part in trees:
            found.extend(ast.unparse(node) for node in ast.walk(part) if _is_plain_assert(node))
    return [line for line in found if "\n" not in line]


def _is_plain_assert(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert)


def _line_by_line(block: str) -> list[ast.Module]:
    lines = (line.strip().lstrip("-*0123456789.) ") for line in block.split("\n"))
    trees = (parse_python(line) for line in lines if line.startswith("assert"))
    return [tree for tree in trees if tree is not None]


def calls(tree: ast.AST, name: str) -> bool:
    """Whether `tree` holds a call of the plain name `name`."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(tree)
    )
