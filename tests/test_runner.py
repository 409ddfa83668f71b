"""The runner: counts add up, order is kept, and only what is missing is made again."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import Missing, RunFolderError
from opencodeinstruct.tools.outcome import Deferred, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Refused
from opencodeinstruct.tools.run_folder import StageCounts
from opencodeinstruct.tools.steps import EachRow, Further, Pace, Step, Surveyed, Work
from tests.driving import (
    KINDS,
    Plan,
    Recorder,
    columns,
    driven,
    each_row,
    ids,
    population,
    rejected,
    source,
    stage_of,
    steps_of,
)

PLANS = st.lists(st.sampled_from(KINDS), max_size=11)
NO_DEFERRED = st.lists(st.sampled_from(("kept", "dropped")), max_size=11)


@given(PLANS, st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_every_row_of_a_row_stage_is_kept_dropped_or_deferred_once(plan: Plan, size: int) -> None:
    steps = steps_of(seeds=source(["kept"] * len(plan)), work=each_row(plan))
    watch = Recorder()
    with TemporaryDirectory() as name:
        folder = Path(name)
        counts = driven(folder, steps, watch, Pace(size))[-1]
        stage = stage_of(folder, steps, "work")
        parts = sorted(stage.path.glob("part-*.parquet"))
        written = Counter(ids(parts) + rejected(stage))
        numbers = range(0, len(plan), size)
        whole = [n for n in numbers if "deferred" not in plan[n : n + size]]
        assert len(parts) == len(whole)  # a part with a deferred row is not written
        assert stage.is_complete() == ("deferred" not in plan)
    assert counts.kept + sum(counts.dropped.values()) + counts.deferred == len(plan)
    assert counts.deferred == plan.count("deferred")
    assert written == Counter(str(n) for start in whole for n in range(start, start + size)
                              if n < len(plan))  # fmt: skip
    assert watch.told("work") == Counter(map(str, range(len(plan))))


@given(NO_DEFERRED, NO_DEFERRED, st.booleans(), st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_counts_add_up_and_order_is_kept_through_stages_of_every_kind(
    read: Plan, born: Plan, whole: bool, size: int
) -> None:
    rows = [str(number) for number, kind in enumerate(read) if kind == "kept"]
    steps = steps_of(
        seeds=source(read),
        screen=columns(["kept", "dropped", "kept"] * 4, whole=whole),
        work=each_row(["dropped", "kept", "kept", "kept"] * 3),
        breed=population(born),
    )
    watch = Recorder()
    with TemporaryDirectory() as name:
        counts = driven(Path(name), steps, watch, Pace(size))
        last = ids(stage_of(Path(name), steps, "breed").parts())
        screened = rejected(stage_of(Path(name), steps, "screen"))
    assert [one.entered for one in counts[1:]] == [one.kept for one in counts[:-1]]
    left = [own for own in rows if int(own) % 3 != 1]
    assert screened == [own for own in rows if int(own) % 3 == 1]
    children = [f"child {index}" for index, kind in enumerate(born) if kind == "kept"]
    assert last == [own for own in left if int(own) % 4 != 0] + children
    assert set(watch.told("screen").values()) <= {1}
    assert watch.told("breed") == Counter(f"child {index}" for index in range(len(born)))


def test_dropped_rows_stand_in_rejects_with_reason_and_evidence(tmp_path: Path) -> None:
    steps = steps_of(
        seeds=source(["kept", "dropped", "kept"]),
        screen=columns(["kept", "kept", "dropped"], whole=False),
    )
    counts = driven(tmp_path, steps)
    assert [one.dropped for one in counts] == [{"bad_1": 1}, {"bad_0": 1}]
    read = stage_of(tmp_path, steps, "seeds").rejects(0)
    (row,) = pq.read_table(read).to_pylist()
    assert (row["id"], row["reject_reason"], row["reject_evidence"]) == ("1", "bad_1", "seen")
    (row,) = pq.read_table(stage_of(tmp_path, steps, "screen").rejects(0)).to_pylist()
    assert (row["id"], row["reject_reason"], row["reject_evidence"]) == ("2", "bad_0", "row 2")


def test_a_column_stage_replaces_the_columns_it_gives(tmp_path: Path) -> None:
    steps = steps_of(seeds=source(["kept"] * 4), screen=columns(["kept"] * 4, whole=True))
    driven(tmp_path, steps)
    (first, second) = stage_of(tmp_path, steps, "screen").parts()
    assert pq.read_table(first)["output"].to_pylist() == ["column 0", "column 1", "column 2"]
    assert pq.read_table(second)["output"].to_pylist() == ["column 3"]


def test_a_resumed_stage_makes_only_the_parts_that_are_missing(tmp_path: Path) -> None:
    plan = ["kept", "dropped", "kept", "kept", "deferred", "kept", "dropped"]
    first, second = Recorder(), Recorder()
    steps = steps_of(seeds=source(["kept"] * 7), work=each_row(plan), after=each_row(["kept"] * 7))
    assert [one.stage for one in driven(tmp_path, steps, first)] == ["seeds", "work"]  # and no more
    healed = steps_of(seeds=source([]), work=each_row(["kept"] * 7), after=each_row(["kept"] * 7))
    counts = driven(tmp_path, healed, second)
    assert second.told("work") == Counter("345")  # the part that held the deferred row
    assert second.skipped == 4
    assert counts[1] == StageCounts("work", 7, 0, 5, {"bad_1": 1, "bad_6": 1})
    assert ids(stage_of(tmp_path, steps, "work").parts()) == ["0", "2", "3", "4", "5"]
    assert second.finished[0] == (StageCounts("seeds", 0, 7, 7), True)


def test_a_finished_run_makes_nothing_again(tmp_path: Path) -> None:
    steps = steps_of(
        seeds=source(["kept"] * 4), work=each_row(["kept"] * 4), breed=population(["kept"])
    )
    before = driven(tmp_path, steps)
    watch = Recorder()
    assert driven(tmp_path, steps, watch) == before
    assert watch.outcomes == [] and watch.begun == []
    assert [was_before for _, was_before in watch.finished] == [True] * 3


@pytest.mark.parametrize(
    "steps",
    [
        steps_of(seeds=source([]), screen=columns([], whole=True)),
        steps_of(seeds=source([]), screen=columns([], whole=False)),
        steps_of(seeds=source([]), work=each_row([])),
        steps_of(seeds=source([]), breed=population([])),
        steps_of(seeds=source(["dropped"] * 5), screen=columns([], whole=True)),
        steps_of(seeds=source(["dropped"] * 5), work=each_row([]), breed=population(["dropped"])),
    ],
)
def test_no_rows_flow_through_to_the_end(tmp_path: Path, steps: tuple[Step, ...]) -> None:
    counts = driven(tmp_path, steps)
    assert len(counts) == len(steps)
    assert counts[-1].kept == 0
    assert ids(stage_of(tmp_path, steps, steps[-1].name).parts()) == []


@pytest.mark.parametrize(
    ("work", "dropped"),
    [
        (each_row(["kept", "deferred", "kept", "deferred"]), {"service_failed": 2}),
        (population(["deferred", "kept"]), {"service_failed": 1}),
    ],
)
def test_deferred_rows_are_dropped_for_good_on_request(
    tmp_path: Path, work: Work, dropped: dict[str, int]
) -> None:
    steps = steps_of(seeds=source(["kept"] * 4), work=work)
    watch = Recorder()
    counts = driven(tmp_path, steps, watch, Pace(3, drop_deferred=True))[-1]
    assert counts.dropped == dropped and counts.deferred == 0
    assert stage_of(tmp_path, steps, "work").is_complete()
    assert not any(isinstance(outcome, Deferred) for _, outcome in watch.outcomes)


def test_a_population_with_a_deferred_child_is_not_written(tmp_path: Path) -> None:
    steps = steps_of(seeds=source(["kept"] * 4), breed=population(["kept", "deferred"]))
    counts = driven(tmp_path, steps)[-1]
    assert (counts.entered, counts.made, counts.kept, counts.deferred) == (4, 2, 5, 1)
    assert list(stage_of(tmp_path, steps, "breed").path.glob("*.parquet")) == []


@given(PLANS, st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_what_a_column_stage_keeps_may_be_settled_row_by_row(plan: Plan, size: int) -> None:
    screen = ["dropped" if number % 4 == 3 else "kept" for number in range(len(plan))]
    fates = ["kept" if kind == "dropped" else kind for kind in plan]
    seen: list[str] = []

    def look(rows: Sequence[Row]) -> Callable[[Row], Awaitable[Outcome]]:
        seen.extend(row["id"] for row in rows)
        return each_row(fates).work

    surveyed = Surveyed(lambda kept, dropped: columns(screen, whole=False).decide, Further(look, 2))
    steps = steps_of(seeds=source(["kept"] * len(plan)), screen=surveyed)
    watch = Recorder()
    with TemporaryDirectory() as name:
        counts = driven(Path(name), steps, watch, Pace(size))[-1]
        stage = stage_of(Path(name), steps, "screen")
        parts = sorted(stage.path.glob("part-*.parquet"))
        assert stage.is_complete() == (not counts.deferred)
        written = [number for path in parts for number in map(int, ids([path]))]
    passed = [number for number, kind in enumerate(screen) if kind == "kept"]
    left = [number for number in passed if fates[number] == "deferred"]
    whole = [number for number in passed if not {n // size for n in left} & {number // size}]
    assert seen == list(map(str, passed))
    assert written == whole  # a part with a deferred row is not written; order is kept
    assert (counts.deferred, counts.kept) == (len(left), len(passed) - len(left))
    assert sum(counts.dropped.values()) == len(plan) - len(passed)
    assert watch.told("screen") == Counter(map(str, range(len(plan))))


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_no_more_rows_are_under_way_than_asked_for(tmp_path: Path, at_once: int) -> None:
    under_way: list[int] = []
    busiest: list[int] = []

    async def work(row: Row) -> Outcome:
        under_way.append(1)
        busiest.append(len(under_way))
        await asyncio.sleep(0.05)  # longer than it takes to begin the others
        under_way.pop()
        return Kept(row)

    driven(tmp_path, steps_of(seeds=source(["kept"] * 20), work=EachRow(work, at_once)))
    assert max(busiest) == at_once


def test_rows_that_finish_in_any_order_are_written_in_theirs(tmp_path: Path) -> None:
    async def work(row: Row) -> Outcome:
        await asyncio.sleep(0.001 * (20 - int(row["id"])))
        return Kept(row)

    steps = steps_of(seeds=source(["kept"] * 20), work=EachRow(work, 20))
    driven(tmp_path, steps)
    assert ids(stage_of(tmp_path, steps, "work").parts()) == [str(n) for n in range(20)]


def failing(error: Exception, on: str) -> Callable[[Row], Awaitable[Outcome]]:
    async def work(row: Row) -> Outcome:
        if row["id"] == on:
            raise error
        await asyncio.sleep(60 if error.args == ("at once",) else 0)
        return Kept(row)

    return work


def test_an_error_that_is_nobodys_row_ends_the_stage_at_once_and_keeps_written_parts(
    tmp_path: Path,
) -> None:
    steps = steps_of(seeds=source(["kept"] * 12), work=EachRow(failing(Missing("no key"), "11"), 1))
    with pytest.raises(Missing, match="no key"):
        driven(tmp_path, steps)
    stage = stage_of(tmp_path, steps, "work")
    assert not stage.is_complete()
    assert ids(sorted(stage.path.glob("part-*.parquet"))) == [str(n) for n in range(9)]
    hanging = steps_of(
        seeds=source(["kept"] * 12), again=EachRow(failing(Missing("at once"), "1"), 9)
    )
    with pytest.raises(Missing, match="at once"):  # the others would take a minute
        driven(tmp_path, hanging)


@pytest.mark.parametrize("size", [1, 3, 4])  # rows of a part: the last one may be a small one
def test_an_endpoint_that_refuses_every_request_stops_the_run_and_costs_no_row(
    tmp_path: Path, size: int
) -> None:
    async def refuse(row: Row) -> Outcome:
        raise Refused("context of 16 tokens")

    steps = steps_of(seeds=source(["kept"] * 5), work=EachRow(refuse, 4))
    with pytest.raises(Missing, match="context of 16 tokens"):
        driven(tmp_path, steps, pace=Pace(size))
    assert list(stage_of(tmp_path, steps, "work").path.glob("*.parquet")) == []


@pytest.mark.parametrize("size", [1, 3])
def test_one_refused_request_drops_its_row_alone(tmp_path: Path, size: int) -> None:
    steps = steps_of(seeds=source(["kept"] * 5), work=EachRow(failing(Refused("long"), "2"), 4))
    counts = driven(tmp_path, steps, pace=Pace(size))[-1]
    assert ids(stage_of(tmp_path, steps, "work").parts()) == ["0", "1", "3", "4"]
    assert (counts.kept, counts.dropped) == (4, {"request_refused": 1})


def test_a_stage_without_one_before_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="needs rows of a stage before it"):
        driven(tmp_path, steps_of(work=each_row([])))
