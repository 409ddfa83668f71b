"""What a test comes to: the verdict on what was raised, with its place and a bounded message."""

from __future__ import annotations

import _ast
import opcode
from types import CodeType

from opencodeinstruct.tools.sandbox.inside.records import (
    ERROR,
    FAIL,
    MEMORY,
    TEXT_BYTES,
    VERDICT,
    Record,
)

SOLUTION, TEST = "<solution>", "<test>"
PLACE_OF = {"": 0, SOLUTION: 1, TEST: 2}
TREE_ONLY = 0x400  # ast.PyCF_ONLY_AST; importing ast takes half as long as starting Python
MOST_LINES = 2**32 - 1
NOTHING_ASSERTED = b"the test asserts nothing"
ASSERTION = opcode.opmap.get("LOAD_ASSERTION_ERROR")  # not in Python 3.14


def compiled(test: str) -> object | None:
    """The code of a test, to be executed; None for one that asserts nothing.

    Most tests show an assert once they are compiled. A tree is made only where there is none to be
    seen, as it takes five times as long, and half of the memory that a test touches.
    """
    try:
        code: CodeType = compile(test, TEST, "exec", dont_inherit=True)
    except SyntaxError:  # it may be none for the tree, in a test that asserts nothing
        pass
    else:
        if shows_assert(code):
            return code
    tree = compile(test, TEST, "exec", TREE_ONLY, dont_inherit=True)
    return compile(tree, TEST, "exec", dont_inherit=True) if asserts(tree) else None


def shows_assert(code: CodeType) -> bool:
    """Whether an assert is left in `code`, or in what it defines; one of a constant is not."""
    if ASSERTION is not None and ASSERTION in code.co_code[::2]:
        return True
    return any(shows_assert(one) for one in code.co_consts if isinstance(one, CodeType))


def asserts(tree: object) -> bool:
    """Whether there is something in `tree` that can fail: an assert, a raise, an `assertEqual`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (_ast.Assert, _ast.Raise)):
            return True
        if isinstance(node, _ast.Attribute) and node.attr.startswith(("assert", "raises", "fail")):
            return True
        for name in getattr(node, "_fields", ()):
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, _ast.AST):
                waiting.append(value)
    return False


def finding(error: BaseException) -> Record:
    """The verdict on what the code or a test raised."""
    try:
        raised_in, place, line = where(error)
        own = type(error) is AssertionError and raised_in == TEST
        verdict = MEMORY if isinstance(error, MemoryError) else FAIL if own else ERROR
        text = described(error)
        return Record(VERDICT, verdict, line=line, place=PLACE_OF[place], text=text)
    except MemoryError:
        return Record(VERDICT, MEMORY, text=b"MemoryError")
    except BaseException:  # noqa: BLE001 - an exception may be written so that looking at it fails
        return Record(VERDICT, ERROR, text=b"an exception that cannot be shown")


def where(error: BaseException) -> tuple[str, str, int]:
    """The file of the frame that raised; and file and last line in code or test on the way."""
    raised_in, place, line = "", "", 0
    trace = error.__traceback__
    while trace is not None:
        raised_in = trace.tb_frame.f_code.co_filename
        if raised_in in (SOLUTION, TEST):
            place, line = raised_in, trace.tb_lineno or 0
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename in (SOLUTION, TEST):
        place, line = error.filename, error.lineno or 0
    return raised_in, place, max(0, min(int(line), MOST_LINES))


def described(error: BaseException) -> bytes:
    """`Type: message`, cut to `TEXT_BYTES`; the bare type where the message cannot be had."""
    name = str(type(error).__name__)[:200]
    try:
        message = str(error)[:TEXT_BYTES]
    except MemoryError:
        raise
    except BaseException:  # noqa: BLE001 - a candidate's own __str__
        message = ""
    text = f"{name}: {message}" if message else name
    return text.encode("utf-8", "backslashreplace")[:TEXT_BYTES]
