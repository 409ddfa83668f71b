"""How running the programs of a file looks in a terminal: a bar on stderr, tables at the end."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from opencodeinstruct.tools.programs.execute_file import Report
from opencodeinstruct.tools.programs.tally import Tally
from opencodeinstruct.tools.terminal import progress_on

_SECONDS = 60  # between two lines where there is no terminal to draw a bar on


@dataclass(slots=True)
class ProgramBar:
    """Draws how far the programs of a file are on `console` (stderr), with their pass rate."""

    console: Console
    _progress: Progress | None = None
    _task: TaskID | None = None
    _before: int = 0
    _started: float = 0.0
    _said: float = field(default_factory=time.monotonic)

    def __enter__(self) -> "ProgramBar":
        """Start drawing."""
        self._progress = progress_on(self.console)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.stop()

    def show(self, tally: Tally, lines: int | None) -> None:
        """Show the counts so far, of `lines` in all where that is known."""
        if self._progress is None:
            return
        if self._task is None:
            self._task = self._progress.add_task("programs", total=lines, note="")
            self._before, self._started = tally.lines, time.monotonic()
            if tally.lines:
                self.console.print(f"{tally.lines:,} lines were done before.", highlight=False)
        self._progress.update(self._task, completed=tally.lines, note=self._note(tally))
        if not self.console.is_terminal and time.monotonic() - self._said >= _SECONDS:
            self._said = time.monotonic()
            of_all = f" of {lines:,}" if lines is not None else ""
            self.console.print(f"{tally.lines:,}{of_all}: {self._note(tally)}", highlight=False)

    def _note(self, tally: Tally) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        speed = (tally.lines - self._before) / seconds
        rate = f"{_share(tally.passed, tally.programs)} pass" if tally.programs else ""
        bad = f", {tally.unusable:,} unusable" if tally.unusable else ""
        return f"{speed:,.0f}/s  {rate}{bad}"


def results_table(tally: Tally) -> Table:
    """What the programs came to: by count, by trust, and their tests by verdict and by fault."""
    table = Table(title="Programs", title_justify="left")
    table.add_column("what")
    for name in ("count", "share"):
        table.add_column(name, justify="right")
    for what, count, of_all in _rows(tally):
        if what is None:
            table.add_section()
        else:
            table.add_row(what, f"{count:,}", _share(count, of_all) if of_all else "")
    return table


def _rows(tally: Tally) -> Iterator[tuple[str | None, int, int]]:
    """Name, count and of how many; a section ends where there is no name."""
    yield "programs", tally.programs, 0
    yield "pass all their tests", tally.passed, tally.programs
    for trust, count in tally.trust.most_common():
        yield f"  trust: {trust}", count, tally.programs
    for what, count in (("flaky", tally.flaky), ("deferred: the sandbox failed", tally.deferred)):
        if count:
            yield what, count, tally.programs
    if tally.unusable:
        yield "lines that cannot be used", tally.unusable, 0
    yield None, 0, 0
    tests = tally.verdicts.total()
    yield "tests", tests, 0
    for verdict, count in tally.verdicts.most_common():
        yield f"  {verdict}", count, tests
    for fault, count in tally.faults.most_common():
        yield f"  says nothing: {fault}", count, tests


def _share(count: int, of_all: int) -> str:
    return f"{count / of_all:.2%}" if of_all else ""


def estimate_lines(report: Report) -> Iterator[str]:
    """pass@k, a line each, and what it is not over."""
    tasks = len(report.tally.counts())
    for one in report.estimates:
        if one.value is not None:
            yield f"pass@{one.k}: {one.value:.4f} over {tasks:,} tasks"
    short = [one for one in report.estimates if one.value is None and one.short]
    if short:
        ks = ", ".join(f"pass@{one.k}" for one in short)
        yield f"Not estimated: {ks}; {short[0].short:,} of {tasks:,} tasks have fewer samples."
    if report.problems is not None and tasks < report.problems:
        yield (
            f"Only {tasks:,} of {report.problems:,} problems have a sample: this is no result for "
            "the whole benchmark."
        )
