"""How much of a part stands in a row, in order and close together: words, or code without names.

Words are aligned: the part's words are found in their order within a window of the row about twice
as long, so that words put in, left out or replaced cost what they are and no more. A word on which
both agree counts only beside another one, or any two texts would share their small words.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.tools.text.compiled import compiled
from opencodeinstruct.tools.text.folding import Hashes
from opencodeinstruct.tools.text.overlap import Candidates, Parts, Places, Weights
from opencodeinstruct.tools.text.run_table import number_of
from opencodeinstruct.tools.text.shingles import Grams
from opencodeinstruct.tools.text.tokens import Tokens

_UP, _LEFT, _BOTH = 0, 1, 2
_DIAGONAL = np.float32(0.01)  # of two equal alignments the one with longer runs


class Measured(NamedTuple):
    """Of each candidate.

    `score` 0..1: the share of the part's weight that stands in the row; `total`: that weight.
    `run_score`, `run_total`: likewise of its long runs. `begins`, `ends`: the row's tokens that
    agree, from the first to past the last. `part_tokens`, `row_tokens`: how many there are.
    """

    score: Weights
    total: Weights
    run_score: Weights
    run_total: Weights
    begins: Places
    ends: Places
    part_tokens: Places
    row_tokens: Places


class _Row(NamedTuple):
    """The tokens and runs of the row at hand, and the weight of what it shares at each place."""

    tokens: Hashes
    grams: Hashes
    hits: Weights


@compiled
def _hits(row: _Row, part: int, parts: Parts, weights: Weights) -> None:
    """Write into `row.hits` the weight of each run that is one of the part's."""
    own = np.sort(parts.runs[parts.run_offsets[part] : parts.run_offsets[part + 1]])
    for place in range(len(row.tokens)):
        row.hits[place] = 0.0
        if place >= len(row.grams):
            continue
        run = number_of(parts.table, row.grams[place])
        if run >= 0:
            slot = np.searchsorted(own, run)
            if slot < len(own) and own[slot] == run:
                row.hits[place] = weights[run]


@compiled
def _window(hits: Weights, size: int) -> tuple[int, int]:
    """The `size` places that hold most weight."""
    size = min(size, len(hits))
    total = hits[:size].sum()
    best, begin = total, 0
    for place in range(size, len(hits)):
        total += hits[place] - hits[place - size]
        if total > best + 1e-9:
            best, begin = total, place - size + 1
    return begin, begin + size


@compiled
def _steps(own: Hashes, other: Hashes, weights: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The steps of the heaviest alignment of `own` and `other`, by how much of each is left."""
    steps = np.zeros((len(own) + 1, len(other) + 1), np.uint8)
    above = np.zeros(len(other) + 1, np.float32)
    here = np.zeros(len(other) + 1, np.float32)
    for i in range(1, len(own) + 1):
        for j in range(1, len(other) + 1):
            best, step = above[j], _UP
            if here[j - 1] > best:
                best, step = here[j - 1], _LEFT
            if own[i - 1] == other[j - 1]:
                both = above[j - 1] + weights[i - 1]
                if steps[i - 1, j - 1] == _BOTH:
                    both += _DIAGONAL
                if both >= best:
                    best, step = both, _BOTH
            here[j], steps[i, j] = best, step
        above, here = here, above
    return steps


@compiled
def align(own: Hashes, other: Hashes, weights: NDArray[np.float32]) -> Places:
    """For each token of `own` its place in `other`, or -1; only those that stand beside another."""
    steps = _steps(own, other, weights)
    places = np.full(len(own), -1, np.int64)
    i, j = len(own), len(other)
    while i > 0 and j > 0:
        if steps[i, j] == _BOTH:
            i, j = i - 1, j - 1
            places[i] = j
        elif steps[i, j] == _UP:
            i -= 1
        else:
            j -= 1
    alone = np.zeros(len(own), np.bool_)
    for place in range(len(own)):
        before = place > 0 and places[place - 1] == places[place] - 1
        after = place + 1 < len(own) and places[place + 1] == places[place] + 1
        alone[place] = not (before or after) and len(own) > 1
    for place in range(len(own)):
        if alone[place]:
            places[place] = -1
    return places


@compiled
def _long_run(numbers: NDArray[np.int32], place: int, count: int) -> np.uint64:
    """A hash of `count` runs in a row; 0 where one of them is none."""
    total = np.uint64(1)
    for each in range(place, place + count):
        if numbers[each] < 0:
            return np.uint64(0)
        total = total * np.uint64(0x9E3779B97F4A7C15) + np.uint64(numbers[each] + 1)
        total ^= total >> np.uint64(29)
    return total


@compiled
def _long_runs(
    row: _Row, part: int, parts: Parts, weights: Weights, count: int
) -> tuple[float, float]:
    """The weight of the part's stretches of `count` runs, and of those that the row has."""
    numbers = parts.runs[parts.run_offsets[part] : parts.run_offsets[part + 1]]
    known = np.empty(len(row.grams), np.int32)
    for place in range(len(row.grams)):
        known[place] = number_of(parts.table, row.grams[place]) if row.hits[place] > 0 else -1
    there = np.empty(max(len(known) - count + 1, 0), np.uint64)
    for place in range(len(there)):
        there[place] = _long_run(known, place, count)
    there = np.sort(there[there != 0])
    total, shared = 0.0, 0.0
    for place in range(len(numbers) - count + 1):
        weight = 0.0
        for each in range(place, place + count):
            weight += weights[numbers[each]] / count if numbers[each] >= 0 else 0.0
        total += weight
        run = _long_run(numbers, place, count)
        slot = np.searchsorted(there, run)
        if run != 0 and slot < len(there) and there[slot] == run:
            shared += weight
    return total, shared


@compiled
def _share_of_words(
    row: _Row, part: int, parts: Parts, token_weights: NDArray[np.float32]
) -> tuple[float, float, int, int]:
    """Score, total, first place and place past the last of the words that agree."""
    own = parts.hashes[parts.token_offsets[part] : parts.token_offsets[part + 1]]
    its = token_weights[parts.token_offsets[part] : parts.token_offsets[part + 1]]
    begin, end = _window(row.hits, 2 * len(own) + 10)
    places = align(own, row.tokens[begin:end], its)
    shared, first, last = 0.0, end, begin
    for place in range(len(own)):
        if places[place] >= 0:
            shared += its[place]
            first = min(first, begin + places[place])
            last = max(last, begin + places[place] + 1)
    total = its.sum()
    return shared / max(total, 1e-9), total, min(first, last), last


@compiled
def _share_of_code(
    row: _Row, part: int, parts: Parts, weights: Weights, size: int
) -> tuple[float, float, int, int]:
    """As `_share_of_words`, of the part's distinct runs of `size` tokens in a window of the row."""
    numbers = np.unique(parts.runs[parts.run_offsets[part] : parts.run_offsets[part + 1]])
    tokens = parts.token_offsets[part + 1] - parts.token_offsets[part]
    begin, end = _window(row.hits, 2 * tokens + 10)
    there = np.zeros(len(numbers), np.bool_)
    first, last = end, begin
    for place in range(begin, min(end, len(row.grams))):
        if row.hits[place] > 0:
            run = number_of(parts.table, row.grams[place])
            there[np.searchsorted(numbers, run)] = True
            first = min(first, place)
            last = max(last, place + size)
    total, shared = 0.0, 0.0
    for place in range(len(numbers)):
        if numbers[place] >= 0:
            total += weights[numbers[place]]
            if there[place]:
                shared += weights[numbers[place]]
    return shared / max(total, 1e-9), total, min(first, last), min(last, len(row.tokens))


@compiled
def _measure(
    pairs: Candidates,
    hashes: Hashes,
    offsets: Places,
    grams: Hashes,
    gram_offsets: Places,
    parts: Parts,
    weights: Weights,
    token_weights: NDArray[np.float32],
    sizes: tuple[int, int],
    out: Measured,
) -> None:
    """`sizes`: tokens of a run, and of a long run; 0 for code."""
    size, long = sizes
    for at in range(len(pairs.rows)):
        row, part = pairs.rows[at], pairs.parts[at]
        tokens = hashes[offsets[row] : offsets[row + 1]]
        of_row = grams[gram_offsets[row] : gram_offsets[row + 1]]
        its = _Row(tokens, of_row, np.empty(len(tokens), np.float64))
        _hits(its, part, parts, weights)
        if long:
            score, total, first, last = _share_of_words(its, part, parts, token_weights)
            all_runs, shared = _long_runs(its, part, parts, weights, long - size + 1)
            out.run_score[at], out.run_total[at] = shared / max(all_runs, 1e-9), shared
        else:
            score, total, first, last = _share_of_code(its, part, parts, weights, size)
        out.score[at], out.total[at], out.begins[at], out.ends[at] = score, total, first, last
        out.part_tokens[at] = parts.token_offsets[part + 1] - parts.token_offsets[part]
        out.row_tokens[at] = len(tokens)


def measure(
    pairs: Candidates,
    of: Tokens,
    grams: Grams,
    parts: Parts,
    weights: Weights,
    token_weights: NDArray[np.float32],
    *,
    size: int,
    long: int,
) -> Measured:
    """Measure each of `pairs` on the rows' tokens `of` and their runs of `size`, `grams`.

    `long` is the number of words of a long run, 0 where the tokens are code.
    """
    count = len(pairs.rows)
    out = Measured(
        score=np.zeros(count),
        total=np.zeros(count),
        run_score=np.zeros(count),
        run_total=np.zeros(count),
        begins=np.zeros(count, np.int64),
        ends=np.zeros(count, np.int64),
        part_tokens=np.zeros(count, np.int64),
        row_tokens=np.zeros(count, np.int64),
    )
    _measure(
        pairs,
        of.hashes,
        of.offsets,
        grams.hashes,
        grams.offsets,
        parts,
        weights,
        token_weights,
        (size, long),
        out,
    )
    return out
