"""Children of questions: which operation, of which parents, and what the model is asked for.

Crossover is Self-Instruct: several parents as examples, new questions back. Mutation is one of the
five operations of Evol-Instruct on one parent. A draw depends on the seed and its place alone.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, Sampling, random_of, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import (
    EVIDENCE,
    Unreadable,
    ask_until_read,
    settle,
    with_cost,
)
from opencodeinstruct.tools.stages.ideas import (
    MUTATIONS,
    Hints,
    change_of,
    repeats_the_order,
    rules_in,
    subject_of,
)
from opencodeinstruct.tools.stages.question import (
    Contract,
    Form,
    Question,
    examples_in,
    problem_of,
    with_question,
)
from opencodeinstruct.tools.stages.rules import is_forgotten, new_arguments
from opencodeinstruct.tools.stages.selection import SelectionSettings, draw_parents
from opencodeinstruct.tools.text.json_answer import object_in
from opencodeinstruct.tools.text.license import combined_license

_WEIGHTS = {
    "add-constraint": 3.0,
    "rare-requirement": 3.0,
    "more-reasoning": 2.0,
    "misleading-code": 0.5,  # a small model loses the problem over the code
    "tighter-complexity": 0.5,  # "seldom", as Evol-Instruct for code has it
}


class BreedSettings(BaseModel):
    """Odds of the operations; the paper's own could not be verified, so ours are modest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    children: int = Field(default=8, ge=1, le=100_000)  # operations per colony and generation
    crossover_probability: float = Field(default=0.5, ge=0, le=1)
    parents: int = Field(default=2, ge=2, le=10)  # of a crossover
    offspring: int = Field(default=1, ge=1, le=10)  # questions asked for in one crossover
    mutation_weights: dict[str, float] = Field(default=_WEIGHTS)
    # what a mutation is told: a rule that fits the signature ("negative numbers in `values` are
    # left out"), or an aspect ("negative numbers"), of which a strong model makes its own rule
    hints: Hints = "rules"
    # Evol-Instruct decodes at T 1, top_p 0.9, 2,048 tokens
    sampling: Sampling = Sampling(temperature=1.0, top_p=0.9, max_tokens=1024)
    selection: SelectionSettings = SelectionSettings()

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

    @property
    def contract(self) -> Contract:
        """That of the parents, which the children have, too."""
        return "stdio" if self.parents[0].get("contract") == "stdio" else "call"

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


def draw_slots(
    members: Sequence[Row], settings: BreedSettings, *, generation: int, colony: int, seed: int
) -> list[Slot]:
    """The operations of one colony in one generation."""
    return [
        _draw(members, settings, generation, colony, random_of(seed, "slot", generation, colony, n))
        for n in range(settings.children if members else 0)
    ]


def _draw(
    members: Sequence[Row], settings: BreedSettings, generation: int, colony: int, random: Random
) -> Slot:
    crossing = random.random() < settings.crossover_probability
    parents = draw_parents(members, 1, random, settings.selection)
    if crossing:  # only questions of one form can be examples together
        others = [row for row in members if row is not parents[0] and _alike(row, parents[0])]
        parents += draw_parents(others, settings.parents - 1, random, settings.selection)
    if len(parents) > 1:
        operation = "crossover"
        hint = subject_of(str(parents[0].get("contract")), random)
    else:
        names, weights = zip(*sorted(settings.mutation_weights.items()), strict=True)
        operation = random.choices(names, weights)[0]
        hint = change_of(operation, parents[0].get("signature"), settings.hints, random)
    return Slot(
        operation, tuple(parents), generation, colony, seed_of(random.getrandbits(62)), hint
    )


def _alike(row: Row, other: Row) -> bool:
    return (row.get("contract") == "stdio") == (other.get("contract") == "stdio")


@dataclass(frozen=True, slots=True)
class Asked:
    """What children are asked of: the model, in which words, with which topics to choose from."""

    ask: Ask
    prompts: Prompts
    topics: tuple[str, ...] = ()


async def children_of(slot: Slot, asked: Asked, settings: BreedSettings) -> list[Outcome]:
    """The children that `slot` brings forth, in order; at least one outcome."""
    family: list[Outcome] = []

    async def work() -> Outcome:
        made = await (_cross if slot.operation == "crossover" else _mutate)(slot, asked, settings)
        family.extend(made)
        return made[0]

    first = await settle(work(), slot.child())
    return family or [first]


async def _mutate(slot: Slot, asked: Asked, settings: BreedSettings) -> list[Outcome]:
    prompt = "mutate" if slot.contract == "call" else "mutate_program"
    messages = asked.prompts.render(
        prompt, problem=_shown(slot.parents[0]), change=slot.hint, topics=asked.topics
    )
    form = Form(slot.contract, asked.topics, ("difference",), examples_in(messages))
    request = Request(
        role="generator",
        messages=messages,
        sampling=settings.sampling,
        seed=slot.seed,
        schema=form.schema(),
    )
    reading = await ask_until_read(asked.ask, request, form.read, tries=1)
    birth = _Birth(slot.operation, reading.answer.model, asked.prompts.version(prompt))
    question = _as_changed(reading.value, slot)
    return [birth.of(with_cost(slot.child(), reading.answers), question)]


def _as_changed(question: Question | Unreadable, slot: Slot) -> Question | Unreadable:
    """`question`, unless it repeats what it was told, or says too little of its rule or arguments.

    New arguments have to be in the signature, and in the text twice: that there is one, and what
    it is for.
    """
    if isinstance(question, Unreadable):
        return question
    problem = problem_of(question.text)
    if repeats_the_order(problem):
        return Unreadable("copied_layout", question.text[:EVIDENCE])
    if question.signature is None:
        return question
    said = Counter(re.findall(r"\w+", problem))
    for name in new_arguments(slot.hint):
        if name not in question.signature.arguments or said[name] < 2:
            return Unreadable("change_not_made", f"`{name}`: {question.text[:EVIDENCE]}")
    for rule in rules_in(slot.hint):
        if is_forgotten(rule, problem_of(slot.parents[0]["input"]), problem):
            return Unreadable("change_not_made", f"{rule}: {question.text[:EVIDENCE]}")
    return question


async def _cross(slot: Slot, asked: Asked, settings: BreedSettings) -> list[Outcome]:
    texts = [_shown(parent) for parent in slot.parents]
    prompt = "crossover" if slot.contract == "call" else "crossover_program"
    messages = asked.prompts.render(
        prompt, parents=texts, count=settings.offspring, subject=slot.hint, topics=asked.topics
    )
    form = Form(slot.contract, asked.topics, ("idea",), examples_in(messages))
    request = Request(
        role="generator",
        messages=messages,
        sampling=settings.sampling,
        seed=slot.seed,
        schema=_offspring_schema(form, settings.offspring),
    )
    reading = await ask_until_read(
        asked.ask, request, lambda text: _read_offspring(text, form, settings.offspring), tries=1
    )
    birth = _Birth(slot.operation, reading.answer.model, asked.prompts.version(prompt))
    spent = with_cost(slot.child(), reading.answers)
    if isinstance(reading.value, Unreadable):
        return [birth.of(spent, reading.value)]
    rows = [spent] + [slot.child()] * (len(reading.value) - 1)
    return [birth.of(row, its) for row, its in zip(rows, reading.value, strict=True)]


def _shown(parent: Row) -> str:
    """The question of `parent` with single quotes: a model forgets to escape others in JSON."""
    return str(parent["input"]).replace('"', "'")


def _offspring_schema(form: Form, count: int) -> dict[str, Any]:
    problems = {"type": "array", "items": form.schema(), "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"problems": problems},
        "required": ["problems"],
        "additionalProperties": False,
    }


def _read_offspring(text: str, form: Form, count: int) -> list[Question | Unreadable] | Unreadable:
    """The first `count` questions of an answer, each read by itself."""
    found = object_in(text)
    problems = found.get("problems", found) if found is not None else None
    problems = [problems] if isinstance(problems, dict) else problems  # one without its list
    if not isinstance(problems, list) or not problems:
        return Unreadable("not_json", text[:EVIDENCE])
    return [form.question_from(problem, text) for problem in problems[:count]]


@dataclass(frozen=True, slots=True)
class _Birth:
    """How a child came to be, for its row."""

    operation: str
    model: str
    prompt: str

    def of(self, row: Row, question: Question | Unreadable) -> Outcome:
        """The child's outcome: its question, or why there is none."""
        if isinstance(question, Unreadable):
            return Dropped(row, question.reason, question.evidence)
        return Kept(
            with_question(
                row, question, operation=self.operation, model=self.model, prompt=self.prompt
            )
        )
