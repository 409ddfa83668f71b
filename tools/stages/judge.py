"""Have a model judge a solution by the published release's three criteria, 1 to 5 each."""

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.builder.schema import CRITERIA
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, Sampling, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import EVIDENCE, Unreadable, ask_until_read, with_cost
from opencodeinstruct.tools.text.json_answer import object_in

Judgement = dict[str, dict[str, Any]]
"""By criterion `{"score": 1..5, "justification": text}`, in the published order."""

_SCORE_IN_TEXT = re.compile(r"\s*([1-5])(?:\.0+)?\s*(?:/\s*5\s*)?")


class JudgeSettings(BaseModel):
    """How the judge is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampling: Sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=512)  # no dice in a score
    tries: int = Field(default=2, ge=1, le=10)


async def judge(
    row: Row, ask: Ask, prompts: Prompts, settings: JudgeSettings, *, seed: int
) -> Outcome:
    """Give `row` its judgement, the three scores and their minimum.

    Dropped as `no_judgement` when a criterion has no score from 1 to 5.
    """
    request = Request(
        role="judge",
        messages=prompts.render("judge", question=row["input"], solution=row["solution"]),
        sampling=settings.sampling,
        seed=seed_of(seed, "judge", row["id"]),
        schema=JUDGEMENT_SCHEMA,
    )
    reading = await ask_until_read(ask, request, read_judgement, tries=settings.tries)
    asked = {**with_cost(row, reading.answers), "judge_model": reading.answer.model}
    if isinstance(reading.value, Unreadable):
        return Dropped(asked, reading.value.reason, reading.value.evidence)
    scores = {criterion: reading.value[criterion]["score"] for criterion in CRITERIA}
    return Kept(
        {
            **asked,
            **scores,
            "judge_score": min(scores.values()),
            "llm_judgement": json.dumps(reading.value, ensure_ascii=False),
        }
    )


def _criterion_schema() -> dict[str, Any]:
    # The justification comes first: a score that follows its reasons is the better one.
    return {
        "type": "object",
        "properties": {
            "justification": {"type": "string", "maxLength": 400},
            "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
        },
        "required": ["justification", "score"],
        "additionalProperties": False,
    }


JUDGEMENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {criterion: _criterion_schema() for criterion in CRITERIA},
    "required": list(CRITERIA),
    "additionalProperties": False,
}
"""What guided decoding holds the judge to."""


def read_judgement(text: str) -> Judgement | Unreadable:
    """The judgement in the answer `text`, every criterion with a score and a justification."""
    found = object_in(text)
    if found is None:
        return Unreadable("no_judgement", text[:EVIDENCE])
    judgement: Judgement = {}
    for criterion in CRITERIA:
        part = found.get(criterion)
        score = _score(part.get("score") if isinstance(part, dict) else part)
        if score is None:
            return Unreadable("no_judgement", f"no score for {criterion}: {text[:EVIDENCE]}")
        said = part.get("justification") if isinstance(part, dict) else None
        said = said.strip() if isinstance(said, str) else ""
        judgement[criterion] = {"score": score, "justification": said}
    return judgement


def _score(value: object) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value) if value in (1, 2, 3, 4, 5) else None
    match = _SCORE_IN_TEXT.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match else None
