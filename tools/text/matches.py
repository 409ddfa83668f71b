"""Which rows hold which parts of benchmarks, by which detector, how much of them and where.

`ngrams`: long runs of words. `containment`: the part's words in their order, whether or not some
were changed. `code`: the tokens of a solution, whatever its names. What a run of words counts
depends on the rows: in `Background` stands how many have it that are no copies.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.alignment import Measured, align, measure
from opencodeinstruct.tools.text.benchmark_index import (
    PROSE,
    BenchmarkIndex,
    RunIndex,
    runs_of_code,
    runs_of_words,
    words_in,
)
from opencodeinstruct.tools.text.code_tokens import code_tokens
from opencodeinstruct.tools.text.overlap import (
    Candidates,
    Places,
    Weights,
    candidates,
    count_background,
)
from opencodeinstruct.tools.text.shingles import Grams
from opencodeinstruct.tools.text.tokens import Tokens

DETECTORS = ("ngrams", "containment", "code")

_LEAST_SHARE = 0.12  # of a part's runs; below that no detector comes near its threshold
_LEAST_CODE = 0.3
_LEAST_WEIGHT = 8.0  # or this many telling runs: a piece of a long part
_FEWEST_ROWS = 1000  # fewer say little about what is common
_LITTLE_ELSE = 0.8  # of a row's tokens are the part's: then the row is the part
_NEARLY_ALL = 0.9
_PERFECT = 0.97  # a text of few words is known by all of them in a row
_EVIDENCE_OF_PERFECT = 0.6
_LONG_WEIGHT = 20.0  # long runs of this weight are no accident, however long the part


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score a match counts, and how much evidence it takes: telling words, about.

    For solutions and tests, which share idioms, `code_containment` stands for `containment`, and
    twice the share of long runs is needed.
    """

    ngram_words: int
    ngrams: float
    containment: float
    code_containment: float
    code: float
    evidence: float


@dataclass(slots=True)
class Background:
    """How many of `rows` rows hold each run of the index, likely copies left out."""

    words: Places
    code: Places
    rows: int = 0


class Weighed(NamedTuple):
    """The weight of each run, their sum for each part, and the weight of each token of a part."""

    weights: Weights
    totals: Weights
    tokens: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scales:
    """An index and what its runs weigh against a background."""

    index: BenchmarkIndex
    words: Weighed
    code: Weighed


class Match(NamedTuple):
    """A row's text and a part; `counts`: by its detector's threshold the row holds the part.

    `begin`, `end`: the bytes of the text from the first to past the last token that agrees.
    """

    row: int
    part: int
    detector: str
    score: float
    counts: bool
    begin: int
    end: int


def empty_background(index: BenchmarkIndex) -> Background:
    """The background of no rows."""
    return Background(
        np.zeros(len(index.words.telling), np.int64), np.zeros(len(index.code.telling), np.int64)
    )


def add_to_background(
    background: Background, texts: pa.Array | pa.ChunkedArray, index: BenchmarkIndex
) -> None:
    """Count the rows of `texts`, which is one column."""
    background.rows += len(texts)
    for run_index, counts, grams in (
        (index.words, background.words, runs_of_words(words_in(texts))),
        (index.code, background.code, runs_of_code(code_tokens(texts))),
    ):
        count_background(grams, run_index.parts, run_index.distinct, counts)


def _weighed(index: RunIndex, counts: Places, rows: int) -> Weighed:
    usual = np.log1p(counts) / np.log1p(max(rows, _FEWEST_ROWS))
    weights = np.maximum(index.telling * (1 - np.minimum(usual, 1)) ** 2, 0.01)
    parts = index.parts
    sums = np.add.reduceat(
        np.append(weights[_holders(parts.holder_offsets, parts.holders)], 0.0),
        _starts(parts.holders, len(index.numbers)),
    )
    present = np.bincount(parts.holders, minlength=len(index.numbers)) > 0
    return Weighed(weights, np.where(present, sums, 1.0), _token_weights(index, weights))


def _holders(offsets: Places, holders: Places) -> Places:
    """The run of each holder, in the order of parts."""
    runs = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return np.asarray(runs[np.argsort(holders, kind="stable")], np.int64)


def _starts(holders: Places, parts: int) -> Places:
    """Where each part's runs begin among all, sorted by part."""
    counts = np.bincount(holders, minlength=parts)
    return np.asarray(np.cumsum(counts) - counts, np.int64)


def _token_weights(index: RunIndex, weights: Weights) -> NDArray[np.float32]:
    """A token weighs what the runs over it weigh on average; 0.01 where there is none.

    A run that a part repeats counts once: five calls of one function say no more than one does.
    """
    parts = index.parts
    _, inverse, repeats = np.unique(
        np.stack(
            [np.repeat(np.arange(len(index.numbers)), np.diff(parts.run_offsets)), parts.runs]
        ),
        axis=1,
        return_inverse=True,
        return_counts=True,
    )
    its = np.where(parts.runs >= 0, weights[parts.runs], 0) / repeats[inverse.reshape(-1)]
    total, count = np.zeros(len(parts.hashes)), np.zeros(len(parts.hashes))
    starts = np.arange(len(parts.runs)) + np.repeat(
        parts.token_offsets[:-1] - parts.run_offsets[:-1], np.diff(parts.run_offsets)
    )
    for place in range(index.size):
        total[starts + place] += its
        count[starts + place] += 1
    return np.maximum(total / np.maximum(count, 1), 0.01).astype(np.float32)


def scales_of(index: BenchmarkIndex, background: Background) -> Scales:
    """What the runs of `index` weigh where `background` is what rows usually say."""
    return Scales(
        index,
        _weighed(index.words, background.words, background.rows),
        _weighed(index.code, background.code, background.rows),
    )


def find_matches(
    texts: pa.Array | pa.ChunkedArray, scales: Scales, thresholds: Thresholds
) -> list[Match]:
    """The matches of each text, rows ascending; those that do not count are the near ones."""
    words = words_in(texts)
    found = _matches_of_words(words, scales, thresholds) + _tiny(words, scales.index)
    found += _matches_of_code(code_tokens(texts), scales, thresholds)
    return sorted(found, key=lambda match: (match.row, match.part, match.detector))


def _whole(measured: Measured) -> NDArray[np.bool_]:
    """Whether the row is the part and little else."""
    return (measured.score >= _NEARLY_ALL) & (
        measured.part_tokens >= _LITTLE_ELSE * measured.row_tokens
    )


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for, and of how much of a part a row must hold the runs to be measured."""

    index: RunIndex
    weighed: Weighed
    share: float
    weight: float
    long: int

    def among(self, of: Tokens, grams: Grams) -> tuple[Candidates, Measured]:
        """The rows and parts that come near each other, measured; `grams` are the runs of `of`."""
        parts, weights = self.index.parts, self.weighed.weights
        totals, share, weight = self.weighed.totals, self.share, self.weight
        pairs = candidates(grams, parts, weights, totals, share=share, weight=weight)
        tokens, size = self.weighed.tokens, self.index.size
        found = measure(pairs, of, grams, parts, weights, tokens, size=size, long=self.long)
        return pairs, found


def _matches_of_words(of: Tokens, scales: Scales, limits: Thresholds) -> list[Match]:
    index = scales.index.words
    looked_for = _Search(index, scales.words, _LEAST_SHARE, _LEAST_WEIGHT, limits.ngram_words)
    pairs, found = looked_for.among(of, runs_of_words(of))
    numbers = index.numbers[pairs.parts]
    prose = np.array([part.kind in PROSE for part in scales.index.parts], np.bool_)[numbers]
    least = np.where(prose, limits.containment, limits.code_containment)
    whole = _whole(found)
    enough = found.score * found.total >= limits.evidence * np.where(
        found.score >= _PERFECT, _EVIDENCE_OF_PERFECT, 1
    )
    contained = whole | ((found.score >= least) & enough)
    short = found.part_tokens < limits.ngram_words
    most = np.minimum(np.where(prose, limits.ngrams, 2 * limits.ngrams), 1)
    runs = (found.run_score >= most) & (found.run_total >= limits.evidence / 2)
    runs |= found.run_total >= _LONG_WEIGHT
    score = np.where(short, np.where(whole, found.score, 0), found.run_score)
    return [
        *_listed("ngrams", score, np.where(short, whole, runs), pairs.rows, numbers, found, of),
        *_listed("containment", found.score, contained, pairs.rows, numbers, found, of),
    ]


def _matches_of_code(of: Tokens, scales: Scales, limits: Thresholds) -> list[Match]:
    index = scales.index.code
    looked_for = _Search(index, scales.code, _LEAST_CODE, np.inf, long=0)
    pairs, found = looked_for.among(of, runs_of_code(of))
    enough = found.score * found.total >= limits.evidence
    counts = (found.score >= limits.code) & enough
    return _listed("code", found.score, counts, pairs.rows, index.numbers[pairs.parts], found, of)


def _listed(
    detector: str,
    scores: Weights,
    counts: NDArray[np.bool_],
    rows: Places,
    parts: Places,
    found: Measured,
    of: Tokens,
) -> list[Match]:
    listed = []
    for at in np.flatnonzero(scores > 0).tolist():
        row = int(rows[at])
        first, last = of.offsets[row] + found.begins[at], of.offsets[row] + found.ends[at]
        if first < last:
            begin, end = int(of.starts[first]), int(of.ends[last - 1])
            score = min(float(scores[at]), 1.0)
            listed.append(Match(row, int(parts[at]), detector, score, bool(counts[at]), begin, end))
    return listed


def _tiny(of: Tokens, index: BenchmarkIndex) -> list[Match]:
    """Parts of too few words for a run: a copy only where they are all of a text."""
    parts, size = index.words.parts, index.words.size
    counts = np.diff(parts.token_offsets)
    known: dict[bytes, list[int]] = {}
    for number in np.flatnonzero((counts < size) & (counts > 0)).tolist():
        own = parts.hashes[parts.token_offsets[number] : parts.token_offsets[number + 1]]
        known.setdefault(own.tobytes(), []).append(int(index.words.numbers[number]))
    found: list[Match] = []
    for row in np.flatnonzero(np.diff(of.offsets) < size).tolist() if known else []:
        first, last = of.offsets[row], of.offsets[row + 1]
        for part in known.get(of.hashes[first:last].tobytes(), ()):
            begin, end = int(of.starts[first]), int(of.ends[last - 1])
            found += [Match(row, part, name, 1.0, True, begin, end) for name in DETECTORS[:2]]
    return found


def common_words(text: str, part: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where the words stand on which `text` and `part` agree, in the bytes of each."""
    own, other = (words_in(pa.array([one.encode("utf-8", "replace")])) for one in (part, text))
    places = align(own.hashes, other.hashes, np.ones(len(own.hashes), np.float32))
    mine = np.flatnonzero(places >= 0)
    its = places[mine]
    return (
        list(zip(other.starts[its].tolist(), other.ends[its].tolist(), strict=True)),
        list(zip(own.starts[mine].tolist(), own.ends[mine].tolist(), strict=True)),
    )
