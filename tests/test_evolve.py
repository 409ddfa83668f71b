"""Evolve: the same population whatever the concurrency, and no child without its ancestors."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.builder.schema import OPERATIONS, table_of, working_schema
from opencodeinstruct.tools.outcome import Kept, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Ask, Message, Request, content_id
from opencodeinstruct.tools.stages.breed import Slot, draw_slots
from opencodeinstruct.tools.stages.evolve import EvolveSettings, deal, evolve
from opencodeinstruct.tools.stages.ideas import ASPECTS, MUTATIONS, SUBJECTS
from opencodeinstruct.tools.stages.screen import Living
from tests.asks import by, saying
from tests.evolving import (
    bred,
    evolved,
    is_crossover,
    kept_rows,
    made,
    parent,
    parents,
    reasons,
)


def late(answer: Callable[[Request], str], order: int) -> Ask:
    """The same answers, each after a pause that differs with `order`."""
    pauses = random.Random(order)

    async def ask(request: Request) -> Answer:
        for _ in range(pauses.randrange(20)):
            await asyncio.sleep(0)
        return Answer(answer(request), "test-model", "stop", 100, 10)

    return ask


def sometimes_bad(request: Request) -> str:
    draw = random.Random(request.seed)
    if draw.random() < 0.3:
        return draw.choice(["", "no", '{"problem": 3}', '{"problems": [{}]}'])
    return made(request)


def test_the_order_in_which_answers_arrive_changes_nothing() -> None:
    chosen: dict[str, Any] = {"colonies": 3, "generations": 3, "children": 5, "offspring": 2}
    first = evolved(parents(7), late(sometimes_bad, 0), **chosen)
    for order in range(1, 5):
        assert evolved(parents(7), late(sometimes_bad, order), **chosen) == first
    assert reasons(first)


def twins(request: Request) -> str:
    """An answer that several requests share, their children having other parents."""
    return made(replace(request, messages=(Message("user", "Change:"),), seed=request.seed % 4))


def test_twins_of_other_parents_fall_alike_whoever_is_born_first() -> None:
    chosen: dict[str, Any] = {"children": 12, "crossover_probability": 0.0, "screen": {"alike": 1}}
    found = []
    for order in range(4):
        for at_once in (1, 3, 50):
            breeding = bred(late(twins, order), at_once=at_once)
            found.append(evolved(parents(7), breeding=breeding, **chosen))
    assert all(outcomes == found[0] for outcomes in found)
    assert reasons(found[0])["repeats_a_question"] > 5


def test_a_child_is_weighed_while_a_younger_one_is_not_yet_born() -> None:
    weighed = asyncio.Event()
    asked: list[Request] = []

    async def ask(request: Request) -> Answer:
        asked.append(request)
        if len(asked) == 6:
            await asyncio.wait_for(weighed.wait(), 30)
        return Answer(made(request), "m")

    async def solve(row: Row) -> Outcome:
        weighed.set()
        return Kept({**row, "solution": "pass"})

    chosen: dict[str, Any] = {"colonies": 1, "children": 6, "fitness": "parse"}
    outcomes = evolved(parents(4), breeding=bred(ask, solve), **chosen)
    assert len(asked) == 6
    assert len(kept_rows(outcomes)) >= 4 + 6


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_no_more_operations_and_children_are_under_way_than_allowed(at_once: int) -> None:
    now, most = Counter[str](), Counter[str]()

    async def counted(what: str) -> None:
        now[what] += 1
        most[what] = max(most[what], now[what])
        await asyncio.sleep(0.001)
        now[what] -= 1

    async def ask(request: Request) -> Answer:
        await counted("births")
        return Answer(made(request), "m")

    async def solve(row: Row) -> Outcome:
        await counted("children")
        return Kept({**row, "solution": "pass"})

    chosen: dict[str, Any] = {"colonies": 1, "children": 20, "fitness": "parse"}
    evolved(parents(4), breeding=bred(ask, solve, at_once=at_once), **chosen)
    assert most == {"births": at_once, "children": at_once}


def test_what_ends_a_run_ends_a_generation_and_leaves_nothing_under_way() -> None:
    async def ask(request: Request) -> Answer:
        return Answer(made(request), "m")

    async def solve(row: Row) -> Outcome:
        await asyncio.sleep(0.01)
        raise Missing("no key")

    async def main() -> set[asyncio.Task[Any]]:
        with pytest.raises(Missing):
            await evolve(
                parents(4), bred(ask, solve), EvolveSettings(fitness={"by": "parse"}), seed=0
            )
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert not asyncio.run(main())


def test_another_seed_makes_another_population() -> None:
    def ids(seed: int) -> list[str]:
        return [row["id"] for row in kept_rows(evolved(parents(6), seed=seed))]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


def test_every_row_that_came_in_comes_out_first_in_order_and_unchanged() -> None:
    rows = parents(5)
    before = [dict(row) for row in rows]
    outcomes = evolved(rows, colonies=2, generations=2, children=3)
    assert outcomes[:5] == [Kept(row) for row in before]
    assert rows == before


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(1, 6),
    colonies=st.integers(1, 4),
    generations=st.integers(0, 3),
    children=st.integers(1, 5),
    probability=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 1000),
)
def test_every_slot_comes_out_at_least_once(
    count: int, colonies: int, generations: int, children: int, probability: float, seed: int
) -> None:
    told: list[Outcome] = []
    outcomes = evolved(
        parents(count),
        by(sometimes_bad),
        seed=seed,
        on_outcome=told.append,
        colonies=colonies,
        generations=generations,
        children=children,
        crossover_probability=probability,
    )
    born = outcomes[count:]
    assert len(born) == colonies * generations * children
    assert len(told) == len(born)
    places = [(outcome.row["generation"], outcome.row["colony"]) for outcome in born]
    assert places == [
        (generation, colony)
        for generation in range(1, generations + 1)
        for colony in range(colonies)
        for _ in range(children)
    ]
    ids = [row["id"] for row in kept_rows(outcomes)]
    assert len(set(ids)) == len(ids)


def test_children_know_their_ancestors() -> None:
    rows = parents(6)
    outcomes = evolved(rows, colonies=2, generations=3, children=6)
    alive = {row["id"]: row for row in rows}
    born = kept_rows(outcomes)[6:]
    assert max(row["generation"] for row in born) == 3
    for row in born:
        elders = [alive[one] for one in row["parent_ids"]]  # all born before
        assert all(elder["generation"] < row["generation"] for elder in elders)
        assert row["seed_ids"] == sorted({seed for one in elders for seed in one["seed_ids"]})
        assert row["domain"] == elders[0]["domain"]
        assert row["seed_origin"] == elders[0]["seed_origin"]
        assert row["id"] == content_id(row["input"])
        assert row["entry_point"] in row["input"]
        assert row["operation"] in OPERATIONS
        alive[row["id"]] = row
    assert any(len(row["seed_ids"]) > 1 for row in born)
    table_of(kept_rows(outcomes), working_schema())


def test_a_child_inherits_no_answer_and_no_cost() -> None:
    rows = [parent(number, output="x", solution="y", unit_tests="z") for number in range(3)]
    for row in kept_rows(evolved(rows))[3:]:
        assert not {"output", "solution", "unit_tests", "seed_text"} & set(row)
        assert (row["spent_prompt_tokens"], row["spent_output_tokens"]) == (100, 10)


def test_both_operations_and_all_mutations_occur() -> None:
    outcomes = evolved(parents(6), colonies=2, generations=1, children=60)
    operations = Counter(outcome.row["operation"] for outcome in outcomes[6:])
    assert set(operations) == {"crossover", *MUTATIONS}
    assert 35 < operations["crossover"] < 85  # about half of 120
    assert operations["add-constraint"] > operations["tighter-complexity"]
    algorithms = {row["generation_algorithm"] for row in kept_rows(outcomes)[6:]}
    assert algorithms == {"self-instruct", "evol-instruct"}


def forms() -> Iterator[tuple[str, str]]:
    return ((subject, form) for subject, own in SUBJECTS.items() for form in own)


def test_a_mutation_is_told_what_to_change_and_a_crossover_what_about() -> None:
    asked: list[Request] = []

    async def ask(request: Request) -> Answer:
        asked.append(request)
        return Answer(made(request), "m")

    rows = parents(4)
    evolved(rows, ask, colonies=1, children=40)
    texts = [row["input"] for row in rows]
    for request in asked:
        said = request.messages[-1].content
        shown = [text for text in texts if text in said]
        if is_crossover(request):
            assert len(shown) == 2
            assert any(f"about {subject}, given as {form}." in said for subject, form in forms())
        else:
            assert len(shown) == 1
            assert any(
                said.endswith(change.format(aspect=aspect))
                for change in MUTATIONS.values()
                for aspect in ASPECTS
            )
        assert request.role == "generator"
    assert len({request.seed for request in asked}) == len(asked)


@pytest.mark.parametrize(
    ("why", "chosen", "operations"),
    [
        ("never crossed", {"crossover_probability": 0.0}, set(MUTATIONS)),
        ("always crossed", {"crossover_probability": 1.0}, {"crossover"}),
        ("one mutation", {"mutation_weights": {"misleading-code": 1}},
         {"crossover", "misleading-code"}),
        ("one without weight", {"mutation_weights": {"add-constraint": 0, "more-reasoning": 2}},
         {"crossover", "more-reasoning"}),
    ],
)  # fmt: skip
def test_odds_may_exclude_an_operation(
    why: str, chosen: dict[str, Any], operations: set[str]
) -> None:
    outcomes = evolved(parents(6), colonies=1, children=80, **chosen)
    assert {outcome.row["operation"] for outcome in outcomes[6:]} == operations, why


@pytest.mark.parametrize(
    ("why", "weights"),
    [
        ("no mutation of that name", {"crossover": 1.0}),
        ("negative", {"add-constraint": -1.0, "more-reasoning": 2.0}),
        ("nothing", {}),
        ("nothing but zeros", {"add-constraint": 0.0}),
        ("infinite", {"add-constraint": math.inf}),
        ("no number", {"add-constraint": math.nan}),
        ("infinite together", {"add-constraint": 1e308, "more-reasoning": 1e308}),
    ],
)
def test_odds_that_make_no_sense_are_refused(why: str, weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        EvolveSettings(mutation_weights=weights)


def test_one_question_alone_can_only_mutate() -> None:
    outcomes = evolved(parents(1), colonies=3, generations=1, crossover_probability=1.0)
    assert len(outcomes) == 1 + 3 * 8
    assert all(outcome.row["operation"] in MUTATIONS for outcome in outcomes[1:])


def test_nothing_comes_of_nothing() -> None:
    assert evolved([], generations=3) == []


def test_no_generation_leaves_the_questions_as_they_are() -> None:
    rows = parents(3)
    asked: list[Request] = []
    assert evolved(rows, saying("", asked=asked), generations=0) == [Kept(row) for row in rows]
    assert asked == []


def slots_of(rows: list[Row], chosen: EvolveSettings, generation: int = 1) -> list[Slot]:
    """The operations of all colonies in one generation."""
    return [
        slot
        for colony in deal(rows, Living(), chosen, generation, 0)
        for slot in draw_slots(
            colony.members, chosen, generation=generation, colony=colony.number, seed=0
        )
    ]


@pytest.mark.parametrize("colonies", [1, 2, 5, 9])
def test_every_question_may_become_a_parent_and_colonies_do_not_mix(colonies: int) -> None:
    rows = parents(6)
    chosen = EvolveSettings(colonies=colonies, children=60)
    slots = slots_of(rows, chosen)
    assert {one["id"] for slot in slots for one in slot.parents} == {row["id"] for row in rows}
    members = [
        {one["id"] for slot in slots if slot.colony == colony for one in slot.parents}
        for colony in range(colonies)
    ]
    if colonies <= 3:
        assert sum(map(len, members)) == len(rows)
    assert slots_of(rows, chosen, generation=2) != slots


def test_a_crossover_takes_as_many_parents_as_it_is_told_or_as_there_are() -> None:
    for wanted, there in [(2, 5), (4, 5), (4, 3)]:
        chosen = EvolveSettings(colonies=1, parents=wanted, crossover_probability=1.0)
        for slot in slots_of(parents(there), chosen):
            ids = [one["id"] for one in slot.parents]
            assert len(ids) == len(set(ids)) == min(wanted, there)
