"""Compile a kernel once and for all: numba's own decorator, typed, with its cache on.

The machine code is kept beside the module (or in the user's cache folder, where that cannot be
written), so that only the first run on a machine waits for the compiler.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

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


def _load_word(typing: Any, data: Any, place: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.gep(array.data, [arguments[1]])
        word = context.get_value_type(types.uint64).as_pointer()
        return builder.load(builder.bitcast(start, word), align=1)

    return types.uint64(data, types.int64), generated


def _trailing_zeros(typing: Any, word: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.false_bit)

    return types.int64(types.uint64), generated


load_word: Callable[[NDArray[np.uint8], int], np.uint64] = intrinsic(_load_word)
"""The eight bytes of the first from the second on, the first the lowest; nothing is checked."""

trailing_zeros: Callable[[np.uint64], int] = intrinsic(_trailing_zeros)
"""How many of the lowest bits are 0; 64 of none that is set."""
