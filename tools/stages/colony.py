"""A colony: a part of the population that evolves by itself until the colonies are merged.

It depends on what it is handed and on nothing else, neither on other colonies nor on the order in
which answers arrive: a cluster can run each colony on another machine.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from opencodeinstruct.tools.in_order import end, in_order, one_by_one
from opencodeinstruct.tools.outcome import Deferred, Kept, Outcome, Row
from opencodeinstruct.tools.stages.breed import (
    Asked,
    BreedSettings,
    Slot,
    children_of,
    draw_slots,
)
from opencodeinstruct.tools.stages.fitness import FitnessSettings, Trial, Weighed, spent, weigh
from opencodeinstruct.tools.stages.screen import Decide, Living, ScreenSettings, screen


class ColonySettings(BreedSettings):
    """How a colony's children are made, screened and weighed."""

    screen: ScreenSettings = ScreenSettings()
    fitness: FitnessSettings = FitnessSettings()


@dataclass(frozen=True, slots=True)
class Breeding:
    """What evolution is handed: whom to ask, who tries children, what drops them at once.

    A colony has at most `at_once` operations under way, and as many children before the judge.
    `on_outcome` is told of each child when it is weighed; one that another colony has as well may
    still fall when the colonies are merged.
    """

    asked: Asked
    trial: Trial
    decide: tuple[Decide, ...] = ()
    at_once: int = 64
    on_outcome: Callable[[Outcome], None] = lambda outcome: None


@dataclass(frozen=True, slots=True)
class Colony:
    """Its number and members, and all questions alive when it was dealt out."""

    number: int
    members: tuple[Row, ...]
    living: Living


@dataclass(slots=True)
class Lived:
    """What was born in a colony, by generation, and the tokens that were spent there."""

    born: dict[int, list[Outcome]] = field(default_factory=dict)
    tokens: int = 0


async def live(
    colony: Colony,
    generations: Iterable[int],
    breeding: Breeding,
    settings: ColonySettings,
    *,
    seed: int,
) -> Lived:
    """What is born in `colony` in `generations`, to which each generation's survivors are added.

    A generation with a deferred child is the last one: what comes after depends on it.
    """
    lived = Lived()
    members, living = list(colony.members), colony.living.grown()
    for generation in generations:
        slots = draw_slots(
            members, settings, generation=generation, colony=colony.number, seed=seed
        )
        weighed = await _brought_up(slots, _Home(members, living), breeding, settings)
        lived.tokens += sum(one.tokens for one in weighed)
        outcomes = [one.outcome for one in weighed]
        lived.born[generation] = outcomes
        survivors = [outcome.row for outcome in outcomes if isinstance(outcome, Kept)]
        living.add_all(survivors)
        members += survivors
        if any(isinstance(outcome, Deferred) for outcome in outcomes):
            break
    return lived


@dataclass(frozen=True, slots=True)
class _Home:
    """Whom a generation's children are compared with: their parents, and all that are alive."""

    members: Sequence[Row]
    living: Living


async def _brought_up(
    slots: Sequence[Slot], home: _Home, breeding: Breeding, settings: ColonySettings
) -> list[Weighed]:
    """The children of `slots`, in order, weighed; the tokens are those of their birth as well.

    A child is screened when all its elders are born and weighed at once: a slow birth keeps
    nobody's place at the model empty.
    """
    born: asyncio.Queue[list[Outcome] | None] = asyncio.Queue()
    weighed: list[Weighed] = []

    async def breed() -> None:
        try:
            await in_order(
                one_by_one(slots),
                lambda slot: children_of(slot, breeding.asked, settings),
                born.put_nowait,
                at_once=breeding.at_once,
            )
        finally:
            born.put_nowait(None)

    async def weigh_one(child: Outcome) -> Weighed:
        own = Weighed(child)
        if isinstance(child, Kept):
            own = await weigh(child.row, breeding.trial, settings.fitness)
        breeding.on_outcome(own.outcome)
        return Weighed(own.outcome, own.tokens + spent(child.row))

    births = asyncio.create_task(breed())
    try:
        screened = _screened(born, home, breeding, settings)
        await in_order(screened, weigh_one, weighed.append, at_once=breeding.at_once)
        await births
    finally:
        await end([births])
    return weighed


async def _screened(
    born: "asyncio.Queue[list[Outcome] | None]",
    home: _Home,
    breeding: Breeding,
    settings: ColonySettings,
) -> AsyncIterator[Outcome]:
    """The children that are `born`, in order, screened: as many together as there are."""
    parents = {row["id"]: row for row in home.members}
    nursery = home.living.grown()
    ended = False
    while not ended:
        families = [await born.get()]
        while not born.empty():
            families.append(born.get_nowait())
        ended = families[-1] is None
        children = [child for family in families if family is not None for child in family]
        for child in screen(
            children, parents, nursery, settings.screen, breeding.decide, before=home.living
        ):
            yield child
