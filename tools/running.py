"""A run as a person follows it: what it will take, how it goes, what came of it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from opencodeinstruct.builder.errors import Missing, RunFolderError, ServiceError
from opencodeinstruct.tools.assemble import assemble
from opencodeinstruct.tools.estimate import costs, seconds, spoken
from opencodeinstruct.tools.llm.asking import probe
from opencodeinstruct.tools.outcome import Row
from opencodeinstruct.tools.overseeing import Bounds, Overseen, overseeing
from opencodeinstruct.tools.plan import ASKS, STAGES, Services
from opencodeinstruct.tools.ports import Answer, Refused, Request
from opencodeinstruct.tools.preview import preview_recipe
from opencodeinstruct.tools.recipe import ROLES
from opencodeinstruct.tools.report import write_report
from opencodeinstruct.tools.rounds import until_enough
from opencodeinstruct.tools.run_folder import StageCounts, read_table
from opencodeinstruct.tools.screens import Screens, say
from opencodeinstruct.tools.session import (
    Session,
    claim_folder,
    require_stages,
    run_stages,
    services,
    session_of,
)
from opencodeinstruct.tools.shown import visible, whole_row
from opencodeinstruct.tools.stages.build import BuildReport
from opencodeinstruct.tools.steps import Pace
from opencodeinstruct.tools.terminal import (
    Terminal,
    counts_table,
    estimate_table,
    reasons,
    said_of,
)
from opencodeinstruct.tools.usage import NAME as USAGE
from opencodeinstruct.tools.usage import prices_of, write_usage
from opencodeinstruct.tools.watch import Several, Watch


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is shown and driven."""

    show_rows: bool = False
    drop_deferred: bool = False
    redo: bool = False
    estimate: bool = True
    bounds: Bounds = field(default_factory=Bounds)


def run(session: Session, options: Options, screens: Screens) -> int:
    """Run `session` to its dataset; the exit code: 0, or 3 when rows were deferred."""
    with session.folder.locked():
        _claim(session, options, screens.err)
        rounds: list[_Came] = []

        def accepted(now: Session) -> int | None:
            rounds.append(asyncio.run(_stages(now, STAGES, options, screens)))
            return None if rounds[-1].deferred else rounds[-1].counts[-1].kept

        session = until_enough(session, accepted, lambda line: say(line, screens.err))
        came = rounds[-1]
        if came.deferred:
            screens.err.print(counts_table(came.counts))
            return _deferred(came, screens.err)
        _refuse_nothing(session, came, screens.err)
        report = _build(session, screens.err)
        write_report(session.folder)
    screens.out.print(counts_table(came.counts))
    _say_dataset(report, screens.out)
    return 0


def run_one(session: Session, stage: str, options: Options, screens: Screens) -> int:
    """Run `stage` anew on what the one before it kept; later stages are then out of date."""
    with session.folder.locked():
        _claim(session, options, screens.err, anew_from=stage)
        require_stages(session, stage)
        if stage == "build":
            _say_dataset(_build(session, screens.err), screens.out)
            return 0
        removed = session.folder.remove_from(stage)[1:]
        if removed:
            screens.err.print(
                f"What came after it is out of date and was removed: {', '.join(removed)}. "
                "`opencodeinstruct run` makes it again, from recorded answers where they fit.",
                soft_wrap=True,
            )
        if session.folder.dataset.exists():
            screens.err.print(
                f"The dataset is out of date, too: {session.folder.dataset} stays until "
                "`opencodeinstruct run` or `build` replaces it.",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        came = asyncio.run(_stages(session, (stage,), options, screens))
    screens.out.print(counts_table(came.counts))
    return _deferred(came, screens.err) if came.deferred else 0


def preview(session: Session, rows: int, screens: Screens) -> int:
    """Show about `rows` rows going through everything; keep nothing."""
    with TemporaryDirectory(prefix="opencodeinstruct-") as folder:
        small = session_of(preview_recipe(session.recipe, rows), Path(folder))
        claim_folder(small, redo=False)
        options = Options(show_rows=True, estimate=False)
        numbers = count(1)

        def show(row: Row) -> None:
            screens.out.print(whole_row(row, next(numbers)))

        came = asyncio.run(_stages(small, STAGES, options, screens, show))
        if came.deferred:
            return _deferred(came, screens.err)
    screens.out.print(counts_table(came.counts))
    none = "No row came through; the table says why. " if not came.counts[-1].kept else ""
    screens.err.print(f"{none}This was a preview: nothing is kept.")
    return 0


def _claim(session: Session, options: Options, err: Console, anew_from: str | None = None) -> None:
    removed = claim_folder(session, redo=options.redo, anew_from=anew_from)
    if removed:
        err.print(f"The recipe changed; made anew: {', '.join(removed)}.")


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of some stages; `because`: why the last row that was deferred was."""

    counts: list[StageCounts]
    because: str

    @property
    def deferred(self) -> int:
        return self.counts[-1].deferred


async def _stages(
    session: Session,
    stages: Sequence[str],
    options: Options,
    screens: Screens,
    show_finished: Callable[[Row], None] | None = None,
) -> _Came:
    with Terminal(screens.err, options.show_rows, show_finished=show_finished) as terminal:
        async with overseeing(session, options.bounds, terminal.say) as overseen:
            terminal.meter = overseen.oversight.meter
            try:
                counts = await _driven(session, stages, options, terminal, overseen)
            finally:
                _say_models(session, terminal)
    return _Came(counts, terminal.deferred_because)


async def _driven(
    session: Session,
    stages: Sequence[str],
    options: Options,
    terminal: Terminal,
    overseen: Overseen,
) -> list[StageCounts]:
    """Run `stages`, the seeds first: what they cost can then be told."""
    watch = Several(terminal, overseen.log)
    stop = overseen.oversight.stop
    pace = Pace(session.recipe.rows_per_part, options.drop_deferred, stop)

    def on_answer(request: Request, answer: Answer, from_journal: bool) -> None:
        terminal.advanced("", 0)  # shows the tokens

    async with services(
        session,
        stages=stages,
        on_answer=on_answer,
        progress=terminal.fetching,
        oversight=overseen.oversight,
    ) as handed:
        first = [stage for stage in stages if stage == "seeds"]
        counts = await _drive(session, first, handed, watch, pace)
        if counts and not counts[-1].kept:
            raise RunFolderError(
                f"{session.folder.path}: no seed was accepted "
                f"({reasons(counts[-1]) or 'the sources hold none'}); "
                f"{session.folder.stage('seeds').path / 'rejects'} says why. "
                "Correct `seeds:` in the recipe."
            )
        rest = [stage for stage in stages if stage != "seeds"]
        if options.estimate and counts and rest:
            await _say_estimate(session, terminal, handed)
        return counts + await _drive(session, rest, handed, watch, pace)


def _say_models(session: Session, terminal: Terminal) -> None:
    """Say what was paid, and leave it as a table beside the dataset."""
    meter = terminal.meter
    if meter.paid.answers or meter.recalled:
        terminal.say(f"Models: {said_of(meter)}.")
        prices = prices_of(session.recipe.model_for(role) for role in ROLES)
        write_usage(session.folder.journal, prices, session.folder.path / USAGE)


def _refuse_nothing(session: Session, came: _Came, err: Console) -> None:
    """Raise when no row is left: where the last ones went, and where their reasons stand."""
    if came.counts[-1].kept:
        return
    err.print(counts_table(came.counts))
    last = next(counts for counts in came.counts if not counts.kept)
    raise RunFolderError(
        f"{session.folder.path}: nothing left to build: `{last.stage}` kept no row "
        f"({reasons(last)}). {session.folder.stage(last.stage).path / 'rejects'} holds them "
        "with the reasons. Correct the recipe or the model, or try that stage anew with "
        f"`opencodeinstruct {last.stage}`."
    )


async def _drive(
    session: Session, stages: Sequence[str], handed: Services, watch: Watch, pace: Pace
) -> list[StageCounts]:
    if not stages:
        return []
    return await run_stages(session, stages, handed, watch, pace)


async def _say_estimate(session: Session, terminal: Terminal, handed: Services) -> None:
    missing = [stage for stage in ASKS if not session.folder.stage(stage).is_complete()]
    if not missing or session.folder.stage(missing[0]).path.exists():
        return  # nothing to pay, or a run that goes on: its user knows, and trying costs answers
    parts = session.folder.stage("seeds").parts()
    seeds = sum(read_table(path).num_rows for path in parts)
    ready = sum(_ready(path) for path in parts)
    expected = [c for c in costs(session.recipe, seeds=seeds, ready=ready) if c.stage in missing]
    terminal.console.print(estimate_table(expected))
    model = session.recipe.model_for(ASKS[missing[0]][0])
    terminal.console.print(f"Trying the model {escape(model.name)} …", highlight=False)
    try:
        found = await probe(model, progress=terminal.fetching, servers=handed.servers)
    except ServiceError as error:  # it may pass; rows that it keeps from being made are deferred
        terminal.console.print(
            f"The trial failed: {escape(visible(_why(str(error))))}. The run starts all the same.",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
        return
    except Refused as error:
        raise Missing(
            f"The model {model.name} refuses even a short request: {str(error).rstrip('.')}. "
            "Correct the model's settings and run again."
        ) from error
    if found.tokens_per_second:
        time = spoken(seconds(expected, found.tokens_per_second))
        most = model.max_concurrent_requests
        more = f" at most: {most} at once go faster" if most > found.requests else ""
        terminal.console.print(
            f"At {found.tokens_per_second:.0f} tokens/s, {found.requests} requests at once, "
            f"this takes [bold]{time}[/]{more}. "
            "Ctrl-C stops it; the same command continues it.",
            highlight=False,
        )


def _ready(path: Path) -> int:
    table = read_table(path)
    return int(pc.sum(pc.is_valid(table.column("input"))).as_py() or 0)


def _build(session: Session, err: Console) -> BuildReport:
    with Progress(
        TextColumn("[bold]        build"), BarColumn(bar_width=24), console=err, transient=True
    ) as progress:
        task: TaskID = progress.add_task("build", total=None)
        return assemble(session, lambda rows: progress.update(task, completed=rows))


def _deferred(came: _Came, err: Console) -> int:
    stage, rows = came.counts[-1].stage, f"{came.deferred:,} row{'s' * (came.deferred > 1)}"
    err.print(
        f"{rows} deferred in `{stage}`: {_why(came.because)}. Run the same command again to "
        "retry, or add --drop-deferred to go on without them.",
        style="yellow",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 3


def _why(said: str) -> str:
    """The reason in a service's error, without its advice to run again."""
    return said.split(" Run the same", 1)[0].rstrip(".")


def _say_dataset(report: BuildReport, out: Console) -> None:
    table = Table(title="Subsets", title_justify="left")
    table.add_column("name")
    table.add_column("rows", justify="right")
    for name, rows in report.counts.items():
        table.add_row(name, f"{rows:,}")
    out.print(table)
    here = Path.cwd()
    folder = report.folder
    folder = folder.relative_to(here) if folder.is_relative_to(here) else folder
    out.print(
        f"\nThe dataset: [bold]{escape(str(folder))}[/] ({report.rows:,} rows)",
        highlight=False,
        soft_wrap=True,
    )
    out.print(
        "Load it:\n"
        "    from datasets import load_dataset\n"
        f'    rows = load_dataset("{folder}", "default", split="train")',
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
