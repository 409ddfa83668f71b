"""What a piece of work cost: seconds by the clock and of CPU, children included, as a line."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@contextmanager
def told() -> Iterator[None]:
    """Print what the body cost."""
    began, before = time.perf_counter(), cpu()
    yield
    line = {"seconds": time.perf_counter() - began, "cpu": cpu() - before}
    sys.stdout.write("\n" + json.dumps(line) + "\n")
    sys.stdout.flush()


def prompt(number: int) -> str:
    """A prompt of some 200 tokens that differs from all others at its end."""
    rules = "Write a Python function. It is pure, it has a docstring, it handles edge cases. " * 8
    return f"{rules} It adds {number} to its argument."
