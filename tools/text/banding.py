"""How many bands of how many rows a MinHash signature is cut into, and what that misses.

Two texts of Jaccard similarity s share at least one of b bands of r rows with probability
1 - (1 - s^r)^b; only those that do are measured.
"""

from dataclasses import dataclass

_MISSED = 0.02  # of pairs right at the threshold; 25 bands of 5 rows miss 1% at 0.7
_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Banding:
    """`bands` bands of `rows` minima each."""

    bands: int
    rows: int

    def missed(self, similarity: float) -> float:
        """The share of pairs of Jaccard `similarity` that never meet, 0..1."""
        return float((1 - similarity**self.rows) ** self.bands)

    def missed_above(self, threshold: float) -> float:
        """The share missed of pairs spread evenly over `threshold`..1."""
        span = 1 - threshold
        places = (threshold + span * (step + 0.5) / _STEPS for step in range(_STEPS))
        return sum(map(self.missed, places)) / _STEPS

    def said(self, threshold: float) -> str:
        """What this finds, in words for people."""
        return (
            f"{self.bands} bands of {self.rows} rows: expected to miss {self.missed(threshold):.2%}"
            f" of pairs at {threshold:g}, {self.missed_above(threshold):.3%} of those above"
        )


def choose_banding(threshold: float, permutations: int) -> Banding:
    """The banding that proposes fewest pairs in vain and misses at most 2% at `threshold`.

    Where `permutations` do not suffice for that, the one that misses least: bands of one row.
    """
    for rows in range(permutations, 1, -1):
        banding = Banding(permutations // rows, rows)
        if banding.missed(threshold) <= _MISSED:
            return banding
    return Banding(permutations, 1)
