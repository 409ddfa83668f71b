"""Find questions that tell a benchmark's problem in other words: vectors propose, a judge decides.

The fourth detector of `decontaminate`, for rows that the other three let pass. A row's question is
set beside the problems whose vectors lie nearest to its own; a model is asked of each whether the
two are the same task. Every verdict is kept, with who gave it. What this cannot see: a problem
whose vector lies further away than the threshold, and what the judge gets wrong.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Embed, Request, Sampling, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import EVIDENCE, Unreadable, ask_until_read, with_cost
from opencodeinstruct.tools.text.benchmark import Benchmark, description
from opencodeinstruct.tools.text.json_answer import object_in

REASONS = {
    "same_task": "The judge finds the question to be a benchmark's problem under other words.",
    "no_verdict": "The judge's answer on a problem that is near cannot be read.",
}

SAME_TASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    # What differs comes first: a verdict that follows its reason is the better one.
    "properties": {
        "difference": {"type": "string", "maxLength": 300},
        "same_task": {"type": "boolean"},
    },
    "required": ["difference", "same_task"],
    "additionalProperties": False,
}
"""What guided decoding holds the judge to."""

_BLOCK = 256  # questions compared at a time: their cosines with 15,000 problems are 15 MB
_LONGEST = 8000  # characters of a problem that the judge is shown
_DIGITS = 4  # of a cosine: vectors differ in later ones from machine to machine

Vectors = NDArray[np.float32]


class SemanticSettings(BaseModel):
    """Which model's vectors propose problems, and how the judge is asked about them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # of sentence-transformers: a name on the Hub, `NAME@COMMIT`, or a folder
    model: str = Field(min_length=1)
    # Cosine from which the judge is asked. Lower finds more, at more questions to the judge.
    threshold: float = Field(default=0.6, gt=0, le=1)
    # Problems that the judge is asked about, nearest first: the right one is rarely further down.
    candidates: int = Field(default=3, ge=1, le=20)
    sampling: Sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=256)  # no dice in it
    tries: int = Field(default=2, ge=1, le=10)  # an answer that says neither is asked again


@dataclass(frozen=True, slots=True)
class Problem:
    """An item of a benchmark, as the judge is shown it."""

    benchmark: str
    item: str
    prompt: str


@dataclass(frozen=True, slots=True)
class KnownProblems:
    """All items of some benchmarks with their vectors, each of length 1.

    Those of problem `n` are the rows of `vectors` from `begins[n]` to the next one's begin.
    """

    problems: tuple[Problem, ...]
    vectors: Vectors
    begins: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A problem that is near to a question, and the cosine of their vectors."""

    problem: Problem
    cosine: float


def known_problems(benchmarks: Iterable[Benchmark], embed: Embed) -> KnownProblems:
    """The items of `benchmarks`: a vector of the prompt, and one of its description in words."""
    problems: list[Problem] = []
    texts: list[str] = []
    begins: list[int] = []
    for benchmark in benchmarks:
        for item in benchmark.items:
            its = [text for text in (item.prompt, description(item.prompt)) if text.strip()]
            if its:
                problems.append(Problem(benchmark.name, item.id, item.prompt))
                begins.append(len(texts))
                texts += its
    return KnownProblems(tuple(problems), _units(texts, embed), np.array(begins, np.int64))


def _units(texts: Sequence[str], embed: Embed) -> Vectors:
    """The vectors of `texts` at length 1; `ServiceError` where they are not vectors of numbers."""
    if not texts:
        return np.zeros((0, 1), np.float32)
    found = np.asarray(embed(texts), np.float32)
    if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
        raise ServiceError(
            f"The embedding model gave no vector of numbers for each of {len(texts)} texts. "
            "Name another model in decontaminate.semantic.model."
        )
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    units: Vectors = np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)
    return units


def nearest(
    questions: Sequence[str], known: KnownProblems, embed: Embed, settings: SemanticSettings
) -> list[list[Candidate]]:
    """Of each question the problems at or above the threshold, the nearest first, at most so many.

    Of problems that are equally near, the first in the order of benchmarks and items comes first.
    """
    if not known.problems:
        return [[] for _ in questions]
    return [
        [Candidate(known.problems[number], cosine) for number, cosine in near]
        for block in _blocks(questions)
        for near in _near(_units(block, embed), known, settings)
    ]


def _blocks(questions: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(questions), _BLOCK):
        yield questions[start : start + _BLOCK]


def _near(
    vectors: Vectors, known: KnownProblems, settings: SemanticSettings
) -> Iterator[list[tuple[int, float]]]:
    """For each of `vectors` the numbers of the nearest problems and their cosines."""
    cosines = np.maximum.reduceat(vectors @ known.vectors.T, known.begins, axis=1)
    rounded = np.round(cosines.astype(np.float64), _DIGITS)
    for its in rounded:
        near = np.flatnonzero(its >= settings.threshold)
        order = near[np.argsort(-its[near], kind="stable")][: settings.candidates]
        yield [(int(number), float(its[number])) for number in order]


async def paraphrase(
    row: Row,
    candidates: Sequence[Candidate],
    ask: Ask,
    prompts: Prompts,
    settings: SemanticSettings,
    *,
    seed: int,
) -> Outcome:
    """Drop `row` as `same_task` if the judge finds its question to be one of `candidates`.

    The column `same_task` has every verdict, in the order of `candidates`, up to the first that is
    true. Dropped as `no_verdict` where an answer says neither: it never passes as clean.
    """
    verdicts: list[dict[str, Any]] = []
    for candidate in candidates:
        request = _request(row, candidate.problem, prompts, settings, seed)
        reading = await ask_until_read(ask, request, read_verdict, tries=settings.tries)
        row = with_cost(row, reading.answers)
        if isinstance(reading.value, Unreadable):
            told = f"{_told(candidate)}: {reading.value.reason}: {reading.value.evidence}"
            return Dropped({**row, "same_task": verdicts}, "no_verdict", told)
        verdicts.append(
            {
                "benchmark": candidate.problem.benchmark,
                "item": candidate.problem.item,
                "cosine": candidate.cosine,
                **reading.value,
                "judge_model": reading.answer.model,
                "embedding_model": settings.model,
            }
        )
        if reading.value["same_task"]:
            told = f"{_told(candidate)}: {reading.value['difference']}"
            return Dropped({**row, "same_task": verdicts}, "same_task", told)
    return Kept({**row, "same_task": verdicts})


def _request(
    row: Row, problem: Problem, prompts: Prompts, settings: SemanticSettings, seed: int
) -> Request:
    known = problem.prompt[:_LONGEST]
    return Request(
        role="judge",
        messages=prompts.render("same_task", question=row["input"], known=known),
        sampling=settings.sampling,
        seed=seed_of(seed, "same_task", row["id"], problem.benchmark, problem.item),
        schema=SAME_TASK_SCHEMA,
    )


def _told(candidate: Candidate) -> str:
    problem = candidate.problem
    return f"{problem.benchmark} {problem.item} (cosine {candidate.cosine:.2f})"


def read_verdict(text: str) -> dict[str, Any] | Unreadable:
    """The verdict in the answer `text`: `same_task`, true or false and nothing like it."""
    found = object_in(text)
    same = found.get("same_task") if found is not None else None
    if found is None or not isinstance(same, bool):
        return Unreadable("no_verdict", text[:EVIDENCE])
    difference = found.get("difference")
    said = difference.strip()[:EVIDENCE] if isinstance(difference, str) else ""
    return {"difference": said, "same_task": same}
