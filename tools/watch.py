"""What a run tells whoever looks on: the terminal, a test, nobody."""

from typing import Protocol

from opencodeinstruct.tools.outcome import Outcome
from opencodeinstruct.tools.run_folder import StageCounts


class Watch(Protocol):
    """Told as a run goes on; nothing it does changes the run."""

    def started(self, stage: str, rows: int | None) -> None:
        """Stage `stage` begins; about `rows` will be told of, if that is known beforehand."""

    def outcome(self, stage: str, outcome: Outcome) -> None:
        """A row of `stage` came to `outcome`; rows come in the order in which they are done."""

    def advanced(self, stage: str, rows: int) -> None:
        """`rows` more rows of `stage` are done that are not told one by one."""

    def ended(self, counts: StageCounts, *, before: bool) -> None:
        """A stage is complete (`before`: a former run completed it) or has deferred rows."""


class Several:
    """Tells each of `watches` in turn."""

    def __init__(self, *watches: Watch) -> None:
        self._watches = watches

    def started(self, stage: str, rows: int | None) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.started(stage, rows)

    def outcome(self, stage: str, outcome: Outcome) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.outcome(stage, outcome)

    def advanced(self, stage: str, rows: int) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.advanced(stage, rows)

    def ended(self, counts: StageCounts, *, before: bool) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.ended(counts, before=before)


class Nobody:
    """A watch that ignores what it is told."""

    def started(self, stage: str, rows: int | None) -> None:
        """See `Watch`."""

    def outcome(self, stage: str, outcome: Outcome) -> None:
        """See `Watch`."""

    def advanced(self, stage: str, rows: int) -> None:
        """See `Watch`."""

    def ended(self, counts: StageCounts, *, before: bool) -> None:
        """See `Watch`."""
