"""Make a self-contained question of a seed: OSS-Instruct (arXiv 2312.02120) for functions."""

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Message, Request, Sampling, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import Unreadable, ask_until_read, with_cost
from opencodeinstruct.tools.stages.question import (
    Question,
    question_of,
    question_schema,
    read_question,
    with_question,
)
from opencodeinstruct.tools.text.python_code import parse_signature


class InstructSettings(BaseModel):
    """How questions are made of seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampling: Sampling = Sampling(max_tokens=512)  # a question is 40 to 200 words
    tries: int = Field(default=2, ge=1, le=10)  # a small model's slip is often not repeated
    max_seed_characters: int = Field(default=4000, ge=100)  # about 1,000 tokens of prompt


async def instruct(
    row: Row, ask: Ask, prompts: Prompts, settings: InstructSettings, *, seed: int
) -> Outcome:
    """Give the seed `row` a question in `input`; drop it when none could be read.

    A problem that comes with its function's signature is a question already and is kept as it is.
    """
    ready = _ready_question(row)
    if ready is not None:
        return Kept(with_question(_child_of(row), ready, operation="seed", model=None))
    text = str(row["seed_text"])
    if len(text) > settings.max_seed_characters:
        return Dropped(row, "seed_too_long", f"{len(text)} characters")
    reading = await ask_until_read(
        ask,
        Request(
            role="generator",
            messages=_messages(row, prompts),
            sampling=settings.sampling,
            seed=seed_of(seed, "instruct", row["id"]),
            schema=question_schema(),
        ),
        read_question,
        tries=settings.tries,
    )
    spent = with_cost(row, reading.answers)
    if isinstance(reading.value, Unreadable):
        return Dropped(spent, reading.value.reason, reading.value.evidence)
    model = reading.answer.model
    return Kept(
        with_question(_child_of(spent), reading.value, operation="oss-instruct", model=model)
    )


def _messages(row: Row, prompts: Prompts) -> tuple[Message, ...]:
    if row["domain"] == "generic":
        return prompts.render("instruct_code", code=row["seed_text"])
    return prompts.render("instruct_problem", problem=row["seed_text"])


def _child_of(row: Row) -> Row:
    return {**row, "parent_ids": [row["id"]], "generation": 0}


def _ready_question(row: Row) -> Question | None:
    if not row.get("input") or not row.get("signature"):
        return None
    signature = parse_signature(str(row["signature"]))
    return None if signature is None else question_of(str(row["input"]), signature)
