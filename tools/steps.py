"""The forms a stage can have for the runner, and how a run proceeds; nothing here does anything."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from opencodeinstruct.tools.outcome import Made, Outcome, ReadColumns, Row, Verdicts
from opencodeinstruct.tools.stop import Stop

OnOutcome = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A stage that makes rows of nothing: each outcome is a row made."""

    read: Callable[[], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class EachRow:
    """A row stage, with at most `at_once` rows under way."""

    work: Callable[[Row], Awaitable[Outcome]]
    at_once: int


@dataclass(frozen=True, slots=True)
class Population:
    """A stage over all rows that keeps them and makes new ones, about `expected`, after them."""

    work: Callable[[Sequence[Row], OnOutcome], Awaitable[Made]]
    expected: int


@dataclass(frozen=True, slots=True)
class Columns:
    """A column stage, part by part."""

    decide: Callable[[pa.Table], Verdicts]


Tables = Callable[[], Iterator[pa.Table]]
"""Some parts, one at a time, as often as they are asked for."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A column stage that compares all rows with each other, of all parts in a row."""

    decide: Callable[[ReadColumns], Verdicts]


@dataclass(frozen=True, slots=True)
class Further:
    """A row stage over what a column stage keeps, with at most `at_once` rows under way.

    `look` sees the rows of a part together, in a thread of its own, before any is settled.
    """

    look: Callable[[Sequence[Row]], Callable[[Row], Awaitable[Outcome]]]
    at_once: int


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A column stage that looks at all parts before it decides about each of them.

    `survey` is handed the rows that the stage before kept, and those that it dropped. `then`, if
    any, has the last word on the rows that it keeps.
    """

    survey: Callable[[Tables, Tables], Callable[[pa.Table], Verdicts]]
    then: Further | None = None


Work = Source | EachRow | Population | Columns | Compared | Surveyed


@dataclass(frozen=True, slots=True)
class Step:
    """A stage ready to run; `fingerprint` changes with whatever decides what it makes."""

    name: str
    work: Work
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run proceeds: rows of a part, whether deferred rows are dropped for good, its end."""

    rows_per_part: int = 1000
    drop_deferred: bool = False
    stop: Stop = field(default_factory=Stop)
