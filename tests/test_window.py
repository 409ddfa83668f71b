"""Rows of many parts through one window: always full, nothing lost, nothing held that is done."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.window import AHEAD, Flow, flow_through


def rows_of(sizes: list[int], number: int) -> list[Row]:
    return [{"id": f"{number}-{index}"} for index in range(sizes[number])]


def test_one_slow_row_keeps_no_slot_of_the_others_empty() -> None:
    """Rows end one at a time, only while every slot is taken: an empty one would hang it."""
    sizes, at_once, random = [10] * 20, 8, Random(4)
    under_way: dict[str, asyncio.Event] = {}
    written: list[int] = []

    async def work(row: Row) -> Outcome:
        name = str(row["id"])
        under_way[name] = asyncio.Event()
        await under_way[name].wait()
        del under_way[name]
        return Kept(row)

    async def keep(number: int, outcomes: list[Outcome]) -> None:
        written.append(number)

    async def end_all_others_before_the_slow_row() -> None:
        for left in range(sum(sizes), 1, -1):
            while len(under_way) < min(at_once, left):
                await asyncio.sleep(0.001)  # parts are read by a thread
            name = random.choice([one for one in under_way if one != "0-0"])
            under_way[name].set()
            while name in under_way:
                await asyncio.sleep(0)
        under_way["0-0"].set()

    async def both() -> None:
        flow = Flow(lambda number: rows_of(sizes, number), work, keep, at_once)
        await asyncio.gather(flow_through(flow, range(20)), end_all_others_before_the_slow_row())

    asyncio.run(asyncio.wait_for(both(), 60))
    assert written[-1] == 0
    assert sorted(written) == list(range(20))


@settings(deadline=None, max_examples=30)
@given(
    sizes=st.lists(st.integers(0, 12), max_size=12),
    at_once=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_every_part_is_handed_on_once_with_its_rows_in_order_whatever_the_order_of_arrival(
    sizes: list[int], at_once: int, seed: int
) -> None:
    random = Random(seed)
    parts: dict[int, list[Outcome]] = {}
    under_way, most = [0], [0]

    async def work(row: Row) -> Outcome:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        for _ in range(random.randrange(5)):
            await asyncio.sleep(0)
        under_way[0] -= 1
        return Dropped(row, "odd") if random.random() < 0.3 else Kept(row)

    async def keep(number: int, outcomes: list[Outcome]) -> None:
        assert number not in parts
        parts[number] = outcomes

    flow = Flow(lambda number: rows_of(sizes, number), work, keep, at_once)
    asyncio.run(flow_through(flow, range(len(sizes))))
    assert {number: [o.row for o in outcomes] for number, outcomes in parts.items()} == {
        number: rows_of(sizes, number) for number in range(len(sizes))
    }
    assert most[0] <= at_once


@pytest.mark.parametrize("where", ["load", "work", "done"])
def test_what_fails_ends_all_of_it_and_leaves_nothing_under_way(where: str) -> None:
    ended: list[str] = []

    def load(number: int) -> list[Row]:
        if where == "load" and number == 1:
            raise KeyError("load")
        return rows_of([5] * 4, number)

    async def work(row: Row) -> Outcome:
        if (where, row["id"]) == ("work", "0-3"):
            raise KeyError("work")
        if where == "done":
            return Kept(row)
        try:
            await asyncio.sleep(3600 if row["id"] == "0-1" else 0.001)
        finally:
            ended.append(str(row["id"]))
        return Kept(row)

    async def keep(number: int, outcomes: list[Outcome]) -> None:
        raise KeyError(where)

    async def main() -> set[asyncio.Task[object]]:
        before = asyncio.all_tasks()
        with pytest.raises(KeyError, match=where):
            await flow_through(Flow(load, work, keep, 3), range(4))
        return asyncio.all_tasks() - before

    assert asyncio.run(asyncio.wait_for(main(), 20)) == set()
    assert ("0-1" in ended) == (where != "done")


def test_no_more_rows_are_held_than_the_limit_while_one_does_not_end() -> None:
    loaded: list[int] = []
    free = asyncio.Event()

    def load(number: int) -> list[Row]:
        loaded.append(number)
        return rows_of([10] * 100, number)

    async def work(row: Row) -> Outcome:
        if row["id"].endswith("-0"):  # one of each part does not end
            await free.wait()
        return Kept(row)

    async def keep(number: int, outcomes: list[Outcome]) -> None:
        return None

    async def main() -> int:
        flow = asyncio.ensure_future(flow_through(Flow(load, work, keep, 200), range(100)))
        most = 0
        for _ in range(200):
            await asyncio.sleep(0.001)
            most = max(most, len(loaded))
        free.set()
        await flow
        return most

    assert asyncio.run(main()) <= AHEAD * 200 // 10 + 2
    assert len(loaded) == 100
