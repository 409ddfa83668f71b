"""A colony: a part of the population that evolves by itself until the colonies are merged.

It depends on what it is handed and on nothing else, neither on other colonies nor on the order in
which answers arrive: a cluster can run each colony on another machine.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from opencodeinstruct.tools.outcome import Deferred, Kept, Outcome, Row
from opencodeinstruct.tools.stages.breed import Asked, BreedSettings, children_of, draw_slots
from opencodeinstruct.tools.stages.fitness import (
    FitnessSettings,
    RowStage,
    Weighed,
    spent,
    weigh,
)
from opencodeinstruct.tools.stages.screen import Decide, Living, ScreenSettings, screen


class ColonySettings(BreedSettings):
    """How a colony's children are made, screened and weighed."""

    screen: ScreenSettings = ScreenSettings()
    fitness: FitnessSettings = FitnessSettings()


@dataclass(frozen=True, slots=True)
class Breeding:
    """What evolution is handed: whom to ask, who solves and judges, what drops children at once."""

    asked: Asked
    solve: RowStage
    judge: RowStage
    decide: tuple[Decide, ...] = ()


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
        families = await asyncio.gather(
            *(children_of(slot, breeding.asked, settings) for slot in slots)
        )
        children = [child for family in families for child in family]
        lived.tokens += sum(spent(child.row) for child in children)
        parents = {row["id"]: row for row in members}
        screened = screen(children, parents, living.grown(), settings.screen, breeding.decide)
        weighed = await asyncio.gather(*(_weighed(one, breeding, settings) for one in screened))
        lived.tokens += sum(one.tokens for one in weighed)
        outcomes = [one.outcome for one in weighed]
        lived.born[generation] = outcomes
        survivors = [outcome.row for outcome in outcomes if isinstance(outcome, Kept)]
        living.add_all(survivors)
        members += survivors
        if any(isinstance(outcome, Deferred) for outcome in outcomes):
            break
    return lived


async def _weighed(child: Outcome, breeding: Breeding, settings: ColonySettings) -> Weighed:
    if not isinstance(child, Kept):
        return Weighed(child)
    return await weigh(child.row, breeding.solve, breeding.judge, settings.fitness)
