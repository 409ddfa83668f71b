"""Whether a run is to end before its end: asked for by a signal or a budget, heeded by the rest."""

from collections.abc import Callable

from opencodeinstruct.tools.ports import Stopped


def again(stopped: Stopped) -> Stopped:
    """The same, to be raised once more: an exception that is raised often grows with each time."""
    return Stopped(str(stopped), code=stopped.code)


OnStop = Callable[[Stopped], None]


class Stop:
    """Set at most once; those who registered are told at that moment."""

    def __init__(self) -> None:
        self.stopped: Stopped | None = None
        self._told: list[OnStop] = []

    def ask(self, stopped: Stopped) -> None:
        """Ask for the end; only the first reason counts."""
        if self.stopped is not None:
            return
        self.stopped = stopped
        for told in self._told:
            told(stopped)

    def check(self) -> None:
        """Raise `Stopped` when the end was asked for."""
        if self.stopped is not None:
            raise again(self.stopped)

    def tell(self, told: OnStop) -> None:
        """Have `told` called when the end is asked for, at once if it was already."""
        self._told.append(told)
        if self.stopped is not None:
            told(self.stopped)
