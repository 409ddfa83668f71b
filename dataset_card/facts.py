"""What only the run knows about a dataset: the card says nothing else that the shards do not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opencodeinstruct.builder.subsets import Subset


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did: rows that `entered`, rows it `made` itself, rows it `kept`.

    `dropped` counts rows by reason. entered + made = kept + dropped, unless rows still wait.
    """

    stage: str
    entered: int
    made: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """Where the rows of an import come from, and what of them could not be read: rows by reason."""

    source: str
    commit: str | None
    rows: int
    unread: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What the caller tells the card.

    `recall`: by benchmark and kind the share of copies planted among the rows that is found.
    `models` by role, `benchmarks`: number of items kept out by benchmark, `funnel` in the order of
    the stages. `packages`: versions of what programs could import beside the standard library.
    `repo_id` is the Hub repository that the loading example names, where known. `subsets` are named
    subsets beside those that every dataset has. `imported`: where it was not made by a run.
    """

    pretty_name: str
    models: Mapping[str, str] = field(default_factory=dict)
    prompt_version: str = ""
    recipe_hash: str = ""
    recipe: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    benchmarks: Mapping[str, int] = field(default_factory=dict)
    recall: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    funnel: tuple[Step, ...] = ()
    repo_id: str | None = None
    source_datasets: tuple[str, ...] = ("original",)
    subsets: tuple[Subset, ...] = ()
    imported: Imported | None = None
