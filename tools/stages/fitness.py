"""Whether a newborn question lives: somebody must be able to solve it.

The solver is asked for its solution and the judge for its scores by the very requests that
`respond` and `judge` make later, so a question that lives pays for them once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from opencodeinstruct.builder.schema import CRITERIA
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.stages.asking import settle

RowStage = Callable[[Row], Awaitable[Outcome]]


class FitnessSettings(BaseModel):
    """What a newborn question must stand; `fitness: parse` is short for `fitness: {by: parse}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # none; parse: the solver's answer holds code that parses and keeps the contract; judge: that,
    # and the judge's scores. Both reuse the answers of `respond` and `judge`
    by: Literal["none", "parse", "judge"] = "judge"
    # least of the three scores: 1 is useless, 2 mostly wrong. A small judge is no fine measure
    accept: int = Field(default=3, ge=1, le=5)

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"by": given} if isinstance(given, str) else given


@dataclass(frozen=True, slots=True)
class Weighed:
    """What became of a newborn question, and the tokens that finding out took."""

    outcome: Outcome
    tokens: int = 0


def spent(row: Row) -> int:
    """Tokens, read and written, spent on `row` so far."""
    return int(row.get("spent_prompt_tokens") or 0) + int(row.get("spent_output_tokens") or 0)


async def weigh(row: Row, solve: RowStage, judge: RowStage, settings: FitnessSettings) -> Weighed:
    """`row` with the judge's score in `fitness`, or why it does not live.

    A row that lives is charged nothing: its later stages pay, with these answers. `not_solved`
    where no usable code came, `judged_unfit` where the judge's least score is below `accept`.
    """
    if settings.by == "none":
        return Weighed(Kept(row))
    solved = await settle(solve(row), row)
    if isinstance(solved, Dropped):
        charged = _charged(row, solved.row)
        why = f"{solved.reason}: {solved.evidence}"
        return Weighed(Dropped(charged, "not_solved", why), spent(charged) - spent(row))
    if settings.by == "parse" or not isinstance(solved, Kept):
        kept = Kept(row) if isinstance(solved, Kept) else solved
        return Weighed(kept, spent(solved.row) - spent(row))
    return await _judged(row, solved.row, judge, settings)


async def _judged(row: Row, solved: Row, judge: RowStage, settings: FitnessSettings) -> Weighed:
    outcome = await settle(judge(solved), row)
    tokens = spent(outcome.row) - spent(row)
    if not isinstance(outcome, Kept):
        if isinstance(outcome, Dropped):
            outcome = Dropped(_charged(row, outcome.row), outcome.reason, outcome.evidence)
        return Weighed(outcome, tokens)
    score = int(outcome.row["judge_score"])
    if score < settings.accept:
        weakest = min(CRITERIA, key=lambda name: int(outcome.row[name]))
        why = f"{weakest} {score} of 5: {outcome.row['llm_judgement']}"
        charged = {**_charged(row, outcome.row), "fitness": score}
        return Weighed(Dropped(charged, "judged_unfit", why), tokens)
    return Weighed(Kept({**row, "fitness": score}), tokens)


def _charged(row: Row, later: Row) -> Row:
    """`row` with what was spent until `later`."""
    names = ("spent_prompt_tokens", "spent_output_tokens")
    return {**row, **{name: later.get(name) for name in names}}
