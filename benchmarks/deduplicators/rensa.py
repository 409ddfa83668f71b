"""rensa, as its README shows it: a MinHash for each text, an LSH index, estimates as verdicts."""

import re
import sys
from collections.abc import Iterator

from linked import write_groups  # type: ignore[import-not-found]  # beside this program

# this folder's own names stand before the packages'
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


if __name__ == "__main__":
    write_groups(*sys.argv[1:], pairs)
