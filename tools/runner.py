"""Drive the stages of a run over its parts: resume, count, keep every dropped row with its reason.

A stage whose manifest is there is not run again; of an unfinished stage only the missing parts
are. Kept rows keep their order, so the same answers give the same parts, byte for byte, whatever
the concurrency and however often the run was killed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import pyarrow as pa

from opencodeinstruct.builder.errors import Missing, RunFolderError
from opencodeinstruct.builder.schema import working_schema
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row, Verdicts
from opencodeinstruct.tools.run_folder import RunFolder, StageCounts, StageFolder, read_table
from opencodeinstruct.tools.stages.asking import settle
from opencodeinstruct.tools.steps import (
    Columns,
    Compared,
    EachRow,
    Further,
    Pace,
    Population,
    Source,
    Step,
    Surveyed,
)
from opencodeinstruct.tools.watch import Watch
from opencodeinstruct.tools.window import Flow, flow_through

_REFUSED = "request_refused"
_REFUSALS = 3  # so many requests refused and none served stop the run


async def drive(
    steps: Sequence[Step], folder: RunFolder, watch: Watch, pace: Pace
) -> list[StageCounts]:
    """Run `steps`, neighbours in the folder's order, until one has deferred rows.

    The counts of those that ran, in order.
    """
    done: list[StageCounts] = []
    for step in steps:
        pace.stop.check()
        stage = folder.stage(step.name)
        before = folder.before(step.name)
        if stage.is_complete():
            counts = stage.counts()
            watch.ended(counts, before=True)
        else:
            counts = await run_stage(step, stage, before, watch, pace)
            watch.ended(counts, before=False)
        done.append(counts)
        if counts.deferred:
            break
    return done


async def run_stage(
    step: Step, stage: StageFolder, before: StageFolder | None, watch: Watch, pace: Pace
) -> StageCounts:
    """Run one stage on what the stage `before` it kept; complete unless rows were deferred."""
    stage.path.mkdir(parents=True, exist_ok=True)
    teller = _Teller(step.name, watch, pace)
    match step.work:
        case Source():
            counts, parts = _run_source(step.work, stage, teller)
        case EachRow():
            counts, parts = await _run_rows(step.work, stage, _inputs(before), teller)
        case Population():
            counts, parts = await _run_population(step.work, stage, _inputs(before), teller)
        case Columns() | Compared() | Surveyed():
            counts, parts = await _run_columns(step.work, stage, _inputs(before), teller)
    if not counts.deferred:
        stage.finish(parts, counts, step.fingerprint)
    return counts


@dataclass(frozen=True, slots=True)
class _Teller:
    """Passes outcomes on to the watch under the stage's name."""

    stage: str
    watch: Watch
    pace: Pace

    def settled(self, outcome: Outcome) -> Outcome:
        """`outcome` as it was decided, told."""
        outcome = self.decided(outcome)
        self.watch.outcome(self.stage, outcome)
        return outcome

    def decided(self, outcome: Outcome) -> Outcome:
        """`outcome`; a deferred one is dropped if the user gave up on those."""
        if isinstance(outcome, Deferred) and self.pace.drop_deferred:
            return Dropped(outcome.row, "service_failed", outcome.reason)
        return outcome

    def counts(self, entered: int, made: int, tally: Counter[str], deferred: int) -> StageCounts:
        """The stage's counts; `tally` counts reasons, and kept rows under the empty one."""
        dropped = {reason: count for reason, count in sorted(tally.items()) if reason}
        return StageCounts(self.stage, entered, made, tally[""], dropped, deferred)


def _inputs(before: StageFolder | None) -> StageFolder:
    if before is None:
        raise RunFolderError("This stage needs rows of a stage before it; run that one first.")
    return before


def _rows(table: pa.Table) -> list[Row]:
    return list(table.to_pylist())


def _tally(outcomes: Sequence[Outcome]) -> tuple[Counter[str], int]:
    tally: Counter[str] = Counter()
    for outcome in outcomes:
        if not isinstance(outcome, Deferred):
            tally[outcome.reason if isinstance(outcome, Dropped) else ""] += 1
    return tally, sum(isinstance(outcome, Deferred) for outcome in outcomes)


def _written(stage: StageFolder, number: int) -> Counter[str]:
    kept, dropped = stage.counts_of_part(number)
    return Counter({"": kept, **dropped})


def _run_source(work: Source, stage: StageFolder, teller: _Teller) -> tuple[StageCounts, int]:
    teller.watch.started(teller.stage, None)
    outcomes = iter(work.read())
    tally: Counter[str] = Counter()
    number = 0
    while batch := list(islice(outcomes, teller.pace.rows_per_part)):
        teller.pace.stop.check()
        for outcome in batch:
            teller.settled(outcome)
        stage.write_part(number, batch)
        tally += _tally(batch)[0]
        number += 1
    return teller.counts(0, tally.total(), tally, 0), number


async def _run_rows(
    work: EachRow, stage: StageFolder, before: StageFolder, teller: _Teller
) -> tuple[StageCounts, int]:
    parts = before.parts()
    entered = before.counts().kept
    teller.watch.started(teller.stage, entered)
    refusals = _Refusals()
    total: Counter[str] = Counter()
    deferred = 0

    async def one(row: Row) -> Outcome:
        teller.pace.stop.check()
        return teller.settled(await settle(work.work(row), row))

    async def done(number: int, outcomes: list[Outcome]) -> None:
        nonlocal deferred, total
        tally, left = _tally(outcomes)
        total += tally
        deferred += left
        if not left and not refusals.hold(number, outcomes):
            await asyncio.to_thread(stage.write_part, number, outcomes)

    missing = []
    for number in range(len(parts)):
        if not stage.part(number).exists():
            missing.append(number)
            continue
        tally = _written(stage, number)
        total += tally
        teller.watch.advanced(teller.stage, tally.total())
        refusals.served |= set(tally) != {_REFUSED}
    flow = Flow(lambda number: _rows(read_table(parts[number])), one, done, work.at_once)
    await flow_through(flow, missing)
    for number, outcomes in refusals.held.items():
        stage.write_part(number, outcomes)
    return teller.counts(entered, 0, total, deferred), len(parts)


@dataclass(slots=True)
class _Refusals:
    """Parts all of whose rows were refused, held back while no request at all was served.

    An endpoint that accepts nothing is set up wrongly: that ends the run and costs no row.
    """

    served: bool = False
    held: dict[int, list[Outcome]] = field(default_factory=dict)

    def hold(self, number: int, outcomes: list[Outcome]) -> bool:
        """Whether part `number` is held back; `Missing` when enough were refused, none served."""
        refused = [o for o in outcomes if isinstance(o, Dropped) and o.reason == _REFUSED]
        if not outcomes or len(refused) < len(outcomes):
            self.served |= bool(outcomes)
            return False
        self.held[number] = outcomes
        count = sum(map(len, self.held.values()))
        if not self.served and count >= _REFUSALS:
            raise Missing(
                f"The endpoint refused all of {count} requests; the last time it said: "
                f"{refused[-1].evidence.rstrip('.')}. Correct the model's settings and run again."
            )
        return True


async def _run_population(
    work: Population, stage: StageFolder, before: StageFolder, teller: _Teller
) -> tuple[StageCounts, int]:
    rows = [row for path in before.parts() for row in _rows(read_table(path))]
    teller.watch.started(teller.stage, work.expected)

    def told(outcome: Outcome) -> None:
        teller.settled(outcome)

    made = await work.work(rows, told)
    outcomes = [teller.decided(outcome) for outcome in made.outcomes]
    _Refusals().hold(0, outcomes[len(rows) :])
    tally, deferred = _tally(outcomes)
    parts = 0
    if not deferred:
        size = teller.pace.rows_per_part
        for start in range(0, len(outcomes), size):
            stage.write_part(parts, outcomes[start : start + size])
            parts += 1
    counts = teller.counts(len(rows), len(outcomes) - len(rows), tally, deferred)
    return replace(counts, note=made.note), parts


_Decide = Callable[[pa.Table], Verdicts]
"""Decides about the next part."""


def _decider(work: Columns | Compared | Surveyed, before: StageFolder) -> _Decide:
    match work:
        case Columns():
            return work.decide
        case Compared():
            return _compared(work, before)
        case Surveyed():
            return _surveyed(work, before)


def _compared(work: Compared, before: StageFolder) -> _Decide:
    parts = before.parts()

    def read(columns: Sequence[str]) -> Iterator[pa.Table]:
        return (before.read(path, columns) for path in parts)

    verdicts = work.decide(read)
    done = 0

    def decide(table: pa.Table) -> Verdicts:
        nonlocal done
        done += table.num_rows
        return verdicts.slice(done - table.num_rows, table.num_rows)

    return decide


def _surveyed(work: Surveyed, before: StageFolder) -> _Decide:
    parts = before.parts()

    def kept() -> Iterator[pa.Table]:
        return (before.read(path) for path in parts)

    def dropped() -> Iterator[pa.Table]:
        paths = [before.rejects(number) for number in range(len(parts))]
        return (before.read(path) for path in paths)

    return work.survey(kept, dropped)


async def _run_columns(
    work: Columns | Compared | Surveyed, stage: StageFolder, before: StageFolder, teller: _Teller
) -> tuple[StageCounts, int]:
    parts = before.parts()
    then = work.then if isinstance(work, Surveyed) else None
    teller.watch.started(teller.stage, before.counts().kept)
    decide = _decider(work, before)
    tally: Counter[str] = Counter()
    deferred = 0
    for number, path in enumerate(parts):
        outcomes = _decided(decide, read_table(path))
        if then is not None:
            outcomes = await _further(then, outcomes, teller)
        for outcome in outcomes:
            teller.watch.outcome(teller.stage, outcome)
        settled, left = _tally(outcomes)
        if not left:
            stage.write_part(number, outcomes)
        tally += settled
        deferred += left
    return teller.counts(before.counts().kept, 0, tally, deferred), len(parts)


async def _further(then: Further, outcomes: Sequence[Outcome], teller: _Teller) -> list[Outcome]:
    """`outcomes` with those of `then` in the place of each row that was kept, in their order."""
    rows = [outcome.row for outcome in outcomes if isinstance(outcome, Kept)]
    work = await asyncio.to_thread(then.look, rows)
    settled: list[Outcome] = []

    async def one(row: Row) -> Outcome:
        teller.pace.stop.check()
        return teller.decided(await settle(work(row), row))

    async def done(_number: int, its: list[Outcome]) -> None:
        settled.extend(its)

    await flow_through(Flow(lambda _number: rows, one, done, then.at_once), [0])
    following = iter(settled)
    return [next(following) if isinstance(was, Kept) else was for was in outcomes]


def _decided(decide: _Decide, table: pa.Table) -> list[Outcome]:
    verdicts = decide(table)
    for name, column in (verdicts.columns or {}).items():
        table = table.set_column(
            table.schema.get_field_index(name), working_schema().field(name), column
        )
    reasons = verdicts.reasons.to_pylist()
    evidence = verdicts.evidence.to_pylist() if verdicts.evidence is not None else None
    outcomes: list[Outcome] = []
    for index, row in enumerate(_rows(table)):
        reason = reasons[index]
        said = (evidence[index] if evidence else None) or ""
        outcomes.append(Kept(row) if reason is None else Dropped(row, reason, said))
    return outcomes
