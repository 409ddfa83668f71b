"""Evolve questions: Genetic-Instruct (arXiv 2407.21077) with mutation and crossover.

Generation 0 is the questions that came from seeds. In each generation every colony makes children
of its parents: by crossover (Self-Instruct: several parents as examples) or by one of the five
mutations of Evol-Instruct. Children that pass the screen join; after each generation the colonies
are merged and dealt out anew. The same questions, answers and seed give the same population,
whatever the concurrency.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, Sampling, random_of, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import (
    EVIDENCE,
    Unreadable,
    ask_until_read,
    settle,
    with_cost,
)
from opencodeinstruct.tools.stages.ideas import ASPECTS, MUTATIONS, SUBJECTS
from opencodeinstruct.tools.stages.question import (
    Question,
    question_from,
    question_schema,
    read_question,
    with_question,
)
from opencodeinstruct.tools.stages.screen import screen
from opencodeinstruct.tools.text.json_answer import object_in
from opencodeinstruct.tools.text.license import combined_license

_WEIGHTS = {
    "add-constraint": 3.0,
    "rare-requirement": 3.0,
    "more-reasoning": 2.0,
    "misleading-code": 1.0,
    "tighter-complexity": 0.5,  # "seldom", as Evol-Instruct for code has it
}


class EvolveSettings(BaseModel):
    """Sizes and odds; the paper's own could not be verified, so ours are modest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    colonies: int = Field(default=2, ge=1, le=1000)
    generations: int = Field(default=1, ge=0, le=100)
    children: int = Field(default=8, ge=1, le=100_000)  # operations per colony and generation
    crossover_probability: float = Field(default=0.5, ge=0, le=1)
    parents: int = Field(default=2, ge=2, le=10)  # of a crossover
    offspring: int = Field(default=1, ge=1, le=10)  # questions asked for in one crossover
    mutation_weights: dict[str, float] = Field(default=_WEIGHTS)
    # Evol-Instruct decodes at T 1, top_p 0.9, 2,048 tokens
    sampling: Sampling = Sampling(temperature=1.0, top_p=0.9, max_tokens=1024)

    @field_validator("mutation_weights")
    @classmethod
    def _known_mutations(cls, weights: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(weights) - set(MUTATIONS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no mutation; there are {', '.join(MUTATIONS)}")
        if any(weight < 0 for weight in weights.values()) or not sum(weights.values()) > 0:
            raise ValueError("weights must not be negative, and one must be positive")
        if not math.isfinite(sum(weights.values())):
            raise ValueError("weights must be finite")
        return weights


@dataclass(frozen=True, slots=True)
class Slot:
    """One operation to carry out: who, how, and the seed that makes it repeat."""

    operation: str
    parents: tuple[Row, ...]
    generation: int
    colony: int
    seed: int
    hint: str

    def child(self) -> Row:
        """What every child of this slot has, before it has a question."""
        return {
            "domain": self.parents[0]["domain"],
            "seed_origin": self.parents[0].get("seed_origin"),
            "license": combined_license(parent.get("license") for parent in self.parents),
            "seed_ids": sorted({seed for parent in self.parents for seed in parent["seed_ids"]}),
            "parent_ids": [parent["id"] for parent in self.parents],
            "generation": self.generation,
            "colony": self.colony,
            "operation": self.operation,
        }


async def evolve(
    rows: Sequence[Row],
    ask: Ask,
    prompts: Prompts,
    settings: EvolveSettings,
    *,
    seed: int,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """`rows`, each kept, followed by all children in the order of generation, colony and slot.

    `on_outcome` is told of each child when its generation has been screened.

    A generation with a deferred child is the last one: what comes after depends on it.
    """
    outcomes: list[Outcome] = [Kept(row) for row in rows]
    population = list(rows)
    for generation in range(1, settings.generations + 1 if population else 1):
        slots = draw_slots(population, settings, generation=generation, seed=seed)
        born = await asyncio.gather(*(_children(slot, ask, prompts, settings) for slot in slots))
        screened = screen([child for family in born for child in family], population)
        for outcome in screened:
            on_outcome(outcome)
        outcomes.extend(screened)
        population.extend(outcome.row for outcome in screened if isinstance(outcome, Kept))
        if any(isinstance(outcome, Deferred) for outcome in screened):
            break
    return outcomes


def draw_slots(
    population: Sequence[Row], settings: EvolveSettings, *, generation: int, seed: int
) -> list[Slot]:
    """The operations of one generation: the population is dealt out, then each colony draws."""
    dealt = list(population)
    random_of(seed, "deal", generation).shuffle(dealt)
    slots = []
    for colony in range(settings.colonies):
        members = dealt[colony :: settings.colonies] or dealt
        for index in range(settings.children):
            slots.append(_draw(members, settings, generation, colony, (seed, index)))
    return slots


def _draw(
    members: Sequence[Row],
    settings: EvolveSettings,
    generation: int,
    colony: int,
    place: tuple[int, int],
) -> Slot:
    random = random_of(place[0], "slot", generation, colony, place[1])
    crossing = random.random() < settings.crossover_probability and len(members) > 1
    if crossing:
        operation = "crossover"
        parents = random.sample(members, min(settings.parents, len(members)))
        hint = random.choice(SUBJECTS)
    else:
        names, weights = zip(*sorted(settings.mutation_weights.items()), strict=True)
        operation = random.choices(names, weights)[0]
        parents = [random.choice(members)]
        hint = random.choice(ASPECTS)
    return Slot(
        operation, tuple(parents), generation, colony, seed_of(random.getrandbits(62)), hint
    )


async def _children(
    slot: Slot,
    ask: Ask,
    prompts: Prompts,
    settings: EvolveSettings,
) -> list[Outcome]:
    family: list[Outcome] = []

    async def work() -> Outcome:
        made = await (_cross if slot.operation == "crossover" else _mutate)(
            slot, ask, prompts, settings
        )
        family.extend(made)
        return made[0]

    first = await settle(work(), slot.child())
    if not family:
        family.append(first)
    return family


async def _mutate(
    slot: Slot, ask: Ask, prompts: Prompts, settings: EvolveSettings
) -> list[Outcome]:
    change = MUTATIONS[slot.operation].format(aspect=slot.hint)
    request = Request(
        role="generator",
        messages=prompts.render("mutate", problem=slot.parents[0]["input"], change=change),
        sampling=settings.sampling,
        seed=slot.seed,
        schema=question_schema("difference"),
    )
    reading = await ask_until_read(ask, request, read_question, tries=1)
    spent = with_cost(slot.child(), reading.answers)
    return [_born(spent, reading.value, slot.operation, reading.answer.model)]


async def _cross(slot: Slot, ask: Ask, prompts: Prompts, settings: EvolveSettings) -> list[Outcome]:
    texts = [str(parent["input"]) for parent in slot.parents]
    request = Request(
        role="generator",
        messages=prompts.render(
            "crossover", parents=texts, count=settings.offspring, subject=slot.hint
        ),
        sampling=settings.sampling,
        seed=slot.seed,
        schema=_offspring_schema(settings.offspring),
    )
    reading = await ask_until_read(
        ask, request, lambda text: _read_offspring(text, settings.offspring), tries=1
    )
    spent = with_cost(slot.child(), reading.answers)
    if isinstance(reading.value, Unreadable):
        return [_born(spent, reading.value, slot.operation, reading.answer.model)]
    return [
        _born(child, question, slot.operation, reading.answer.model)
        for child, question in zip(
            [spent] + [slot.child()] * (len(reading.value) - 1), reading.value, strict=True
        )
    ]


def _offspring_schema(count: int) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "problems": {
                "type": "array",
                "items": question_schema("idea"),
                "minItems": count,
                "maxItems": count,
            }
        },
        "required": ["problems"],
        "additionalProperties": False,
    }


def _read_offspring(text: str, count: int) -> list[Question | Unreadable] | Unreadable:
    found = object_in(text)
    problems = found.get("problems", found) if found is not None else None
    problems = [problems] if isinstance(problems, dict) else problems  # one without its list
    if not isinstance(problems, list) or not problems:
        return Unreadable("not_json", text[:EVIDENCE])
    return [question_from(problem, text) for problem in problems[:count]]


def _born(row: Row, question: Question | Unreadable, operation: str, model: str) -> Outcome:
    if isinstance(question, Unreadable):
        return Dropped(row, question.reason, question.evidence)
    return Kept(with_question(row, question, operation=operation, model=model))
