"""What becomes of a row in a stage: kept, dropped with a reason, or deferred.

Every row that enters a stage leaves it as exactly one of these, so counts add up to the input.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
"""One row: values by column name. Never changed in place: `{**row, "output": text}`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The row goes on, as `row` now is."""

    row: Row


@dataclass(frozen=True, slots=True)
class Dropped:
    """The row ends here. `reason` is a short snake_case word, counted and shown to the user."""

    row: Row
    reason: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A service failed, which says nothing about the row: the next run tries it again."""

    row: Row
    reason: str


Outcome = Kept | Dropped | Deferred


@dataclass(frozen=True, slots=True)
class Made:
    """What a stage over a whole population made: its outcomes, and why there are no more."""

    outcomes: list[Outcome]
    note: str = ""


ReadColumns = Callable[[Sequence[str]], Iterator[pa.Table]]
"""All rows in order, some at a time, each time from the first on; of the columns asked for."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A column stage's decision about a batch of n rows.

    `reasons`: dictionary<string> array of length n, null where the row is kept.
    `evidence`: string array of length n, or None.
    `columns`: arrays of length n by column name, which replace those of the kept rows.
    """

    reasons: pa.Array
    evidence: pa.Array | None = None
    columns: dict[str, pa.Array] | None = None

    def slice(self, start: int, count: int) -> "Verdicts":
        """The decisions about `count` rows from `start` on."""
        return Verdicts(
            self.reasons.slice(start, count),
            None if self.evidence is None else self.evidence.slice(start, count),
            {name: values.slice(start, count) for name, values in (self.columns or {}).items()},
        )
