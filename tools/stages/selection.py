"""Which questions of a colony become parents.

By default every stratum, a domain and a topic together, is as likely as any other, whatever its
size: a population that is chosen from by size alone narrows to what it has most of.
"""

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Row

_UNJUDGED = 3  # the fitness of a question that was not judged, in the middle of 1..5


class SelectionSettings(BaseModel):
    """How parents are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # strata: uniform over domain and topic; fitness: by judge's score; tournament: best of a few
    by: Literal["strata", "fitness", "tournament"] = "strata"
    tournament: int = Field(default=3, ge=2, le=100)  # questions that compete to be one parent


def draw_parents(
    members: Sequence[Row], count: int, random: Random, settings: SelectionSettings
) -> list[Row]:
    """`count` different `members`, or all where there are fewer, drawn by `random`."""
    left = list(members)
    parents: list[Row] = []
    while left and len(parents) < count:
        place = _draw(left, random, settings)
        parents.append(left.pop(place))
    return parents


def _draw(members: Sequence[Row], random: Random, settings: SelectionSettings) -> int:
    """The place in `members` of one that is drawn."""
    if settings.by == "strata":
        strata: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, row in enumerate(members):
            strata[str(row["domain"]), str(row.get("topic"))].append(place)
        return random.choice(strata[random.choice(sorted(strata))])
    if settings.by == "fitness":
        return random.choices(range(len(members)), [fitness_of(row) for row in members])[0]
    drawn = [random.randrange(len(members)) for _ in range(settings.tournament)]
    return max(drawn, key=lambda place: fitness_of(members[place]))


def fitness_of(row: Row) -> int:
    """1..5: the judge's score at birth; that of a question nobody judged is in the middle."""
    return int(row.get("fitness") or _UNJUDGED)
