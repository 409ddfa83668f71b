"""Read Python that a model wrote, without running it: signatures, code blocks, assert lines."""

import ast
import builtins
import keyword
import re
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from opencodeinstruct.tools.text.demonstration import is_main, without_demonstration
from opencodeinstruct.tools.text.fences import Block, fenced_blocks, lines_of, spans
from opencodeinstruct.tools.text.functions import is_stub

_PYTHON_TAG = re.compile(r"(?:i?py(?:thon)?[\d.]*|pycon)?")
_DEEPEST = 10_000  # characters of one line of code; past that it is no solution
_TRIES = 2000  # pieces of a block that does not parse, tried as an assert statement
_MOST = 1000  # asserts of one answer; past that it is a loop
_CONTINUED = 20  # lines over which one assert of such a block may run

_NAMED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# What `ast` and `compile` raise for text that is no Python, or too deep or too large to be.
_NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


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
    except _NOT_PYTHON:
        return None


def unparsed(node: ast.AST) -> str | None:
    """`node` as code, or None where Python cannot write it: too deep, or a number too long."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError, MemoryError):
        return None


def parse_signature(text: str) -> Signature | None:
    """The signature in `text` (`def f(x: int) -> int`), or None if there is none to use.

    Not usable: no function head, more than one, no argument, or the name of a builtin.
    """
    function = function_head(text)
    if function is None:
        return None
    arguments = tuple(argument.arg for argument in _arguments(function))
    if not arguments or hasattr(builtins, function.name) or keyword.issoftkeyword(function.name):
        return None
    function.body, function.decorator_list = [ast.Expr(ast.Constant(...))], []
    one_line = unparsed(function)
    if one_line is None:
        return None
    return Signature(function.name, arguments, one_line.split("\n")[0].removesuffix(":"))


def renamed(signature: Signature, name: str) -> Signature | None:
    """`signature` under another `name`, or None where no function can have that."""
    head = signature.text.replace(f"def {signature.name}", f"def {name}", 1)
    return parse_signature(head) if name.isidentifier() else None


def function_head(text: str) -> ast.FunctionDef | None:
    """The one function that `text` is the head of, with or without its body, or None."""
    head = re.sub(r"\A(?:python\s)?\s*", "", text.strip().strip("`"))
    if head and not head.startswith(("def ", "async ", "@")):
        head = f"def {head}"
    bare = head.strip().removesuffix("...").rstrip(" \t\n.,:;")
    for form in (head, f"{bare}: ..."):  # with a body, as in an editor, or without
        tree = parse_python(form)
        if tree is not None:
            one = tree.body[0] if len(tree.body) == 1 else None
            return one if isinstance(one, ast.FunctionDef) else None
    return None


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    arguments = function.args
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def code_blocks(text: str) -> list[str]:
    """The bodies of the fenced Python blocks of `text`, dedented, in order.

    A fence that is never closed runs to the end: the answer was cut. Blocks tagged as another
    language are left out.
    """
    return [block.body for block in fenced_blocks(text) if _is_python(block)]


def _code_in(text: str) -> list[str]:
    """The Python blocks of `text`, or all of it where there is no fence."""
    blocks = fenced_blocks(text)
    if not blocks:
        return ["\n".join(lines_of(text))]
    return [block.body for block in blocks if _is_python(block)]


def _is_python(block: Block) -> bool:
    return _PYTHON_TAG.fullmatch(block.tag) is not None


def code_block_defining(text: str, name: str) -> str | None:
    """The first block of `text` that parses and defines `name` at top level, or None.

    Text without any fence is taken as code. A definition without a body (`...`) is only taken when
    there is no other. Demonstrations (prints, calls, asserts, a `__main__` part) at the block's top
    level are cut out; everything else stays as it was written.
    """
    stub = None
    for block in possible_blocks(text):
        tree = parse_python(block) if name in block else None
        if tree is None or name not in defined_names(tree):
            continue
        code = without_demonstration(block, tree, name)
        code = (code if parse_python(code) is not None else block).strip("\n") + "\n"
        if not any(_is_stub_of(node, name) for node in tree.body):
            return code
        stub = stub or code
    return stub


def possible_blocks(text: str) -> Iterator[str]:
    """The Python of `text`, block by block, then what may have been meant as a block of it."""
    yield from _code_in(text)
    yield from (block.body for block in spans(text) if _is_python(block))


def _is_stub_of(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == name and is_stub(node)


def defined_names(tree: ast.Module) -> set[str]:
    """Names that functions, classes and plain assignments of the top level of `tree` bind."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, _NAMED):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def assert_lines(text: str) -> list[str]:
    """The assert statements of `text`, each on one line, in order; nothing else.

    They are looked for in its fenced blocks, or in the whole text where there is no fence: at the
    top level, in functions and in a `__main__` part, but not where they hold only under a
    condition. One that uses a variable of its block is left out: on its own it means nothing. A
    block that does not parse as a whole (it was cut, say) is read line by line.
    """
    return list(islice(_assert_lines(text), _MOST))


def _assert_lines(text: str) -> Iterator[str]:
    for block in _code_in(text):
        tree = parse_python(block)
        trees = [tree] if tree is not None else _asserts_of_broken(block.split("\n"))
        for part in trees:
            yield from _self_contained(part)


def _self_contained(tree: ast.Module) -> Iterator[str]:
    asserts = list(_unconditional(tree.body))
    variables: set[str] = set()
    if not all(isinstance(node, ast.Assert) for node in tree.body):
        within = {id(part) for node in asserts for part in ast.walk(node)}
        others = (part for part in ast.walk(tree) if id(part) not in within)
        variables = {bound for part in others for bound in _bound(part)}
    for node in asserts:
        line = unparsed(node)
        if line is None or "\n" in line:
            continue
        if not variables or variables.isdisjoint(free_names(unparsed(node.test) or "") or ()):
            yield line


def _unconditional(body: list[ast.stmt]) -> Iterator[ast.Assert]:
    for node in body:
        if isinstance(node, ast.Assert):
            yield node
        elif isinstance(node, _NAMED) or (isinstance(node, ast.If) and is_main(node)):
            yield from _unconditional(node.body)


def _bound(node: ast.AST) -> Iterator[str]:
    """The variable that `node`, a single node, binds: not functions, classes and imports."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name


def _asserts_of_broken(lines: list[str]) -> Iterator[ast.Module]:
    tries = 0
    for number, line in enumerate(lines):
        piece = line.strip().lstrip("-*0123456789.) `").rstrip("`")
        if not piece.startswith("assert"):
            continue
        for following in [*lines[number + 1 : number + 1 + _CONTINUED], ""]:
            tries += 1
            if tries > _TRIES:
                return
            tree = parse_python(piece)
            if tree is not None:
                yield tree
            if tree is not None or not _is_open(piece) or following.lstrip().startswith("assert"):
                break
            piece = f"{piece}\n{following}"


def _is_open(piece: str) -> bool:
    return sum(map(piece.count, "([{")) > sum(map(piece.count, ")]}"))


def free_names(code: str) -> frozenset[str] | None:
    """The names that the statement `code` takes from outside; None where it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code, "<test>", "exec", dont_inherit=True)
            top = symtable.symtable(code, "<test>", "exec")
    except _NOT_PYTHON:
        return None
    own = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}
    names: set[str] = set()
    tables = [top]
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        names.update(
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (table is top or symbol.is_global())
        )
    return frozenset(names - own)


def calls(tree: ast.AST, name: str) -> bool:
    """Whether `tree` holds a call of the plain name `name`."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(tree)
    )


def _calls(line: str, name: str) -> bool:
    tree = parse_python(line)
    return tree is not None and calls(tree, name)


def under_name(lines: list[str], name: str) -> list[str]:
    """`lines`, asserts, calling `name` where all of them call one other name that nobody defines.

    A tester now and then spells a function's name in its own way, and means it.
    """
    if any(f"{name}(" in line and _calls(line, name) for line in lines):
        return lines
    trees = [tree for line in lines if (tree := parse_python(line)) is not None]
    called = [_strangers_called(tree) for tree in trees]
    shared = set.intersection(*called) if called else set()
    if len(shared) != 1:
        return lines
    other = shared.pop()
    return [re.sub(rf"(?<![\w.\"']){re.escape(other)}(?=\()", name, line) for line in lines]


def _strangers_called(tree: ast.AST) -> set[str]:
    """The plain names that `tree` calls and that are no builtins."""
    return {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and not hasattr(builtins, node.func.id)
    }
