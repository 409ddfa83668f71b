"""datasketch: MinHash and MinHashLSH, what the index returns taken as it is."""

import re
import sys
from collections.abc import Iterator

from linked import write_groups  # type: ignore[import-not-found]  # beside this program

# this folder's own names stand before the packages'
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


if __name__ == "__main__":
    write_groups(*sys.argv[1:], pairs)
