"""How a command ends: its exit code, and one line on stderr where something is wrong."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.files import written_error
from opencodeinstruct.tools.shown import visible

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


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
    except KeyboardInterrupt:
        _say_stopped()
        return STOPPED
    except OSError as error:
        _complain(str(written_error(Path(error.filename or "."), error)))
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
