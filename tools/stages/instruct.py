"""Make a self-contained question of a seed: OSS-Instruct (arXiv 2312.02120) for functions."""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, Sampling, random_of, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import Unreadable, ask_until_read, with_cost
from opencodeinstruct.tools.stages.question import (
    Contract,
    Form,
    Question,
    examples_in,
    program_of,
    question_of,
    topic_of,
    with_question,
)
from opencodeinstruct.tools.text.json_answer import object_in
from opencodeinstruct.tools.text.python_code import parse_signature


class InstructSettings(BaseModel):
    """How questions are made of seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampling: Sampling = Sampling(max_tokens=512)  # a question is 40 to 200 words
    tries: int = Field(default=2, ge=1, le=10)  # a small model's slip is often not repeated
    max_seed_characters: int = Field(default=4000, ge=100)  # about 1,000 tokens of prompt
    # of the problems that come without a contract, the share that are restated for a program that
    # reads standard input; the others for a function. The published release has functions only
    stdio_share: float = Field(default=0.0, ge=0, le=1)


async def instruct(
    row: Row,
    ask: Ask,
    prompts: Prompts,
    settings: InstructSettings,
    *,
    seed: int,
    topics: tuple[str, ...] = (),
) -> Outcome:
    """Give the seed `row` a question in `input`; drop it when none could be read.

    A problem that comes with its contract is a question already and is kept as it is; the model is
    only asked for its topic, if there are `topics` to choose from.
    """
    ready = _ready_question(row)
    if ready is not None:
        if topics:
            row, ready = await _with_topic(row, ready, ask, prompts, seed=seed, topics=topics)
        return Kept(with_question(_child_of(row), ready, operation="seed", model=None))
    text = str(row["seed_text"])
    if len(text) > settings.max_seed_characters:
        return Dropped(row, "seed_too_long", f"{len(text)} characters")
    prompt = _prompt_for(row, settings, seed)
    given = {"code" if prompt == "instruct_code" else "problem": text, "topics": topics}
    messages = prompts.render(prompt, **given)
    contract: Contract = "stdio" if prompt == "instruct_program" else "call"
    form = Form(contract, topics, shown=examples_in(messages))
    reading = await ask_until_read(
        ask,
        Request(
            role="generator",
            messages=messages,
            sampling=settings.sampling,
            seed=seed_of(seed, "instruct", row["id"]),
            schema=form.schema(),
        ),
        form.read,
        tries=settings.tries,
    )
    spent = with_cost(row, reading.answers)
    if isinstance(reading.value, Unreadable):
        return Dropped(spent, reading.value.reason, reading.value.evidence)
    return Kept(
        with_question(
            _child_of(spent),
            reading.value,
            operation="oss-instruct",
            model=reading.answer.model,
            prompt=prompts.version(prompt),
        )
    )


def _prompt_for(row: Row, settings: InstructSettings, seed: int) -> str:
    if row["domain"] == "generic":
        return "instruct_code"
    drawn = random_of(seed, "contract", row["id"]).random()
    return "instruct_program" if drawn < settings.stdio_share else "instruct_problem"


def _child_of(row: Row) -> Row:
    return {**row, "parent_ids": [row["id"]], "generation": 0}


def _ready_question(row: Row) -> Question | None:
    if not row.get("input"):
        return None
    if row.get("contract") == "stdio":
        return program_of(str(row["input"]))
    signature = parse_signature(str(row["signature"])) if row.get("signature") else None
    return None if signature is None else question_of(str(row["input"]), signature)


async def _with_topic(
    row: Row,
    question: Question,
    ask: Ask,
    prompts: Prompts,
    *,
    seed: int,
    topics: tuple[str, ...],
) -> tuple[Row, Question]:
    """`row` with what asking cost, and `question` with its topic, none where none was named."""

    def read(text: str) -> str | Unreadable:
        found = object_in(text)
        topic = topic_of(found.get("topic") if found else text, topics)
        return topic or Unreadable("no_topic")

    schema = {
        "type": "object",
        "properties": {"topic": {"type": "string", "enum": list(topics)}},
        "required": ["topic"],
        "additionalProperties": False,
    }
    request = Request(
        role="generator",
        messages=prompts.render("topic", question=question.text, topics=topics),
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=24),
        seed=seed_of(seed, "topic", row["id"]),
        schema=schema,
    )
    reading = await ask_until_read(ask, request, read, tries=1)
    topic = None if isinstance(reading.value, Unreadable) else reading.value
    return with_cost(row, reading.answers), replace(question, topic=topic)
