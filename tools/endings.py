"""How a command ends: its exit code, and one line on stderr where something is wrong."""

import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import TextIO

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.files import written_error
from opencodeinstruct.tools.ports import Stopped
from opencodeinstruct.tools.shown import visible

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


def as_process(command: Callable[[], object]) -> int:
    """Run `command` as all that this process does; its exit code, with nothing left to write."""
    sys.stdout, sys.stderr = _open(sys.stdout), _open(sys.stderr)
    sys.excepthook = say_unexpected
    code = guarded(command)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # its reader has gone, or its disk is full: said already, where possible
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code or 1
    return code


def _open(stream: TextIO | None) -> TextIO:
    """`stream`, or nowhere where it was closed (`>&-`), showing what its encoding lacks as codes.

    A terminal that cannot show a check mark is no error.
    """
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def guarded(command: Callable[[], object]) -> int:
    """Run `command`; the exit code, after saying in one line what went wrong."""
    try:
        command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        if code == STOPPED:  # typer turns Ctrl-C into this
            _say_stopped()
        return code
    except ProjectError as error:
        _complain(str(error))
        return 1
    except Stopped as stopped:
        sys.stderr.write(f"\n{stopped}\n")
        return stopped.code
    except KeyboardInterrupt:
        _say_stopped()
        return STOPPED
    except OSError as error:
        _complain(str(written_error(Path(error.filename or "output"), error)))
        return 1
    return 0


def _say_stopped() -> None:
    sys.stderr.write("\nStopped. Run the same command again to continue.\n")


def _complain(message: str) -> None:
    sys.stderr.write(f"error: {visible(' '.join(message.split()))}\n")


def say_unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Say in one line that this is a bug of ours; its traceback is in a file, for the report."""
    with NamedTemporaryFile(
        "w", encoding="utf-8", errors="backslashreplace", prefix="opencodeinstruct-", delete=False
    ) as file:
        traceback.print_exception(kind, error, trace, file=file)
    what = " ".join(str(error).split())[:300]
    _complain(
        f"{kind.__name__}: {what}. This is a bug of ours: please report it with {file.name}. What "
        "was done is kept; the same command goes on from there."
    )
