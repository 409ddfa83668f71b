"""A population to evolve, and a model whose children depend on nothing but the request."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from opencodeinstruct.tools.outcome import Dropped, Kept, Made, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, content_id
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.stages.breed import Asked
from opencodeinstruct.tools.stages.colony import Breeding
from opencodeinstruct.tools.stages.evolve import EvolveSettings, evolve
from opencodeinstruct.tools.stages.fitness import RowStage, Trial
from opencodeinstruct.tools.stages.ideas import rules_in
from opencodeinstruct.tools.stages.rules import new_arguments
from opencodeinstruct.tools.stages.screen import Decide
from tests.asks import by

PROMPTS = load_prompts()
NAMES = "amber basin cedar delta ember fjord grove harbor island jungle kettle lagoon meadow"
WORDS = tuple(NAMES.split())


def parent(number: int, **changes: Any) -> Row:
    """A question of generation 0."""
    text = f"Write `first_{number}` of a `value`: {WORDS[number % len(WORDS)]}."
    seed = content_id(f"seed {number}")
    return {
        "id": content_id(text),
        "input": text,
        "domain": "generic" if number % 2 else "algorithmic",
        "seed_origin": f"seeds.jsonl:{number}",
        "license": "MIT",
        "seed_ids": [seed],
        "parent_ids": [seed],
        "generation": 0,
        "colony": 0,
        "operation": "seed",
        "spent_output_tokens": 1000,
    } | changes


def parents(count: int) -> list[Row]:
    return [parent(number) for number in range(count)]


def problem(random: random.Random, *more: str) -> dict[str, str]:
    """A problem that shares next to nothing with any other, with `more` arguments."""
    name = f"made_{random.getrandbits(40)}"
    story = " ".join(f"{random.choice(WORDS)}{random.getrandbits(20)}" for _ in range(12))
    return {
        "idea": story,
        "difference": story,
        "signature": f"def {name}({', '.join(('value: int', *more))}) -> int",
        "problem": f"{story}. Write `{name}` of a `value`."
        + "".join(f" And `{m}`, with `{m}`." for m in more),
    }


def made(request: Request, *, offspring: int | None = None) -> str:
    """An answer that depends on nothing but the request."""
    key = blake2b(f"{request.messages}{request.seed}".encode()).digest()
    draw = random.Random(key)
    if is_crossover(request):
        asked = re.search(r"Write (\d+) new", request.messages[-1].content)
        assert asked is not None
        count = int(asked[1]) if offspring is None else offspring
        return json.dumps({"problems": [problem(draw) for _ in range(count)]})
    change = told_change(request)
    said = problem(draw, *new_arguments(change))
    said["problem"] += "".join(f" So that {rule}." for rule in rules_in(change))
    said["signature"] = said["signature"].removesuffix(" -> int")  # a rule may return another type
    return json.dumps(said)


def told_change(request: Request) -> str:
    """What a mutation is told to change."""
    return request.messages[-1].content.rpartition("Change:")[2].strip()


def is_crossover(request: Request) -> bool:
    return "Change:" not in request.messages[-1].content


def evolved(
    rows: list[Row],
    ask: Ask | None = None,
    *,
    seed: int = 0,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    **chosen: Any,
) -> list[Outcome]:
    """The outcomes of an evolution without fitness and paraphrase screen, unless one is chosen."""
    return evolution(rows, ask, seed=seed, on_outcome=on_outcome, **chosen).outcomes


def evolution(
    rows: list[Row],
    ask: Ask | None = None,
    *,
    seed: int = 0,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    breeding: Breeding | None = None,
    **chosen: Any,
) -> Made:
    own = replace(breeding or bred(ask or by(made)), on_outcome=on_outcome)
    return asyncio.run(
        evolve(rows, own, EvolveSettings(**{"fitness": "none", **chosen}), seed=seed)
    )


async def nobody(row: Row) -> Outcome:
    raise AssertionError("nobody is to be asked for a solution or a judgement")


def bred(
    ask: Ask,
    solve: RowStage = nobody,
    judge: RowStage = nobody,
    test: RowStage = nobody,
    execute: RowStage = nobody,
    *,
    decide: tuple[Decide, ...] = (),
    topics: tuple[str, ...] = (),
    at_once: int = 64,
) -> Breeding:
    return Breeding(
        Asked(ask, PROMPTS, topics), Trial(solve, judge, test, execute), decide, at_once
    )


def kept_rows(outcomes: list[Outcome]) -> list[Row]:
    return [outcome.row for outcome in outcomes if isinstance(outcome, Kept)]


def reasons(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Dropped))
