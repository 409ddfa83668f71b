"""Screen newborn questions against the population: no copies, no paraphrases of a parent."""

from collections.abc import Sequence
from itertools import pairwise

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row

TOO_CLOSE = 0.85
"""A child with more than this share of its word pairs taken from one parent only repeats it."""


def screen(children: Sequence[Outcome], population: Sequence[Row]) -> list[Outcome]:
    """`children` in order, those dropped that repeat a question alive, an elder or a parent."""
    alive = {row["id"] for row in population}
    by_id = {row["id"]: row for row in population}
    screened: list[Outcome] = []
    for outcome in children:
        judged = _judged(outcome, alive, by_id) if isinstance(outcome, Kept) else outcome
        if isinstance(judged, Kept):
            alive.add(judged.row["id"])
        screened.append(judged)
    return screened


def _judged(child: Kept, alive: set[str], by_id: dict[str, Row]) -> Outcome:
    if child.row["id"] in alive:
        return Dropped(child.row, "repeats_a_question", child.row["id"])
    for parent_id in child.row["parent_ids"]:
        share = shared_words(child.row["input"], by_id[parent_id]["input"])
        if share > TOO_CLOSE:
            return Dropped(
                child.row, "too_close_to_parent", f"{parent_id}: {share:.2f} of its words"
            )
    return child


def shared_words(child: str, parent: str) -> float:
    """Share, 0..1, of the pairs of neighbouring words of `child`'s problem that `parent` has."""
    own, other = _word_pairs(child), _word_pairs(parent)
    return len(own & other) / len(own) if own else 1.0


def _word_pairs(text: str) -> set[tuple[str, str]]:
    words = text.rsplit("\n\nSignature:", 1)[0].lower().split()
    return set(pairwise(words))
