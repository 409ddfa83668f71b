"""Whether a newborn question lives: somebody must be able to solve it.

The solver is asked for its solution, the tester for tests and the judge for its scores by the very
requests that `respond`, `testgen` and `judge` make later, so a question that lives pays for them
once.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from opencodeinstruct.builder.schema import CRITERIA
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.stages.asking import settle
from opencodeinstruct.tools.text.shown_types import with_shown_types

RowStage = Callable[[Row], Awaitable[Outcome]]

_SHOWN = 400  # characters of failing tests in the evidence


class FitnessSettings(BaseModel):
    """What a newborn question must stand; `fitness: parse` is short for `fitness: {by: parse}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # none; parse: the solver's answer holds code that parses and keeps the contract; judge: that,
    # and the judge's scores; tests: that, and before the judge the tester's tests, which are run.
    # All reuse the answers of `respond`, `testgen` and `judge`
    by: Literal["none", "parse", "judge", "tests"] = "judge"
    # least of the three scores: 1 is useless, 2 mostly wrong. A small judge is no fine measure
    accept: int = Field(default=3, ge=1, le=5)
    # share of the tester's tests that the solution must pass: who reads a question in two ways
    # fails, and so does a question that can be read in two ways
    tests_passed: float = Field(default=0.6, gt=0, le=1)
    # whether a question from a seed must stand it, too, before it has children; it is kept either
    # way. On a real run the children of those that do lived two or three times as often
    parents: bool = True

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"by": given} if isinstance(given, str) else given


@dataclass(frozen=True, slots=True)
class Trial:
    """Who finds out whether a question lives: the stages of later, as they will be."""

    solve: RowStage
    judge: RowStage
    test: RowStage
    execute: RowStage


@dataclass(frozen=True, slots=True)
class Weighed:
    """What became of a newborn question, and the tokens that finding out took.

    `signature` is its own, with the types that the tests show where it has none; None where there
    were no tests.
    """

    outcome: Outcome
    tokens: int = 0
    signature: str | None = None


def spent(row: Row) -> int:
    """Tokens, read and written, spent on `row` so far."""
    return int(row.get("spent_prompt_tokens") or 0) + int(row.get("spent_output_tokens") or 0)


async def weigh(row: Row, trial: Trial, settings: FitnessSettings) -> Weighed:
    """`row` with the judge's score in `fitness`, or why it does not live.

    A row that lives is charged nothing: its later stages pay, with these answers. `not_solved`
    where no usable code came, `not_tested` where no usable tests came, `fails_tests` where the
    solution passes fewer than `tests_passed` of them, `judged_unfit` where the judge's least score
    is below `accept`.
    """
    if settings.by == "none":
        return Weighed(Kept(row))
    outcome = await settle(trial.solve(row), row)
    if isinstance(outcome, Dropped):
        outcome = _fallen(row, outcome, "not_solved")
    elif isinstance(outcome, Kept) and settings.by == "tests":
        outcome = await _tested(row, outcome.row, trial, settings)
    if isinstance(outcome, Kept) and settings.by != "parse":
        judged = await _judged(row, outcome.row, trial.judge, settings)
        return replace(judged, signature=_shown_signature(outcome.row))
    tokens = spent(outcome.row) - spent(row)
    return Weighed(Kept(row) if isinstance(outcome, Kept) else outcome, tokens)


async def _tested(row: Row, solved: Row, trial: Trial, settings: FitnessSettings) -> Outcome:
    """`solved` with its tests and verdicts, or `row` where these speak against it."""
    tested = await settle(trial.test(solved), row)
    if isinstance(tested, Dropped):
        return _fallen(row, tested, "not_tested")
    if not isinstance(tested, Kept):
        return tested
    executed = await settle(trial.execute(tested.row), row)
    if not isinstance(executed, Kept):
        return executed
    own = executed.row
    if float(own["pass_rate"] or 0.0) < settings.tests_passed:
        return Dropped(_charged(row, own), "fails_tests", _failures(own))
    return executed


def _shown_signature(tried: Row) -> str | None:
    """The signature of a row whose tests were run, if they were, with the types that these show."""
    if not tried.get("test_verdicts"):
        return None
    tests = zip(json.loads(tried["unit_tests"]), tried["test_verdicts"], strict=True)
    passed = [test for test, verdict in tests if verdict == "pass"]
    return with_shown_types(tried.get("signature"), passed)


def _fallen(row: Row, outcome: Dropped, reason: str) -> Dropped:
    """`row`, which falls by `outcome`, charged with all that it took to find out."""
    why = f"{outcome.reason}: {outcome.evidence}"
    return Dropped(_charged(row, outcome.row), reason, why)


def _failures(row: Row) -> str:
    """How many tests pass, and those that do not."""
    tests, verdicts = json.loads(row["unit_tests"]), row["test_verdicts"]
    failed = [
        f"{verdict}: {test}"
        for test, verdict in zip(tests, verdicts, strict=True)
        if verdict != "pass"
    ]
    shown = "; ".join(failed)[:_SHOWN]
    return f"{row['tests_passed']} of {row['tests_total']} tests pass; {shown}"


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
