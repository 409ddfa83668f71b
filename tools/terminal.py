"""How a run looks in a terminal: a bar for each stage, rows as they are made, a table at the end.

Progress and rows go to stderr, results to stdout, so that a pipe gets the result alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from opencodeinstruct.tools.estimate import StageCost
from opencodeinstruct.tools.llm.meter import Meter
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.run_folder import StageCounts
from opencodeinstruct.tools.shown import shown_row, visible


def said_of(meter: Meter) -> str:
    """What models were asked and said in this process, in a few words."""
    paid = meter.paid
    kept = f", {meter.recalled:,} from the journal" if meter.recalled else ""
    cost = f", ${paid.usd:,.4f}" if paid.usd else ""
    return f"{paid.output_tokens:,} tokens written, {paid.prompt_tokens:,} read{kept}{cost}"


def live_of(meter: Meter) -> str:
    """How fast models answer now, for a line that is drawn again and again."""
    if not meter.paid.answers:
        return ""
    rates, cost = meter.rates(), f", ${meter.paid.usd:,.2f}" if meter.paid.usd else ""
    failed = f", {meter.failures.total():,} failed" if meter.failures else ""
    return (
        f"{rates.answers:,.1f} answers/s, {rates.output_tokens:,.0f} tokens/s, "
        f"{meter.in_flight:,} in flight{failed}{cost}"
    )


def progress_on(console: Console) -> Progress:
    """Bars with counts, a note and times, on a terminal; nothing elsewhere."""
    return Progress(
        TextColumn("[bold]{task.description:>13}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


_SELDOM = 15.0  # seconds between two lines of a log that only say how a start goes on


@dataclass(slots=True)
class Terminal:
    """A `Watch` that draws on `console` (stderr); with `show_rows` it prints what is made.

    `show_finished` is handed each row that the last stage keeps, at once.
    """

    console: Console
    show_rows: bool = False
    meter: Meter = field(default_factory=Meter)
    deferred_because: str = ""
    show_finished: Callable[[Row], None] | None = None
    _progress: Progress | None = None
    _task: TaskID | None = None
    _fetch: TaskID | None = None
    _fetching: str = ""
    _said_at: float = 0.0
    _tally: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> "Terminal":
        """Start drawing."""
        self._progress = progress_on(self.console)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.stop()

    def started(self, stage: str, rows: int | None) -> None:
        """See `Watch`."""
        self._tally = {"kept": 0, "dropped": 0, "deferred": 0}
        if self._progress is not None:
            self._task = self._progress.add_task(stage, total=rows, note="")
        if not self.console.is_terminal:
            of_rows = f", {rows:,} rows" if rows is not None else ""
            self.console.print(f"{stage}{of_rows} …", highlight=False)

    def outcome(self, stage: str, outcome: Outcome) -> None:
        """See `Watch`."""
        kind = {Kept: "kept", Dropped: "dropped", Deferred: "deferred"}[type(outcome)]
        self._tally[kind] += 1
        if isinstance(outcome, Deferred):
            self.deferred_because = visible(" ".join(outcome.reason.split()))
        self._advance(1)
        if stage == STAGES[-1] and isinstance(outcome, Kept) and self.show_finished is not None:
            self.show_finished(outcome.row)
        elif self.show_rows:
            shown = shown_row(stage, outcome)
            if shown is not None:
                self.console.print(shown)

    def advanced(self, stage: str, rows: int) -> None:
        """See `Watch`."""
        self._advance(rows)

    def fetching(self, done: int, total: int, what: str) -> None:
        """Show how far a model's file or server has come; may be called in another thread."""
        if not self.console.is_terminal:
            self._say(what)
            return
        if self._progress is None:
            return
        if what != self._fetching or self._fetch is None:
            if self._fetch is not None:
                self._progress.remove_task(self._fetch)
            self._fetch = self._progress.add_task("model", total=total or None, note=escape(what))
            self._fetching = what
        self._progress.update(self._fetch, completed=done, total=total or None)
        if total and done >= total:
            self._progress.remove_task(self._fetch)
            self._fetch, self._fetching = None, ""

    def _say(self, what: str) -> None:
        """A line for what is fetched or started; of its words after a colon new ones seldom."""
        kind, before = (text.partition(":")[0] for text in (what, self._fetching))
        now = self.meter.clock()
        if kind != before or (what != self._fetching and now - self._said_at >= _SELDOM):
            self.console.print(f"{escape(what)} …", highlight=False)
            self._fetching, self._said_at = what, now

    def _advance(self, rows: int) -> None:
        if self._progress is None or self._task is None:
            return
        note = ", ".join(f"{count:,} {kind}" for kind, count in self._tally.items() if count)
        now = live_of(self.meter) if self.console.is_terminal else ""
        self._progress.update(self._task, advance=rows, note=f"{note}  {now}")

    def say(self, line: str) -> None:
        """Print `line` as it is."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def ended(self, counts: StageCounts, *, before: bool) -> None:
        """See `Watch`."""
        if self._progress is not None and self._task is not None and not before:
            self._progress.remove_task(self._task)
            self._task = None
        self.console.print(stage_line(counts, before=before), highlight=False, soft_wrap=True)


def stage_line(counts: StageCounts, *, before: bool) -> str:
    """One line that says what a stage did."""
    dropped = sum(counts.dropped.values())
    parts = [f"{counts.kept:,} kept"]
    if counts.made:
        parts.insert(0, f"{counts.made:,} made")
    if dropped:
        parts.append(f"{dropped:,} dropped ({reasons(counts)})")
    if counts.deferred:
        parts.append(f"[yellow]{counts.deferred:,} deferred[/]")
    note = "  [dim](done before)[/]" if before else ""
    return f"[bold]{counts.stage:>13}[/]  {', '.join(parts)}{note}"


def reasons(counts: StageCounts) -> str:
    """The reasons for dropped rows, the most frequent first."""
    ranked = sorted(counts.dropped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {count:,}" for reason, count in ranked)


def counts_table(counts: Sequence[StageCounts]) -> Table:
    """A row for each stage: entered, made, kept, dropped with the reasons, deferred."""
    table = Table(title="Rows by stage", title_justify="left")
    for name in ("stage", "entered", "made", "kept", "dropped", "reasons"):
        number = name not in ("stage", "reasons")
        table.add_column(name, justify="right" if number else "left", no_wrap=number)
    for stage in counts:
        dropped = sum(stage.dropped.values())
        why = reasons(stage)
        if stage.deferred:
            why = f"{why + ', ' if why else ''}deferred {stage.deferred:,}"
        table.add_row(
            stage.stage,
            f"{stage.entered:,}",
            f"{stage.made:,}" if stage.made else "",
            f"{stage.kept:,}",
            f"{dropped:,}" if dropped else "",
            why,
        )
    return table


def estimate_table(stages: Sequence[StageCost]) -> Table:
    """A row for each stage that asks a model: requests and tokens, then all together."""
    table = Table(title="What the models will be asked, about", title_justify="left")
    table.add_column("stage")
    for name in ("requests", "prompt tokens", "output tokens"):
        table.add_column(name, justify="right")
    for stage in stages:
        table.add_row(
            stage.stage,
            f"{stage.requests:,}",
            f"{stage.prompt_tokens:,}",
            f"{stage.output_tokens:,}",
        )
    table.add_section()
    table.add_row(
        "in all",
        f"{sum(stage.requests for stage in stages):,}",
        f"{sum(stage.prompt_tokens for stage in stages):,}",
        f"{sum(stage.output_tokens for stage in stages):,}",
    )
    return table
