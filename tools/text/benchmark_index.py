"""The texts of benchmarks as runs of tokens, to find in many rows at once what they share.

Prompt, the prompt's description in words, solution and tests are parts of their own. All parts are
read as words; solutions are read as code, too. A run counts by how telling it is: less the more
problems of its benchmark have it, little if it is made of numbers or of the words in which every
exercise is put ("function that takes a string as input and returns the").
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from opencodeinstruct.tools.text.benchmark import Benchmark, Item, description
from opencodeinstruct.tools.text.code_tokens import code_tokens
from opencodeinstruct.tools.text.distinct import distinct
from opencodeinstruct.tools.text.overlap import Parts, Places, Weights
from opencodeinstruct.tools.text.run_table import erased_runs, table_of_runs
from opencodeinstruct.tools.text.shingles import Grams, ngrams
from opencodeinstruct.tools.text.tokens import Tokens, tokens

PROSE = ("prompt", "description")
"""The kinds of parts that are told in words; the others, `solution` and `tests`, are code."""

WORD_RUN = 3  # short enough to survive one word in five replaced
CODE_RUN = 8  # tokens: shorter ones are idioms
_MOST_TOKENS = 1500  # of a part; tests of competitions hold megabytes of input
_DULL = 0.25  # what a run of mere numbers or phrasing counts
_PHRASING = """
a an and any are array arrays as be by called check create define each element elements false for
from function given has if implement in input inputs integer integers into is it list lists method
named new number numbers of on one or output parameter parameters program python return returning
returns should string strings take takes that the this to true two value values where which with
write
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One text of an item; `kind` is `prompt`, `description`, `solution` or `tests`."""

    benchmark: int
    item: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class RunIndex:
    """Parts as runs of `size` tokens. `numbers`: their places in `BenchmarkIndex.parts`.

    `telling`: what each run counts before any row was seen, above 0 and at most 1. `distinct`: the
    number of distinct runs of each part.
    """

    size: int
    numbers: Places
    parts: Parts
    telling: Weights
    distinct: Weights


@dataclass(frozen=True, slots=True)
class BenchmarkIndex:
    """What `index_benchmarks` built; picklable. `items` are ids, `parts` those of all items."""

    names: tuple[str, ...]
    items: tuple[tuple[str, ...], ...]
    parts: tuple[Part, ...]
    words: RunIndex
    code: RunIndex


def words_in(strings: pa.Array | pa.ChunkedArray) -> Tokens:
    """The words of each row, without operators and whatever the case of letters within a word."""
    return tokens(strings, operators=False, split_case=False)


def runs_of_words(of: Tokens) -> Grams:
    """The runs of words that an index of words knows."""
    return ngrams(of, WORD_RUN)


def runs_of_code(of: Tokens) -> Grams:
    """The runs of code tokens that an index of code knows."""
    return erased_runs(of, CODE_RUN)


def _parts_of(benchmark: int, number: int, item: Item) -> list[Part]:
    """The parts of an item that have any text; equal ones once."""
    texts = {
        "prompt": item.prompt,
        "description": description(item.prompt),
        "solution": item.solution,
        "tests": item.tests,
    }
    found: dict[str, Part] = {}
    for kind, text in texts.items():
        plain = text.strip()
        if plain and plain not in found:
            found[plain] = Part(benchmark, number, kind, text)
    return list(found.values())


def _cut(of: Tokens) -> Tokens:
    """`of` with at most so many tokens of each row."""
    counts = np.minimum(np.diff(of.offsets), _MOST_TOKENS)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    places = np.arange(int(offsets[-1])) + np.repeat(of.offsets[:-1] - offsets[:-1], counts)
    return Tokens(of.hashes[places], of.starts[places], of.ends[places], offsets)


def _ranges(offsets: Places) -> NDArray[np.int64]:
    """For each element the number of the range of `offsets` it lies in."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _indexed(known: Grams, of: Tokens, size: int, numbers: Places) -> tuple[Parts, Weights]:
    """The parts by their runs, and each part's number of distinct ones."""
    known_runs = distinct(known.hashes[known.hashes != 0])
    runs = np.searchsorted(known_runs, known.hashes).astype(np.int32)
    runs[known.hashes == 0] = -1
    pairs = np.unique(np.stack([runs, _ranges(known.offsets)]), axis=1)
    pairs = pairs[:, pairs[0] >= 0]
    holders = np.searchsorted(pairs[0], np.arange(len(known_runs) + 1))
    parts = Parts(
        table_of_runs(known_runs),
        holders.astype(np.int64),
        pairs[1].astype(np.int64),
        runs,
        known.offsets,
        of.hashes,
        of.offsets,
    )
    return parts, np.maximum(np.bincount(pairs[1], minlength=len(numbers)), 1).astype(np.float64)


def _rarity(parts: Parts, benchmark_of: Places, problem_of: Places) -> Weights:
    """For each run 1 where one problem has it, less the more have it, by its most usual benchmark.

    Items with the same prompt are one problem.
    """
    runs = _ranges(parts.holder_offsets)
    triples = np.stack([runs, benchmark_of[parts.holders], problem_of[parts.holders]])
    problems = np.unique(triples, axis=1)
    pairs, having = np.unique(problems[:2], axis=1, return_counts=True)
    sizes = np.bincount(np.unique(np.stack([benchmark_of, problem_of]), axis=1)[0], minlength=1)
    rarity = 1 - np.log(having) / np.log1p(np.maximum(sizes, 2))[pairs[1]]
    found = np.ones(len(parts.holder_offsets) - 1, np.float64)
    np.minimum.at(found, pairs[0], rarity)
    return found


def _dull(of: Tokens, texts: Sequence[bytes], size: int, parts: Parts) -> NDArray[np.bool_]:
    """Whether each run is made of numbers and phrasing alone."""
    begins = np.cumsum([0, *map(len, texts)])[:-1]
    data = np.frombuffer(b"".join(texts) + b" ", np.uint8)
    first = data[of.starts + np.repeat(begins, np.diff(of.offsets))]
    phrasing = words_in(pa.array(_PHRASING.split())).hashes
    said = np.cumsum([0, *(((first >= 48) & (first <= 57)) | np.isin(of.hashes, phrasing))])
    starts = np.arange(len(parts.runs)) + np.repeat(
        parts.token_offsets[:-1] - parts.run_offsets[:-1], np.diff(parts.run_offsets)
    )
    dull = np.zeros(len(parts.holder_offsets) - 1, np.bool_)
    dull[parts.runs] = said[starts + size] - said[starts] == size
    return dull


def _problems(parts: Sequence[Part]) -> tuple[Places, Places]:
    """Of each part its benchmark and its problem; items with the same prompt are one problem."""
    prompts = {(p.benchmark, p.item): p.text for p in parts if p.kind == "prompt"}
    seen: dict[tuple[int, str], int] = {}
    problems = [
        seen.setdefault((p.benchmark, prompts.get((p.benchmark, p.item), "")), len(seen))
        for p in parts
    ]
    return np.array([p.benchmark for p in parts], np.int64), np.array(problems, np.int64)


def _index(
    parts: Sequence[Part],
    kinds: Sequence[str],
    read: Callable[[pa.Array], Tokens],
    runs: Callable[[Tokens], Grams],
    size: int,
) -> RunIndex:
    numbers = np.array([n for n, part in enumerate(parts) if part.kind in kinds], np.int64)
    texts = [parts[number].text.encode("utf-8", "replace") for number in numbers]
    of = _cut(read(pa.array(texts, pa.binary())))
    indexed, distinct = _indexed(runs(of), of, size, numbers)
    benchmarks, problems = _problems(parts)
    telling = _rarity(indexed, benchmarks[numbers], problems[numbers])
    if size == WORD_RUN:
        telling = np.where(_dull(of, texts, size, indexed), _DULL * telling, telling)
    return RunIndex(size, numbers, indexed, np.maximum(telling, 0.01), distinct)


def index_benchmarks(benchmarks: Iterable[Benchmark]) -> BenchmarkIndex:
    """The index of all items of `benchmarks`."""
    known = tuple(benchmarks)
    parts = [
        part
        for number, benchmark in enumerate(known)
        for place, item in enumerate(benchmark.items)
        for part in _parts_of(number, place, item)
    ]
    kinds = (*PROSE, "solution", "tests")
    return BenchmarkIndex(
        names=tuple(benchmark.name for benchmark in known),
        items=tuple(tuple(item.id for item in benchmark.items) for benchmark in known),
        parts=tuple(parts),
        words=_index(parts, kinds, words_in, runs_of_words, WORD_RUN),
        code=_index(parts, ("solution",), code_tokens, runs_of_code, CODE_RUN),
    )
