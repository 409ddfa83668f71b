"""The dataset folder, whole or not at all: shards, plots, card, and the manifest last."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import write_bytes, write_text
from opencodeinstruct.builder.manifest import Entry, write_manifest
from opencodeinstruct.builder.replacing import replacing
from opencodeinstruct.builder.shards import Shard, write_empty, write_shards
from opencodeinstruct.builder.subsets import SUBSETS, Subset, subset_of
from opencodeinstruct.dataset_card.card import PLOTS, card
from opencodeinstruct.dataset_card.facts import BuildFacts, Step
from opencodeinstruct.dataset_card.plots import draw
from opencodeinstruct.dataset_card.stats import Stats, measure

__all__ = ["BuildFacts", "BuildReport", "BuildSettings", "Step", "build", "describe"]

FACTS = TypeAdapter(BuildFacts)
"""What the card was told, as JSON; a manifest keeps it for whoever appends to the dataset."""


class SubsetSettings(BaseModel):
    """A named subset of one's own: the rows that fulfil all of these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  # what `load_dataset` is asked for: small letters, digits, _
    domains: tuple[str, ...] | None = Field(default=None, min_length=1)  # generic, algorithmic
    min_judge_score: int | None = None  # 1 to 5
    min_pass_rate: float | None = None  # 0, 0.5, 0.9 or 1: where folders begin
    below_pass_rate: float | None = None  # 0.5, 0.9 or 1

    @model_validator(mode="after")
    def _can_be_told_by_folders(self) -> "SubsetSettings":
        self.subset()
        return self

    def subset(self) -> Subset:
        """The subset, exactly; a `ValueError` where folders cannot tell its rows apart."""
        return subset_of(**dict(self))


class BuildSettings(BaseModel):
    """How a dataset is stored and presented."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows_per_file: int = Field(default=100_000, ge=1)  # about that of the published release
    license: str = Field(default="cc-by-4.0", min_length=1)  # that of the published release
    pretty_name: str | None = None  # the run's own name
    subsets: tuple[SubsetSettings, ...] = ()  # beside those that every dataset has

    @model_validator(mode="after")
    def _names_are_different(self) -> "BuildSettings":
        names = [subset.name for subset in self.subsets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two subsets are called {twice[0]!r}")
        return self


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was built: rows in all and for each named subset; shards relative to `folder`."""

    folder: Path
    rows: int
    counts: Mapping[str, int]
    files: tuple[Shard, ...]


def build(
    tables: Iterable[pa.Table],
    folder: Path,
    facts: BuildFacts,
    settings: BuildSettings,
    progress: Callable[[int], None] | None = None,
) -> BuildReport:
    """Make the dataset `folder` of the finished rows of `tables`, with its card and manifest.

    The same rows, facts and settings give the same bytes. `progress` is told the number of rows
    taken in so far. On any error `folder` is what it was. Raises `RunFolderError` when there is no
    row, a row cannot be placed, or `folder` holds something else than a finished dataset.
    """
    folder = folder.resolve()
    with replacing(folder) as building:
        shards = write_shards(
            tables, building, rows_per_file=settings.rows_per_file, progress=progress
        )
        if not shards:
            raise RunFolderError(
                "build: no row is left, so there is no dataset to build. "
                "Look at the rejects of the stages before it for the reasons."
            )
        write_empty(building)
        counts = describe(building, shards, measure(building), facts, settings)
    return BuildReport(folder, sum(shard.rows for shard in shards), counts, tuple(shards))


def describe(
    building: Path,
    shards: Sequence[Shard | Entry],
    stats: Stats,
    facts: BuildFacts,
    settings: BuildSettings,
) -> dict[str, int]:
    """Write everything but the shards, which `stats` counted, the manifest last.

    Returns the rows of each named subset.
    """
    plots = draw(stats, facts.funnel)
    for plot in plots:
        write_bytes(building / PLOTS / plot.name, plot.png)
    subsets = tuple(subset.subset() for subset in settings.subsets)
    name = settings.pretty_name or facts.pretty_name
    named = replace(facts, pretty_name=name, subsets=subsets)
    write_text(
        building / "README.md", card(building, stats, named, plots, license=settings.license)
    )
    versions = {"packages": dict(facts.packages)} if facts.packages else {}
    told = {"facts": FACTS.dump_python(named, mode="json", exclude={"subsets"})}
    write_manifest(building, settings.model_dump(mode="json") | versions | told, shards)
    return {subset.name: stats.subset(subset).rows for subset in (*SUBSETS, *subsets)}
