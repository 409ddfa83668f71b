"""Randomness that is the same in every child; to be called before anything imports `random`."""

from __future__ import annotations

import os
import sys


def steady() -> None:
    """Import `random` so that it does not seed itself again in each child, and seed it once."""
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:
        import random
    finally:
        os.register_at_fork = register
    random.seed(0)


def again() -> None:
    """The state that every child is to begin with, after whatever was drawn here."""
    sys.modules["random"].seed(0)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(0)
