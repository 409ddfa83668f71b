"""Tests that leave no trace in the process that runs them, so that it can go on to the next.

Most tests are like `assert f([1, 2]) == 3`: names of the solution, built-in functions, data. They
need no process of their own. What imports more, sets attributes, defines classes or reaches for
anything that has a state gets one. This is for honest tests, which do not hide what they do.
"""

from __future__ import annotations

import opcode
from types import CodeType

FORBIDDEN = frozenset(
    opcode.opmap[name]
    for name in (
        *("STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_BUILD_CLASS"),
        *("GET_AWAITABLE", "GET_AITER", "SEND"),
    )
    if name in opcode.opmap
)
IMPORT, LONG = opcode.opmap["IMPORT_NAME"], opcode.opmap["EXTENDED_ARG"]
IMPORTED_NAMES = """
bisect collections copy datetime decimal fractions functools heapq itertools math operator re
solution statistics string typing
"""
IMPORTED = frozenset(IMPORTED_NAMES.split())
UNFIT_NAMES = """
breakpoint builtins compile copyright credits delattr eval exec exit f_back f_builtins f_globals
f_locals gc getattr gi_frame globals help input inspect license locals open os quit setattr
np numpy pandas pd random seed settrace setprofile sys tb_frame type types vars warnings
"""
UNFIT = frozenset(UNFIT_NAMES.split())


def leaves_no_trace(code: CodeType) -> bool:
    """Whether `code` can run in a process that is used again; in doubt not."""
    used = code.co_code
    if FORBIDDEN.intersection(used[::2]) or UNFIT.intersection(code.co_names):
        return False
    if any(name.startswith("_") for name in code.co_names):
        return False
    if IMPORT in used[::2] and not imports_little(code):
        return False
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return all(map(leaves_no_trace, inner))


def imports_little(code: CodeType) -> bool:
    """Whether `code` imports nothing but modules that hold no state."""
    pairs = list(zip(code.co_code[::2], code.co_code[1::2], strict=True))
    if any(operation == LONG for operation, _ in pairs):
        return False
    return all(
        code.co_names[argument] in IMPORTED for operation, argument in pairs if operation == IMPORT
    )
