"""Keep one of each group of questions that say the same.

Exact: equal after Unicode compatibility form, lower-casing and white space. Near: the word
shingles of two questions have a Jaccard similarity of at least the threshold; MinHash only proposes
pairs, each is then measured. A row is compared with the rows that are kept and with no other, so a
chain of small edits does not melt into one row. The first in input order is the one that stays.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.text.minhash import band_keys, meeting, signatures
from opencodeinstruct.tools.text.ngrams import Hashes, WordHashes, hash_of, jaccards, shingles
from opencodeinstruct.tools.text.words import normalised, tokens_of

REASONS = {
    "exact_duplicate": "An earlier kept question is the same but for case and white space.",
    "near_duplicate": "An earlier kept question shares most of its runs of words.",
}


_FEW = 8  # candidates measured at first: mostly the first one is the twin


class DedupSettings(BaseModel):
    """How alike two questions may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(default="input", min_length=1)  # solutions of two questions may agree
    ngram_words: int = Field(default=5, ge=1, le=64)  # the usual shingle of text deduplication
    threshold: float = Field(default=0.7, gt=0, le=1)  # MinHash practice of The Stack
    bands: int = Field(default=25, ge=1, le=256)  # 25 x 5 finds 99% at 0.7; 16 x 8 finds 60%
    band_rows: int = Field(default=5, ge=1, le=64)


@dataclass(slots=True)
class _KeptTexts:
    """The kept rows, to be found again by text and by band."""

    exact: dict[int, int] = field(default_factory=dict)
    banded: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: int, text: int, keys: Sequence[int]) -> None:
        self.exact[text] = row
        for band, key in enumerate(keys):
            if key:
                self.banded[band, key].append(row)

    def near(self, keys: Sequence[int]) -> list[int]:
        """The kept rows that share a band, in input order."""
        found: set[int] = set()
        for band, key in enumerate(keys):
            if key:
                found.update(self.banded.get((band, key), ()))
        return sorted(found)


def _texts(table: pa.Table, column: str) -> list[str | None]:
    if column not in table.column_names:
        return [None] * table.num_rows
    return list(table.column(column).to_pylist())


def _name(table: pa.Table, row: int) -> str:
    named = table.column("id")[row].as_py() if "id" in table.column_names else None
    return str(named) if named else f"row {row}"


@dataclass(frozen=True, slots=True)
class _Alike:
    row: int
    similarity: float


@dataclass(frozen=True, slots=True)
class _Measure:
    """The shingles and signatures of all texts, and how alike is too alike."""

    sets: Sequence[Hashes]
    signed: Hashes
    threshold: float

    def likely(self, own: int, others: Sequence[int]) -> list[int]:
        """`others` but for those whose signatures rule it out, by five standard deviations."""
        if len(others) <= _FEW:
            return list(others)
        rows = np.array(others)
        estimate = (self.signed[rows] == self.signed[own]).mean(axis=1)
        spread = math.sqrt(self.threshold * (1 - self.threshold) / self.signed.shape[1])
        return [int(row) for row in rows[estimate >= self.threshold - 5 * spread]]

    def first(self, own: int, others: Sequence[int]) -> _Alike | None:
        """The first of `others` that is too like `own`; each is measured, none is guessed."""
        start, size = 0, _FEW
        likely = self.likely(own, others)
        while start < len(likely):
            block = likely[start : start + size]
            found = jaccards(self.sets[own], [self.sets[row] for row in block])
            alike = np.flatnonzero(found >= self.threshold)
            if len(alike):
                return _Alike(block[int(alike[0])], float(found[alike[0]]))
            start, size = start + size, 4 * size
        return None


def dedup(table: pa.Table, settings: DedupSettings) -> Verdicts:
    """Drop each row whose text repeats that of an earlier kept row.

    The evidence names the kept row and their similarity. Rows without text (null) are kept; a text
    of fewer words than a shingle only equals itself. The result does not depend on chance.
    """
    texts = _texts(table, settings.column)
    present = [row for row, text in enumerate(texts) if text is not None]
    whole = [normalised(text) for text in texts if text is not None]
    hashes = WordHashes()
    sets = [
        shingles(tokens_of(texts[row] or ""), text, settings.ngram_words, hashes)
        for row, text in zip(present, whole, strict=True)
    ]
    signed = signatures(sets, settings.bands * settings.band_rows)
    keys = meeting(band_keys(signed, settings.bands)).tolist()
    measure = _Measure(sets, signed, settings.threshold)
    kept = _KeptTexts()
    reasons: list[str | None] = [None] * len(texts)
    evidence: list[str | None] = [None] * len(texts)
    for place, row in enumerate(present):
        text = hash_of(whole[place])
        same = kept.exact.get(text)
        if same is not None:
            reasons[row], alike = "exact_duplicate", _Alike(same, 1.0)
        elif (near := measure.first(place, kept.near(keys[place]))) is not None:
            reasons[row], alike = "near_duplicate", near
        else:
            kept.add(place, text, keys[place])
            continue
        evidence[row] = f"{_name(table, present[alike.row])} {alike.similarity:.3f}"
    return Verdicts(
        reasons=pa.array(reasons, pa.string()).dictionary_encode(),
        evidence=pa.array(evidence, pa.string()),
    )
