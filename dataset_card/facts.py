"""What only the run knows about a dataset: the card says nothing else that the shards do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
class Part:
    """One of the datasets that another was put together of: the rows it had, and its own facts."""

    rows: int
    facts: "BuildFacts"


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What the caller tells the card.

    `recall`: by benchmark and kind the share of copies planted among the rows that is found.
    `models` by role, `benchmarks`: number of items kept out by benchmark, `funnel` in the order of
    the stages. `packages`: versions of what programs could import beside the standard library.
    `repo_id` is the Hub repository that the loading example names, where known. `subsets` are named
    subsets beside those that every dataset has. `imported`: where it was not made by a run.
    `parts`: where it was put together of several, those, in order; what each was made by is then
    said of the part only.
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
    parts: tuple[Part, ...] = ()


def parts_of(facts: BuildFacts, rows: int) -> tuple[Part, ...]:
    """What a dataset of `rows` rows was put together of: itself, where it is not of several."""
    return facts.parts or (Part(rows, replace(facts, subsets=(), repo_id=None)),)


def put_together(
    first: BuildFacts, parts: Sequence[Part], source_datasets: Sequence[str]
) -> BuildFacts:
    """The facts of `first` with these `parts`, whose rows come from `source_datasets`.

    Nothing is added up: what is true of one part, such as a benchmark that was kept out, need not
    be true of the other, and the same run may stand behind both.
    """
    return BuildFacts(
        first.pretty_name,
        repo_id=first.repo_id,
        source_datasets=tuple(dict.fromkeys(source_datasets)),
        parts=tuple(parts),
    )
