"""Evolve questions: Genetic-Instruct (arXiv 2407.21077) with mutation and crossover.

Generation 0 is the questions that came from seeds. They are dealt out to colonies, which evolve
apart for a few generations, are merged and dealt out anew. The same questions, answers and seed
give the same population, whatever the concurrency.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.in_order import in_order, one_by_one, together
from opencodeinstruct.tools.outcome import Deferred, Kept, Made, Outcome, Row
from opencodeinstruct.tools.ports import random_of
from opencodeinstruct.tools.stages.colony import Breeding, Colony, ColonySettings, Lived, live
from opencodeinstruct.tools.stages.fitness import Weighed, weigh
from opencodeinstruct.tools.stages.screen import Living, screen


class StopSettings(BaseModel):
    """When evolution ends before its last generation; whatever was born until then is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int | None = Field(default=None, ge=1)  # alive, those from seeds included
    tokens: int | None = Field(default=None, ge=1)  # read and written for children, all together
    # share of a generation's children that live; below it, paying for more is paying for nothing
    least_yield: float = Field(default=0.0, ge=0, le=1)


class EvolveSettings(ColonySettings):
    """Sizes and odds; the paper's own could not be verified, so ours are modest."""

    colonies: int = Field(default=2, ge=1, le=1000)
    generations: int = Field(default=1, ge=0, le=100)
    merge_every: int = Field(default=1, ge=1, le=100)  # generations that colonies evolve apart
    stop: StopSettings = StopSettings()

    @property
    def operations(self) -> int:
        """Mutations and crossovers in all."""
        return self.colonies * self.generations * self.children

    @property
    def expected_children(self) -> int:
        """Questions that these bring forth, more or less."""
        each = 1 + self.crossover_probability * (self.offspring - 1)
        return round(self.operations * each)


@dataclass(slots=True)
class _Population:
    """All that were there and were born so far, and those of them that may have children."""

    outcomes: list[Outcome]
    parents: list[Row]
    living: Living = field(default_factory=Living)
    tokens: int = 0
    born: int = 0  # in the last generations that colonies evolved apart
    survived: int = 0


async def evolve(
    rows: Sequence[Row],
    breeding: Breeding,
    settings: EvolveSettings,
    *,
    seed: int,
) -> Made:
    """`rows`, each kept, followed by all children in the order of generation, colony and slot.

    Only a row that lives by its fitness has children; one that a failed service keeps from being
    weighed is deferred. The note says why evolution ended.
    """
    weighed = await _weighed(rows, breeding, settings)
    population = _Population(
        [
            one.outcome if isinstance(one.outcome, Deferred) else Kept(row)
            for row, one in zip(rows, weighed, strict=True)
        ],
        [_as_parent(one) for one in weighed if isinstance(one.outcome, Kept)],
    )
    population.living.add_all(rows)
    done, why = 0, _stopped(population, 0, settings)
    while why is None:
        last = min(done + settings.merge_every, settings.generations)
        lived = await together(
            live(colony, range(done + 1, last + 1), breeding, settings, seed=seed)
            for colony in deal(population.parents, population.living, settings, done + 1, seed)
        )
        _merge(lived, population, settings)
        done = last
        why = _stopped(population, done, settings)
    return Made(population.outcomes, why)


async def _weighed(
    rows: Sequence[Row], breeding: Breeding, settings: EvolveSettings
) -> list[Weighed]:
    """What becomes of each of `rows` when it is weighed as a newborn question is."""
    if not (settings.fitness.parents and settings.generations):
        return [Weighed(Kept(row)) for row in rows]
    weighed: list[Weighed] = []
    await in_order(
        one_by_one(rows),
        lambda row: weigh(row, breeding.trial, settings.fitness),
        weighed.append,
        at_once=breeding.at_once,
    )
    return weighed


def _as_parent(weighed: Weighed) -> Row:
    """A question that children are made of: what is done with its arguments goes by their types."""
    row = weighed.outcome.row
    return {**row, "signature": weighed.signature} if weighed.signature else row


def deal(
    rows: Sequence[Row], living: Living, settings: EvolveSettings, generation: int, seed: int
) -> list[Colony]:
    """The population dealt out for the colonies that begin with `generation`."""
    dealt = list(rows)
    random_of(seed, "deal", generation).shuffle(dealt)
    count = settings.colonies
    return [Colony(number, tuple(dealt[number::count] or dealt), living) for number in range(count)]


def _merge(lived: Sequence[Lived], population: _Population, settings: EvolveSettings) -> None:
    """Add all children of all colonies, in order, those dropped that another colony has as well."""
    generations = sorted({generation for one in lived for generation in one.born})
    children = [
        child
        for generation in generations
        for one in lived
        for child in one.born.get(generation, ())
    ]
    merged = screen(children, {}, population.living.grown(), settings.screen)
    survivors = [outcome.row for outcome in merged if isinstance(outcome, Kept)]
    population.living.add_all(survivors)
    population.parents += survivors
    population.outcomes += merged
    population.tokens += sum(one.tokens for one in lived)
    population.born, population.survived = len(merged), len(survivors)


def _stopped(population: _Population, done: int, settings: EvolveSettings) -> str | None:
    """Why evolution ends after `done` generations; None where it goes on."""
    stop, outcomes = settings.stop, population.outcomes
    alive = sum(isinstance(outcome, Kept) for outcome in outcomes)
    if not outcomes:
        return "there was no question to evolve"
    if any(isinstance(outcome, Deferred) for outcome in outcomes):
        return f"a model's service failed in generation {done}"
    if not population.parents:
        return (
            f"none of the {alive} questions from seeds lives by its fitness, so none has children"
        )
    if stop.questions is not None and alive >= stop.questions:
        return f"{alive} questions are alive, {stop.questions} were asked for"
    if stop.tokens is not None and population.tokens >= stop.tokens:
        return f"{population.tokens} tokens are spent, {stop.tokens} were allowed"
    share = population.survived / population.born if population.born else 1.0
    if share < stop.least_yield:
        return f"the yield of generation {done} is {share:.2f}, below {stop.least_yield:g}"
    if done >= settings.generations:
        return f"all {settings.generations} generations are done"
    return None
