"""datasketch: MinHash and MinHashLSH, what the index returns taken as it is."""

import re
import sys
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

sys.path = [place for place in sys.path if not place.endswith("deduplicators")]
from datasketch import MinHash, MinHashLSH  # noqa: E402

THRESHOLD, PERMUTATIONS, SIZE = 0.7, 128, 5
WORD = re.compile(r"[^\W_]+")


def shingles(text: str) -> list[bytes]:
    """Runs of five words."""
    words = WORD.findall(text.lower())
    runs = (words[n : n + SIZE] for n in range(max(1, len(words) - SIZE + 1)))
    return [" ".join(run).encode() for run in runs]


def pairs(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Each text with those before it that it meets."""
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    fresh = MinHash(num_perm=PERMUTATIONS)
    for row, text in enumerate(texts):
        own = fresh.copy()
        own.update_batch(shingles(text))
        for other in index.query(own):
            yield row, other
        index.insert(row, own, check_duplication=False)


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
