"""The distinct values of an array, sorted."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Whole = TypeVar("_Whole", bound=np.integer)


def distinct(values: NDArray[_Whole]) -> NDArray[_Whole]:
    """Each of `values` once, sorted, as `numpy.unique` has them.

    numpy from 2.3 on finds them by a hash table, which takes forty times as long as sorting.
    """
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]
