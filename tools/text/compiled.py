"""Compile a kernel once and for all: numba's own decorator, typed, with its cache on.

The machine code is kept beside the module (or in the user's cache folder, where that cannot be
written), so that only the first run on a machine waits for the compiler.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def inlined(kernel: Callable[P, R]) -> Callable[P, R]:
    """`kernel` as a part of each kernel that calls it; for small ones in inner loops."""
    made: Callable[P, R] = numba.njit(inline="always", nogil=True)(kernel)
    return made


def compiled(kernel: Callable[P, R]) -> Callable[P, R]:
    """`kernel` as machine code; integers wrap around, and no index is checked."""
    try:
        made: Callable[P, R] = numba.njit(cache=True, nogil=True)(kernel)
    except RuntimeError:  # nowhere to keep it: it is compiled anew in each process
        made = numba.njit(nogil=True)(kernel)
    return made
