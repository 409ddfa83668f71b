"""What evolution brought forth, counted: sizes, yield and diversity by generation and operation."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from opencodeinstruct.tools.outcome import Row
from opencodeinstruct.tools.run_folder import StageFolder
from opencodeinstruct.tools.stages.question import problem_of
from opencodeinstruct.tools.text.ngrams import WordHashes, jaccards, shingles
from opencodeinstruct.tools.text.words import normalised, words_of

NGRAM = 3  # words of a run: problems are short
SAMPLE = 400  # questions of a group whose nearest neighbour is looked for, from its beginning

_COLUMNS = ["input", "operation", "generation", "spent_prompt_tokens", "spent_output_tokens"]


@dataclass(frozen=True, slots=True)
class Birth:
    """A question of evolution: what became of it (`reason`, None where it lives) and its cost."""

    text: str
    operation: str
    generation: int
    reason: str | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Diversity:
    """How different the texts of a group are.

    `distinct`: different runs of three words over all runs, 0..1. `nearest`: mean of the Jaccard
    similarity of each text to the one most like it, 0..1; None for fewer than two texts.
    """

    distinct: float | None
    nearest: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """The births of one generation or operation."""

    name: str
    born: int
    lived: int
    tokens: int
    reasons: Counter[str]
    diversity: Diversity

    @property
    def share(self) -> float:
        """The yield, 0..1."""
        return self.lived / self.born if self.born else 0.0


def births_of(stage: StageFolder) -> list[Birth]:
    """All questions of a complete stage `evolve`, those from seeds included."""
    return [_birth(row) for row in _rows(stage)]


def _rows(stage: StageFolder) -> Iterator[Row]:
    for number, path in enumerate(stage.parts()):
        for row in stage.read(path).select(_COLUMNS).to_pylist():
            yield {**row, "reject_reason": None}
        rejects = stage.read(stage.rejects(number))
        yield from rejects.select([*_COLUMNS, "reject_reason"]).to_pylist()


def _birth(row: Row) -> Birth:
    tokens = (row["spent_prompt_tokens"] or 0) + (row["spent_output_tokens"] or 0)
    text, operation = str(row["input"] or ""), str(row["operation"])
    return Birth(text, operation, int(row["generation"] or 0), row["reject_reason"], tokens)


def grouped(births: Sequence[Birth], key: Callable[[Birth], str]) -> list[Group]:
    """The groups of `births` that have the same `key`, in its order."""
    found: dict[str, list[Birth]] = {}
    for birth in births:
        found.setdefault(key(birth), []).append(birth)
    return [_group(name, found[name]) for name in sorted(found)]


def _group(name: str, births: Sequence[Birth]) -> Group:
    lived = [birth for birth in births if birth.reason is None]
    reasons = Counter(birth.reason for birth in births if birth.reason)
    tokens = sum(birth.tokens for birth in births)
    texts = [birth.text for birth in lived]
    return Group(name, len(births), len(lived), tokens, reasons, diversity_of(texts))


def diversity_of(texts: Sequence[str]) -> Diversity:
    """How different `texts` are; the lines that give a question's contract do not count."""
    problems = [problem_of(text) for text in texts]
    runs = [run for text in problems for run in _runs(words_of(text))]
    distinct = len(set(runs)) / len(runs) if runs else None
    return Diversity(distinct, _nearest(problems[:SAMPLE]))


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[place:] for place in range(NGRAM)), strict=False)


def _nearest(texts: Sequence[str]) -> float | None:
    if len(texts) < 2:
        return None
    hashes = WordHashes()
    sets = [shingles(words_of(text), normalised(text), NGRAM, hashes) for text in texts]
    best = [
        float(jaccards(one, [other for other in sets if other is not one]).max()) for one in sets
    ]
    return sum(best) / len(best)
