"""What happened in a run, a line of JSON for each: `events.jsonl` in its folder."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from opencodeinstruct.builder.files import written_error
from opencodeinstruct.tools.outcome import Outcome
from opencodeinstruct.tools.run_folder import StageCounts


class EventLog:
    """Appends to the file at `path`; a context manager, and a `Watch` of the stages.

    Every line has `time` (UTC), `event` and what there is to know. A line that a kill cut short is
    ended before the next one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stage, self._rows, self._done, self._began = "", 0, 0, 0.0

    def __enter__(self) -> "EventLog":
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b", buffering=0)
            if self._path.stat().st_size:
                self._file.seek(-1, 2)
                if self._file.read(1) != b"\n":
                    self._file.write(b"\n")
        except OSError as error:
            raise written_error(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, event: str, facts: dict[str, object]) -> None:
        """Write one line."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False)
        try:
            self._file.write(line.encode("utf-8", "replace") + b"\n")
        except OSError as error:
            raise written_error(self._path, error) from error

    def progress(self) -> dict[str, object]:
        """How far the stage under way has come, and the seconds that the rest of it may take."""
        seconds = time.monotonic() - self._began
        left = self._rows - self._done
        known = self._rows and self._done
        return {
            "stage": self._stage,
            "rows": self._rows,
            "done": self._done,
            "seconds_left": round(seconds / self._done * left) if known else None,
        }

    def started(self, stage: str, rows: int | None) -> None:
        """See `Watch`."""
        self._stage, self._rows, self._done = stage, rows or 0, 0
        self._began = time.monotonic()
        self.write("stage_started", {"stage": stage, "rows": rows})

    def outcome(self, stage: str, outcome: Outcome) -> None:
        """See `Watch`."""
        self._done += 1

    def advanced(self, stage: str, rows: int) -> None:
        """See `Watch`."""
        self._rows -= rows  # done by a former process: they say nothing about the speed of this

    def ended(self, counts: StageCounts, *, before: bool) -> None:
        """See `Watch`."""
        if not before:
            self.write(
                "stage_ended",
                {
                    "stage": counts.stage,
                    "kept": counts.kept,
                    "dropped": counts.dropped,
                    "deferred": counts.deferred,
                    "seconds": round(time.monotonic() - self._began, 3),
                },
            )
