"""Garbage collection while a thousand requests are under way: seldom, and not of what stays.

Each request is a few hundred objects that live as long as the model takes, so Python's collector,
which by default looks after every 700 of them, looks at the same ones again and again: a third of
all CPU of a client at 1,024 requests in flight, for garbage that hardly has a cycle.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (50_000, 20, 100)  # new objects until the youngest are looked at, and so on


@contextmanager
def seldom() -> Iterator[None]:
    """Collect seldom in here, and leave alone what was there before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
