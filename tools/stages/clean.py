"""Drop questions that no solver could answer fairly, and solutions that are none.

Each rule is a pure function that returns the text that shows the fault, or None. The rules are
tried in the order of `RULES`; the first that finds something gives the reason. No rule looks for a
bare word in code: `password` is no stub, `bypass` no `pass`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.stages import clean_rules as rules
from opencodeinstruct.tools.stages.clean_rules import Question

_EVIDENCE = 200  # characters of the text that shows the fault


class CleanSettings(BaseModel):
    """How long a question may be, and which rules are off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_words: int = Field(default=5, ge=1)  # Self-Instruct drops 3 or fewer; a task needs a name
    max_characters: int = Field(default=10_000, ge=1)  # the published release's longest has 7,622
    skip: tuple[str, ...] = ()  # names of rules that a recipe does without

    @field_validator("skip")
    @classmethod
    def _are_rules(cls, skip: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(skip) - set(REASONS))
        if unknown:
            raise ValueError(f"no rule is called {unknown[0]!r}; rules: {', '.join(REASONS)}")
        return skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A reason, what it means, and what finds it; the meaning is shown in the documentation."""

    reason: str
    meaning: str
    find: Callable[[Question, CleanSettings], str | None]


def _too_short(question: Question, settings: CleanSettings) -> str | None:
    words = question.text.split()
    return f"{len(words)} words" if len(words) < settings.min_words else None


def _too_long(question: Question, settings: CleanSettings) -> str | None:
    size = len(question.text)
    return f"{size} characters" if size > settings.max_characters else None


def _plain(
    find: Callable[[Question], str | None],
) -> Callable[[Question, CleanSettings], str | None]:
    return lambda question, _settings: find(question)


RULES = (
    Rule(
        "bad_characters",
        "Holds replacement, control or direction characters.",
        _plain(rules.bad_characters),
    ),
    Rule("too_long", "Has more characters than any fair question.", _too_long),
    Rule("not_english", "Is mostly in another script or language.", _plain(rules.other_language)),
    Rule("too_short", "Has fewer words than a task needs.", _too_short),
    Rule("refusal", "The model refused or spoke of itself.", _plain(rules.refusal)),
    Rule("meta_text", "Speaks of the prompt that it was made from.", _plain(rules.meta_text)),
    Rule("placeholder", "Holds text that was to be filled in.", _plain(rules.placeholder)),
    Rule(
        "repetition", "Repeats a line, sentence or phrase over and over.", _plain(rules.repetition)
    ),
    Rule(
        "needs_context",
        "Needs a picture, file, page, service or screen.",
        _plain(rules.needs_context),
    ),
    Rule(
        "not_self_contained",
        "Leans on another question that is not there.",
        _plain(rules.not_self_contained),
    ),
    Rule("wrong_language", "Asks for another language than Python.", _plain(rules.wrong_language)),
    Rule("stdin_framed", "Reads standard input instead of arguments.", _plain(rules.stdin_framed)),
    Rule("solution_included", "Gives its own complete solution.", _plain(rules.solution_included)),
    Rule(
        "no_entry_point",
        "Does not name the function that the row is about.",
        _plain(rules.no_entry_point),
    ),
    Rule("stub_solution", "The solution's function does nothing.", _plain(rules.stub_solution)),
)
"""The rules in the order in which they are tried."""

REASONS = {rule.reason: rule.meaning for rule in RULES}


def fault(question: Question, settings: CleanSettings) -> tuple[str, str] | None:
    """The reason and the evidence of the first rule that `question` breaks; None if it is clean."""
    for rule in RULES:
        if rule.reason in settings.skip:
            continue
        evidence = rule.find(question, settings)
        if evidence is not None:
            return rule.reason, " ".join(evidence.split())[:_EVIDENCE]
    return None


def _column(table: pa.Table, name: str) -> list[str | None]:
    if name not in table.column_names:
        return [None] * table.num_rows
    return list(table.column(name).to_pylist())


def clean(table: pa.Table, settings: CleanSettings) -> Verdicts:
    """Drop each row whose question (`input`), or solution where there is one, breaks a rule.

    `entry_point`, `operation`, `output`, `solution` and `contract` are read where they are there.
    """
    names = ("input", "entry_point", "operation", "output", "solution", "contract")
    columns = [_column(table, name) for name in names]
    faults = [
        fault(Question(text or "", *others), settings)
        for text, *others in zip(*columns, strict=True)
    ]
    reasons = [one[0] if one else None for one in faults]
    evidence = [one[1] if one else None for one in faults]
    return Verdicts(
        reasons=pa.array(reasons, pa.string()).dictionary_encode(),
        evidence=pa.array(evidence, pa.string()),
    )
