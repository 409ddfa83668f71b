"""Where the runs of words of benchmarks stand, to find them in many rows at once.

Prompt, the prompt's description in words, solution and tests are parts of their own. A long part
is known by its runs of n words; one shorter than that only by all of its words in a row: anywhere
in a text when it is prose of some words, else as the whole of a text (`return x + y` is in many
programs). Runs that several items of one benchmark share say nothing about any of them and are left
out, as are runs of mere numbers and of the words in which every exercise is put ("function that
takes a string as input and returns the"); a part that has no other run is known by all its words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from opencodeinstruct.tools.text.benchmark import Benchmark, Item, description
from opencodeinstruct.tools.text.ngrams import Hashes, WordHashes, hash_together, ngram_hashes
from opencodeinstruct.tools.text.words import words_of

_PROSE = ("prompt", "description")
_ANYWHERE = 5  # fewer words than this are a copy only where they are the whole text
_NUMBERS = 0.7  # "1, 2, 3, 4, 5, 6, 7, 8" is in the examples of unrelated problems
_PHRASING = """
a an and any are array arrays as be by called check create define each element elements false for
from function given has if implement in input inputs integer integers into is it list lists method
named new number numbers of on one or output parameter parameters program python return returning
returns should string strings take takes that the this to true two value values where which with
write
"""
_PHRASING_WORDS = frozenset(_PHRASING.split())


@dataclass(frozen=True, slots=True)
class Part:
    """One text of an item, as words; `grams` is the number of its distinct runs that count."""

    benchmark: int
    item: int
    grams: int
    is_code: bool
    words: tuple[str, ...]


@dataclass(slots=True)
class BenchmarkIndex:
    """What `index_benchmarks` built; picklable and not changed afterwards.

    `holders`: by the hash of a run, the numbers of the parts that have it. `runs`: by number of
    words, the sorted hashes of runs of so many. `wholes`: likewise for whole texts.
    """

    names: tuple[str, ...]
    items: tuple[tuple[str, ...], ...]
    ngram_words: int
    boilerplate_items: int
    parts: list[Part] = field(default_factory=list)
    vocabulary: dict[str, int] = field(default_factory=dict)
    holders: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    wholes: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[int, Hashes] = field(default_factory=dict)


def whole_hash(words: Hashes) -> int:
    """One hash of all `words` in order."""
    return int(hash_together(words[:, None])[0]) if len(words) else 0


def _parts_of(item: Item) -> dict[str, list[str]]:
    """The words of each part that has any, by its kind; equal parts once."""
    texts = {
        "prompt": item.prompt,
        "description": description(item.prompt),
        "solution": item.solution,
        "tests": item.tests,
    }
    parts: dict[str, list[str]] = {}
    for kind, text in texts.items():
        words = words_of(text)
        if words and words not in parts.values():
            parts[kind] = words
    return parts


def _telling(words: Sequence[str], size: int) -> list[bool]:
    """For each run of `size` of `words`, whether it is more than numbers and phrasing."""
    numbers = np.cumsum([0, *(word.isdigit() for word in words)])
    phrasing = np.cumsum([0, *(word in _PHRASING_WORDS for word in words)])
    few_numbers = numbers[size:] - numbers[:-size] <= _NUMBERS * size
    return list(few_numbers & (phrasing[size:] - phrasing[:-size] < size))


def _long_runs(words: Sequence[str], hashed: Hashes, size: int) -> set[int]:
    """The hashes of those runs of `size` words that tell something."""
    grams = ngram_hashes(hashed, size)
    return {int(gram) for gram, tells in zip(grams, _telling(words, size), strict=True) if tells}


@dataclass(slots=True)
class _Builder:
    index: BenchmarkIndex
    hashes: WordHashes = field(default_factory=WordHashes)
    lengths: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def add(self, benchmark: int, items: Sequence[Item]) -> None:
        size = self.index.ngram_words
        found = [_parts_of(item) for item in items]
        runs: list[dict[str, set[int]]] = []
        for parts in found:
            runs.append({})
            for kind, words in parts.items():
                hashed = self.hashes.array(words)
                long = len(words) >= size
                runs[-1][kind] = _long_runs(words, hashed, size) if long else set()
        common = self._boilerplate(found, runs)
        for item, (parts, its_runs) in enumerate(zip(found, runs, strict=True)):
            for kind, words in parts.items():
                self._add_part(benchmark, item, kind, words, its_runs[kind] - common)

    def _boilerplate(
        self, found: Sequence[dict[str, list[str]]], runs: Sequence[dict[str, set[int]]]
    ) -> set[int]:
        """Runs that several items have; items with the very same prompt count as one."""
        counts: Counter[int] = Counter()
        seen: set[tuple[str, ...]] = set()
        for parts, its_runs in zip(found, runs, strict=True):
            prompt = tuple(parts.get("prompt", ()))
            if prompt in seen:
                continue
            seen.add(prompt)
            counts.update(set().union(*its_runs.values()))
        return {gram for gram, count in counts.items() if count >= self.index.boilerplate_items}

    def _add_part(
        self, benchmark: int, item: int, kind: str, words: Sequence[str], runs: set[int]
    ) -> None:
        number = len(self.index.parts)
        part = Part(benchmark, item, max(1, len(runs)), kind not in _PROSE, tuple(words))
        self.index.parts.append(part)
        for run in runs:
            self.index.holders[run].append(number)
            self.lengths[self.index.ngram_words].add(run)
        if runs:
            return
        hashed = self.hashes.array(words)
        if kind in _PROSE and len(words) >= _ANYWHERE:
            run = int(ngram_hashes(hashed, len(words))[0])
            self.index.holders[run].append(number)
            self.lengths[len(words)].add(run)
        else:
            self.index.wholes[whole_hash(hashed)].append(number)


def index_benchmarks(
    benchmarks: Iterable[Benchmark], *, ngram_words: int, boilerplate_items: int
) -> BenchmarkIndex:
    """The index of all items of `benchmarks`, each benchmark's boilerplate left out."""
    known = tuple(benchmarks)
    index = BenchmarkIndex(
        names=tuple(benchmark.name for benchmark in known),
        items=tuple(tuple(item.id for item in benchmark.items) for benchmark in known),
        ngram_words=ngram_words,
        boilerplate_items=boilerplate_items,
    )
    builder = _Builder(index)
    for number, benchmark in enumerate(known):
        builder.add(number, benchmark.items)
    index.vocabulary = dict(builder.hashes)
    index.holders, index.wholes = dict(index.holders), dict(index.wholes)
    index.runs = {
        size: np.array(sorted(runs), np.uint64) for size, runs in sorted(builder.lengths.items())
    }
    return index
