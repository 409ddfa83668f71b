"""Screen newborn questions at once: no faulty ones, no copies, no paraphrases of a parent.

The cheap screens come first; a solver is paid for none that fails one of them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row, Verdicts
from opencodeinstruct.tools.stages.question import problem_of
from opencodeinstruct.tools.text.near_index import NearIndex, Signed
from opencodeinstruct.tools.text.python_code import parse_signature
from opencodeinstruct.tools.text.said_types import empty_of_nothing
from opencodeinstruct.tools.text.words import shared_pairs, words_of

Decide = Callable[[pa.Table], Verdicts]
"""A column stage with its settings: `clean`, or `decontaminate` with the benchmarks' index."""


class ScreenSettings(BaseModel):
    """How near a newborn question may come to others, and how long it may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # share of its pairs of neighbouring words that one parent has: more only repeats that one
    parent_share: float = Field(default=0.85, gt=0, le=1)
    # words that say something and that no parent has; fewer and it only says the same otherwise
    new_words: int = Field(default=2, ge=0, le=100)
    # a mutation with a smaller share of its parent's words has lost what that says; a short parent,
    # of at most `short` words, can be told in few
    least_of_parent: float = Field(default=0.4, ge=0, le=1)
    short: int = Field(default=60, ge=0)
    # Jaccard similarity, over runs of three words, to any question alive
    alike: float = Field(default=0.6, gt=0, le=1)
    max_words: int = Field(default=400, ge=10)  # longer and a model has lost its thread


_SHOWN = 200  # characters of evidence
NGRAM_WORDS = 3  # of runs compared: problems are short, and five words of them are seldom equal

_SILENT_WORDS = """
a an the and or of to in on for with by as at from into is are be was were it its this that these
those each every all any some if then else when while where which who whose than so not no only also
must should can may will would have has had do does given takes take returns return returned write
function named called implement create define compute determine argument list lists string strings
integer integers int str float bool number numbers value values program programs read reads print
prints line one first second their there they them you your problem example new input output
"""
_SILENT = frozenset(_SILENT_WORDS.split())


# A rule that is spoken of and not given: "each letter stands for a specific sequence of letters".
_LEFT_OPEN = re.compile(
    r"\b(?:a|an|some|any|in|by|to|the|on) (?:specific|certain|particular|predefined|predetermined) "
    r"(?:set of )?(?:sequence|rule|format|order|way|manner|pattern|criteri(?:on|a)|condition|"
    r"mapping|algorithm|formula|requirement|transformation)s?\b(?![^.\n]{0,40}:)"
    # "Replace every blank.": by what?
    r"|\breplaces? (?:every|each|all|any)\b(?![^.;]*\b(?:with|by|to|into|for|using)\b)[^.;]*",
    re.IGNORECASE,
)


# A text that says what something is and asks for nothing: "A move is a string of two letters."
_ASKS = re.compile(
    r"\b(?:write|implement|create|construct|define|design|develop|build|make|provide|complete|finish|"
    r"fix|correct|repair|rewrite|refactor|extend|change|modify|transform|add|compute|calculate|"
    r"determine|find|retrieve|filter|check|decide|convert|parse|generate|simulate|print|return|yield|"
    r"raise|output|recite|pick|choose|produce|express|reverse|remove|replace|merge)(?:s|es)?\b"
    r"|\b(?:implementing|function|method|how (?:many|much|do|can|to)|what|your task|given)\b"
    # these are things as well: "a list of moves"
    r"|(?:^|[.!?:;,]\s+|\b(?:to|and|then|your|must|should|please)\s+)"
    r"(?:count|sort|class|program|join|split|sum|list|tell|say|which|order|rank|group)\b",
    re.IGNORECASE | re.MULTILINE,
)
# What is said of input that hardly matters is not what is asked: "an empty string returns 0".
_AN_ASIDE = re.compile(
    r"(?:\b(?:an?|the|if|for|when|where|on|with)\b[^.!?;,]{0,40})?"
    r"\b(?:empty|blank|invalid|negative|non-positive|None|no (?:input|characters|items|words))\b"
    r"[^.!?;]{0,80}?\b(?:returns?|gives?|yields?|raises?|outputs?|prints?|produces?)\b[^.!?;]*",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Living:
    """The questions alive: their ids, and their texts to compare with; `below` does not change."""

    index: NearIndex = field(default_factory=lambda: NearIndex(NGRAM_WORDS))
    ids: set[str] = field(default_factory=set)
    below: "Living | None" = None

    def grown(self) -> "Living":
        """One that holds what this holds and may grow; this must not change any more."""
        return Living(NearIndex(NGRAM_WORDS, self.index), set(), self)

    def holds(self, name: str) -> bool:
        """Whether the question `name` is alive."""
        return name in self.ids or (self.below is not None and self.below.holds(name))

    def add(self, row: Row, signed: Signed) -> None:
        """From now on `row` is alive."""
        self.ids.add(row["id"])
        self.index.add(row["id"], signed)

    def add_all(self, rows: Sequence[Row]) -> None:
        """From now on `rows` are alive."""
        for row, signed in zip(rows, self.signed(rows), strict=True):
            self.add(row, signed)

    def signed(self, rows: Sequence[Row]) -> list[Signed]:
        """What is compared of each row's question."""
        return self.index.signed([problem_of(row["input"]) for row in rows])


def screen(
    children: Sequence[Outcome],
    parents: dict[str, Row],
    living: Living,
    settings: ScreenSettings,
    decide: Sequence[Decide] = (),
    *,
    before: Living | None = None,
) -> list[Outcome]:
    """`children` in order, those dropped that are faulty or too like one alive or an elder child.

    `living` holds afterwards those that are kept; `parents` are found by id. `before` is what lived
    before the eldest of a generation whose children are screened in several calls: all come out as
    in one.
    """
    screened = [_alone(child, parents, before or living, settings) for child in children]
    for column_stage in decide:
        screened = _decided(screened, column_stage)
    kept = [place for place, child in enumerate(screened) if isinstance(child, Kept)]
    signed = living.signed([screened[place].row for place in kept])
    for place, its in zip(kept, signed, strict=True):
        screened[place] = _among(screened[place].row, its, living, settings)
    return screened


def _among(row: Row, signed: Signed, living: Living, settings: ScreenSettings) -> Outcome:
    """`row` beside all that are alive, to which it is added where it is kept."""
    if living.holds(row["id"]):
        return Dropped(row, "repeats_a_question", row["id"])
    near = living.index.closest(signed)
    if near is not None and near.similarity >= settings.alike:
        return Dropped(row, "too_close_to_living", f"{near.name} {near.similarity:.3f}")
    living.add(row, signed)
    return Kept(row)


def _alone(
    child: Outcome, parents: dict[str, Row], living: Living, settings: ScreenSettings
) -> Outcome:
    """`child` beside its own parents, and what can be said at once."""
    if not isinstance(child, Kept):
        return child
    row = child.row
    if living.holds(row["id"]):
        return Dropped(row, "repeats_a_question", row["id"])
    words = len(row["input"].split())
    if words > settings.max_words:
        return Dropped(row, "too_long", f"{words} words")
    fault = _badly_put(problem_of(row["input"]), row.get("signature"))
    if fault is not None:
        return Dropped(row, *fault)
    elders = [parents[name] for name in row["parent_ids"] if name in parents]
    fault = _beside_elders(row, elders, settings)
    if fault is not None:
        return Dropped(row, *fault)
    return child


def _beside_elders(
    row: Row, elders: Sequence[Row], settings: ScreenSettings
) -> tuple[str, str] | None:
    """The reason and the evidence where `row` repeats a parent, or lost what that said."""
    for elder in elders:
        share = shared_words(row["input"], elder["input"])
        if share > settings.parent_share:
            return "too_close_to_parent", f"{elder['id']}: {share:.2f} of its words"
    shortened = _shortened(row, elders, settings)
    if shortened is not None:
        return "shortened", shortened
    said = new_words(row["input"], [elder["input"] for elder in elders])
    if elders and len(said) < settings.new_words:
        return "paraphrases_parent", f"new words: {' '.join(sorted(said)) or 'none'}"
    return None


def _shortened(row: Row, elders: Sequence[Row], settings: ScreenSettings) -> str | None:
    """How much a mutation leaves out of its one long parent, if it is too much."""
    if len(elders) != 1:
        return None
    own, parents = (len(problem_of(one["input"]).split()) for one in (row, elders[0]))
    if parents <= settings.short or own >= settings.least_of_parent * parents:
        return None
    return f"{own} words for the {parents} of {elders[0]['id']}"


def _badly_put(problem: str, head: str | None) -> tuple[str, str] | None:
    """The reason and the evidence where `problem` cannot be solved as it is put."""
    signature = parse_signature(head) if head else None
    empty = empty_of_nothing(problem, signature) if signature else None
    if empty is not None:
        return "empty_of_nothing", f"{empty}: {head}"
    left_open = _LEFT_OPEN.search(problem)
    if left_open is not None:
        return "left_open", left_open[0]
    asked = _AN_ASIDE.sub(" ", problem)
    if problem.isascii() and _ASKS.search(asked) is None:  # other languages have a rule
        return "asks_nothing", problem[-_SHOWN:]
    return None


def _decided(children: Sequence[Outcome], decide: Decide) -> list[Outcome]:
    """`children`, those dropped that a column stage drops; its columns are left to the stage."""
    rows = [child.row for child in children if isinstance(child, Kept)]
    if not rows:
        return list(children)
    verdicts = decide(table_of(rows, working_schema()))
    evidence = (
        verdicts.evidence.to_pylist() if verdicts.evidence is not None else [None] * len(rows)
    )
    found = iter(zip(verdicts.reasons.to_pylist(), evidence, strict=True))
    decided: list[Outcome] = []
    for child in children:
        reason, said = next(found) if isinstance(child, Kept) else (None, None)
        decided.append(child if reason is None else Dropped(child.row, reason, said or ""))
    return decided


def shared_words(child: str, parent: str) -> float:
    """Share, 0..1, of the pairs of neighbouring words of `child`'s problem that `parent` has."""
    own, other = (problem_of(text).lower().split() for text in (child, parent))
    return shared_pairs(own, other)


def new_words(child: str, parents: Sequence[str]) -> set[str]:
    """The words of `child`'s problem that say something and that none of `parents` has.

    Endings of plural and tense are cut off. What stands in backquotes is known where a parent has
    it, and says nothing new where `child` has it.
    """
    known = {stem for parent in parents for stem in _stems(problem_of(parent))}
    return _stems(_NAME.sub(" ", problem_of(child))) - known


_NAME = re.compile(r"`[A-Za-z_]\w*`")


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in words_of(text) if word not in _SILENT}


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word.removesuffix(ending)
    return word
