"""Driving stages of every form over numbered rows whose fate is written down beforehand."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.outcome import (
    Deferred,
    Dropped,
    Kept,
    Made,
    Outcome,
    ReadColumns,
    Row,
    Verdicts,
)
from opencodeinstruct.tools.run_folder import RunFolder, StageCounts, StageFolder
from opencodeinstruct.tools.runner import drive
from opencodeinstruct.tools.steps import (
    Columns,
    Compared,
    EachRow,
    OnOutcome,
    Pace,
    Population,
    Source,
    Step,
    Work,
)

KINDS = ("kept", "dropped", "deferred")
Plan = list[str]
"""What becomes of each row, by its number."""


@dataclass(slots=True)
class Recorder:
    """A watch that notes what it is told."""

    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    begun: list[tuple[str, int | None]] = field(default_factory=list)
    skipped: int = 0
    finished: list[tuple[StageCounts, bool]] = field(default_factory=list)

    def started(self, stage: str, rows: int | None) -> None:
        self.begun.append((stage, rows))

    def outcome(self, stage: str, outcome: Outcome) -> None:
        self.outcomes.append((stage, outcome))

    def advanced(self, stage: str, rows: int) -> None:
        self.skipped += rows

    def ended(self, counts: StageCounts, *, before: bool) -> None:
        self.finished.append((counts, before))

    def told(self, stage: str) -> Counter[str]:
        """How often each row of `stage` was told."""
        return Counter(str(outcome.row["id"]) for name, outcome in self.outcomes if name == stage)


def came_to(kind: str, row: Row) -> Outcome:
    if kind == "kept":
        return Kept({**row, "output": f"done {row['id']}"})
    return (
        Dropped(row, f"bad_{row['id'][-1]}", "seen") if kind == "dropped" else Deferred(row, "no")
    )


def source(plan: Plan) -> Source:
    """Rows 0, 1, 2 …; what is to be deferred is kept, since a source knows no such thing."""

    def read() -> Iterator[Outcome]:
        for number, kind in enumerate(plan):
            yield came_to("kept" if kind == "deferred" else kind, {"id": str(number)})

    return Source(read)


def each_row(plan: Plan, at_once: int = 3) -> EachRow:
    async def work(row: Row) -> Outcome:
        await asyncio.sleep(0)
        kind = plan[int(row["id"])]
        if kind == "deferred":
            raise ServiceError("it is down")
        return came_to(kind, row)

    return EachRow(work, at_once)


def columns_in(table: pa.Table) -> ReadColumns:
    """Reads the columns that `table` has of those asked for."""

    def read(names: Sequence[str]) -> Iterator[pa.Table]:
        yield table.select([name for name in names if name in table.column_names])

    return read


def columns(plan: Plan, *, whole: bool) -> Columns | Compared:
    def decide(table: pa.Table) -> Verdicts:
        numbers = [int(own) for own in table["id"].to_pylist()]
        reasons = [None if plan[number] == "kept" else f"bad_{number % 2}" for number in numbers]
        return Verdicts(
            pa.array(reasons, pa.string()).dictionary_encode(),
            pa.array([f"row {number}" for number in numbers], pa.string()),
            {"output": pa.array([f"column {number}" for number in numbers], pa.string())},
        )

    def compare(read: ReadColumns) -> Verdicts:
        assert all(table.column_names == ["input"] for table in read(["input"]))
        return decide(
            pa.concat_tables([pa.table({"id": pa.array([], pa.string())}), *read(["id"])])
        )

    return Compared(compare) if whole else Columns(decide)


def population(plan: Plan) -> Population:
    async def work(rows: Sequence[Row], on_outcome: OnOutcome) -> Made:
        born = [came_to(kind, {"id": f"child {index}"}) for index, kind in enumerate(plan)]
        for outcome in born:
            on_outcome(outcome)
        return Made([*map(Kept, rows), *born], "enough")

    return Population(work, 3)


def steps_of(**works: Work) -> tuple[Step, ...]:
    return tuple(Step(name, work, f"print of {name}") for name, work in works.items())


def driven(
    folder: Path, steps: Sequence[Step], watch: Recorder | None = None, pace: Pace | None = None
) -> list[StageCounts]:
    run = RunFolder(folder, tuple(step.name for step in steps))
    return asyncio.run(drive(steps, run, watch or Recorder(), pace or Pace(rows_per_part=3)))


def stage_of(folder: Path, steps: Sequence[Step], name: str) -> StageFolder:
    return RunFolder(folder, tuple(step.name for step in steps)).stage(name)


def ids(paths: Sequence[Path]) -> list[str]:
    return [str(own) for path in paths for own in pq.read_table(path)["id"].to_pylist()]


def rejected(stage: StageFolder) -> list[str]:
    return ids(sorted((stage.path / "rejects").glob("*.parquet")))
