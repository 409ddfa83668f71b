"""What every way to run programs is turned into, so that all are measured alike.

The standard library only, as this is loaded in each of them: what forks is to be small.
"""

import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SOLUTION = """
import sys as _sys, types as _types
_solution = _types.ModuleType("solution")
_solution.__dict__.update(globals())
_sys.modules["solution"] = _solution
"""
"""Makes `from solution import ...` work in a program and tests that are run as one text."""


@dataclass(frozen=True, slots=True)
class Case:
    """A program, one text that tests it, whether that should pass, and what it needs."""

    uid: str
    code: str
    test: str
    passes: bool
    entry_point: str | None = None
    packages: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """Program and test as one text, for a harness that takes one."""
        return f"{self.code}\n{self.after}"

    @property
    def after(self) -> str:
        """What stands after the program in `script`."""
        solution = SOLUTION if "solution" in self.test else ""
        return f"{solution}\n{self.test}"


@dataclass(frozen=True, slots=True)
class Setting:
    """How a harness is to run: so many programs at once, seconds and MiB for each of them.

    `packages` is what programs may import beside the standard library, for a sandbox that asks.
    """

    workers: int = 1
    seconds: float = 1.0
    memory_mib: int = 512
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a harness said of a program: whether it passed, and if not, why.

    `seconds` is wall time where the harness can tell, `trust` how the pass was seen (ours only).
    """

    passed: bool
    why: str = ""
    seconds: float = 0.0
    trust: str = ""


class Harness(Protocol):
    """Runs `cases`, calls `done` after each, and returns what it saw, in the order of `cases`."""

    def __call__(self, cases: Sequence[Case], done: Callable[[], None]) -> list[Seen]: ...


@dataclass(frozen=True, slots=True)
class Method:
    """A way to run programs.

    `open` starts what a run needs. `version` is what is measured, for the record.
    """

    version: Callable[[], str]
    open: Callable[[Setting], AbstractContextManager[Harness]]


def version_of(package: str) -> str:
    """The installed version of `package`."""
    return f"{package} {importlib.metadata.version(package)}"


def interpreter() -> str:
    """The real file of this interpreter, outside of any virtual environment."""
    return str(Path(getattr(sys, "_base_executable", "") or sys.executable).resolve())
