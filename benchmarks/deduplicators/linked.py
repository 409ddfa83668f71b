"""Pairs of a corpus as groups in a file, for the peers that give pairs."""

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

Pairs = Callable[[list[str]], Iterator[tuple[int, int]]]


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


def write_groups(source: str, out: str, pairs: Pairs) -> None:
    """Write the groups of `source` to `out`, by the `pairs` that its texts make."""
    texts = pq.read_table(source, columns=["text"])["text"].to_pylist()
    found = groups(len(texts), pairs(texts))
    pq.write_table(pa.table({"row": range(len(texts)), "group": found}), out)
