"""What a run will ask and cost, said before it starts.

The tokens of a request are what the shipped prompts take on real seeds (measured on the embedded
model); how many rows get how far is taken from the same runs. It is an estimate: within a factor
of two for recipes like the shipped ones.
"""

from dataclasses import dataclass

from opencodeinstruct.tools.recipe import Recipe


@dataclass(frozen=True, slots=True)
class StageCost:
    """Requests of a stage and their tokens, prompt and output, all together."""

    stage: str
    requests: int
    prompt_tokens: int
    output_tokens: int


PER_REQUEST = {
    "instruct": (420, 100),
    "evolve": (400, 120),
    "respond": (220, 220),
    "testgen": (400, 260),
    "judge": (620, 150),
}
"""(prompt, output) tokens of one request of a stage."""

_TOPIC = (330, 17)  # of one request for the topic of a question that is ready, in `instruct`

SURVIVE = {"instruct": 0.9, "evolve": 0.6, "screened": 0.8, "respond": 0.95, "testgen": 0.9}
"""Share of rows that a stage keeps; `screened` is clean, dedup and decontaminate together."""

# A server reads a prompt about this many times faster than it writes, per token; most of each
# prompt is a prefix that it has in its cache.
_READING = 8.0


def costs(recipe: Recipe, *, seeds: int, ready: int) -> list[StageCost]:
    """The cost of each asking stage for `seeds` seeds, `ready` of which are questions already."""
    questions = ready + (seeds - ready) * SURVIVE["instruct"]
    born = recipe.evolve.operations if questions >= 1 else 0
    rows = (questions + born * SURVIVE["evolve"]) * SURVIVE["screened"]
    solved = rows * SURVIVE["respond"]
    requests = {
        "instruct": seeds - ready,
        "evolve": born,
        "respond": rows,
        "testgen": solved,
        "judge": solved * SURVIVE["testgen"],
    }
    stages = [_cost(stage, count, *PER_REQUEST[stage]) for stage, count in requests.items()]
    named = _cost("instruct", ready if recipe.topics else 0, *_TOPIC)
    return [_sum(stages[0], named), *stages[1:]]


def _cost(stage: str, requests: float, prompt: int, output: int) -> StageCost:
    return StageCost(stage, round(requests), round(requests * prompt), round(requests * output))


def _sum(one: StageCost, other: StageCost) -> StageCost:
    return StageCost(
        one.stage,
        one.requests + other.requests,
        one.prompt_tokens + other.prompt_tokens,
        one.output_tokens + other.output_tokens,
    )


def seconds(stages: list[StageCost], tokens_per_second: float) -> float:
    """Time for `stages` at `tokens_per_second` of output, prompts included."""
    work = sum(stage.output_tokens + stage.prompt_tokens / _READING for stage in stages)
    return work / tokens_per_second


def spoken(seconds: float) -> str:
    """`seconds` as people say it: `about 12 minutes`."""
    for size, name in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= 1.5 * size:
            return f"about {seconds / size:.0f} {name}s"
    return f"about {max(seconds, 1):.0f} seconds"
