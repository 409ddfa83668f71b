"""Documents composed of real text, with near duplicates planted among them, and the exact truth.

The text is what comes with Python and with the packages that are installed: their sources, cut at
blank lines. A document is some of these paragraphs; a planted one is a copy of an earlier document
with some of its words replaced.
"""

import random
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from opencodeinstruct.tools.text.alike import Texts
from opencodeinstruct.tools.text.banding import Banding
from opencodeinstruct.tools.text.jaccard import jaccards
from opencodeinstruct.tools.text.row_marks import Likeness

PLANTED = 0.12
WORDS = re.compile(r"\S+")
TARGET = 1300  # characters of a document, about
_BATCH = 5000
_POOL = 40 << 20  # characters of source text


@cache
def paragraphs() -> tuple[str, ...]:
    """Pieces of text of 80 to 600 characters, each once, in a fixed order."""
    places = sysconfig.get_paths()
    files = chain.from_iterable(
        sorted(Path(places[name]).rglob("*.py")) for name in ("stdlib", "purelib")
    )
    found: dict[str, None] = {}
    size = 0
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for piece in text.split("\n\n"):
            piece = piece.strip()
            if 80 <= len(piece) <= 600 and piece not in found:
                found[piece] = None
                size += len(piece)
        if size > _POOL:
            break
    return tuple(found)


def documents(count: int, seed: int = 0) -> Iterator[str]:
    """`count` documents, the same for the same installation."""
    draw = random.Random(seed)
    pool = paragraphs()
    recent: list[str] = []
    for _ in range(count):
        if recent and draw.random() < PLANTED:
            yield edited(draw, draw.choice(recent))
            continue
        text, size = [], 0
        while size < TARGET * draw.uniform(0.5, 1.2):
            text.append(draw.choice(pool))
            size += len(text[-1])
        document = "\n\n".join(text)
        recent.append(document)
        if len(recent) > 20_000:
            recent[draw.randrange(20_000)] = recent.pop()
        yield document


def edited(draw: random.Random, text: str) -> str:
    """`text` with up to a twelfth of its words replaced: Jaccard from below 0.5 to nearly 1."""
    words = list(WORDS.finditer(text))
    changed = draw.sample(words, max(1, int(len(words) * draw.uniform(0, 0.08))))
    pieces, end = [], 0
    for word in sorted(changed, key=lambda match: match.start()):
        pieces += [text[end : word.start()], f"w{draw.randrange(10**6)}"]
        end = word.end()
    return "".join([*pieces, text[end:]])


def write_corpus(path: Path, count: int, seed: int = 0) -> int:
    """Write `count` documents to the Parquet file `path`; the size of their text in bytes."""
    schema = pa.schema([("text", pa.string())])
    size, batch = 0, []
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for text in documents(count, seed):
            batch.append(text)
            size += len(text.encode())
            if len(batch) == _BATCH:
                file.write_table(pa.table({"text": batch}, schema))
                batch = []
        if batch:
            file.write_table(pa.table({"text": batch}, schema))
    return size


@dataclass(frozen=True, slots=True)
class Truth:
    """All pairs of rows with a Jaccard similarity of at least 0.7, exactly."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float64]


def exact_pairs(path: Path, threshold: float = 0.7) -> Truth:
    """The truth about the corpus in `path`, by words and runs of five, without any sketch.

    Two sets alike share one of their rarest runs: of n, the rarest n - ceil(t n) + 1 must meet. All
    pairs that meet so are measured.
    """
    strings = pq.read_table(path)["text"].combine_chunks()
    likeness = Likeness(5, threshold, Banding(1, 1), code=False)
    everything = np.ones(len(strings), np.bool_)
    (grams,) = Texts(lambda: iter([strings])).shingles(likeness, everything)
    hashes, offsets = grams.hashes, grams.offsets
    _, place, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    rows = np.repeat(np.arange(len(strings)), np.diff(offsets))
    order = np.lexsort((place, counts[place], rows))
    sizes = np.diff(offsets)[rows]
    rank = np.arange(len(hashes)) - offsets[rows]
    short = rank < sizes - np.ceil(threshold * sizes).astype(np.int64) + 1
    chosen = order[short]
    pairs = _meeting(place[chosen], rows[short])
    first, second = pairs >> 32, pairs & 0xFFFFFFFF
    found = jaccards(hashes, offsets[:-1], offsets[1:], (first, second), threshold)
    hit = found >= threshold
    return Truth(first[hit], second[hit], found[hit])


def _meeting(runs: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pairs of rows that have an equal run, each once."""
    order = np.lexsort((rows, runs))
    runs, rows = runs[order], rows[order]
    pairs = np.empty(0, np.int64)
    step = 1
    while True:
        same = np.flatnonzero(runs[step:] == runs[:-step])
        if not len(same):
            return pairs
        pairs = np.union1d(pairs, rows[same] << 32 | rows[same + step])
        step += 1
