"""rensa, as its README shows it: a MinHash for each text, an LSH index, estimates as verdicts."""

import re
import sys
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

sys.path = [place for place in sys.path if not place.endswith("deduplicators")]
from rensa import RMinHash, RMinHashLSH  # noqa: E402

THRESHOLD, PERMUTATIONS, BANDS, SIZE = 0.7, 128, 16, 5
WORD = re.compile(r"[^\W_]+")


def shingles(text: str) -> list[str]:
    """Runs of five words."""
    words = WORD.findall(text.lower())
    return [" ".join(words[n : n + SIZE]) for n in range(max(1, len(words) - SIZE + 1))]


def pairs(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Each text with the first text that it is like."""
    index = RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=BANDS)
    hashes = list[RMinHash]()
    for row, text in enumerate(texts):
        own = RMinHash(num_perm=PERMUTATIONS, seed=42)
        own.update(shingles(text))
        for other in index.query(own):
            if own.jaccard(hashes[other]) >= THRESHOLD:
                yield row, other
        index.insert(row, own)
        hashes.append(own)


def groups(count: int, linked: Iterator[tuple[int, int]]) -> list[int]:
    """Of each row the first row that it is linked with."""
    parents = list(range(count))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for one, other in linked:
        first, second = sorted((root(one), root(other)))
        parents[second] = first
    return [root(row) for row in range(count)]


def main(source: str, out: str) -> None:
    """Write the groups of `source` to `out`."""
    texts = pq.read_table(source, columns=["text"])["text"].to_pylist()
    found = groups(len(texts), pairs(texts))
    pq.write_table(pa.table({"row": range(len(texts)), "group": found}), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
