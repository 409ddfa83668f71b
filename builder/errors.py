"""Errors meant for people: where, what is wrong, what to do, on one line.

    ProjectError
    ├── RowError        a line or row of an input file that cannot be used
    ├── RecipeError     a recipe that cannot be run as written
    ├── RunFolderError  a run or dataset folder that is not what the command needs
    ├── Missing         something on this machine is absent: a package, walls, a login, disk
    └── ServiceError    a model endpoint, sandbox or Hub failed; says nothing about the row asked

The command line prints `error: {error}` and exits with 1; a `ServiceError` met while asking for
one row defers that row (exit 3), it does not end the run.
"""

from pathlib import Path


class ProjectError(Exception):
    """Base of every error a user can act on. The message is one line: where, what, what to do."""


class RowError(ProjectError):
    """Line or row `number` (from 1) of `path` cannot be used."""

    def __init__(self, path: str | Path, number: int, what: str) -> None:
        super().__init__(f"{path}:{number}: {what}. Fix or delete that line.")
        self.path, self.number, self.what = str(path), number, what


class RecipeError(ProjectError):
    """The recipe `path` cannot be run as written."""

    def __init__(self, path: str | Path, what: str) -> None:
        super().__init__(f"{path}: {what}")


class RunFolderError(ProjectError):
    """A run or dataset folder does not hold what the command needs."""


class Missing(ProjectError):
    """Something the command needs is absent on this machine; the message says how to get it."""


class ServiceError(ProjectError):
    """A service failed. It says nothing about the row that was asked about."""
