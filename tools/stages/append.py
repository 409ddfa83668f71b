"""A dataset with the rows of another behind its own: no shard of the first is written again.

The shards of the first keep their content; of the second, rows with new ids become further shards
of the folders they belong to. A publication then sends those only: the Hub knows the others by
their content, and a shard that got another number only gets another name. Subsets, counts, card,
pictures and manifest are made anew from all shards.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import flush
from opencodeinstruct.builder.manifest import Entry, Manifest, read_manifest, verify
from opencodeinstruct.builder.replacing import recover, replacing
from opencodeinstruct.builder.schema import dataset_schema
from opencodeinstruct.builder.shards import Shard, numbered, write_empty, write_shards
from opencodeinstruct.builder.subsets import is_shard
from opencodeinstruct.dataset_card.facts import BuildFacts, parts_of, put_together
from opencodeinstruct.dataset_card.stats import measure
from opencodeinstruct.tools.stages.build import FACTS, BuildSettings, SubsetSettings, describe

BATCH_ROWS = 8192


@dataclass(frozen=True, slots=True)
class AppendReport:
    """What there is now: rows that were there, that came, and that were there already.

    `counts` are the rows of each named subset, `files` the shards that were written, relative to
    `folder`. Where no row came and `folder` is the old dataset, nothing was written.
    """

    folder: Path
    before: int
    added: int
    known: int
    counts: Mapping[str, int]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Dataset:
    """A finished dataset folder, compared with its manifest."""

    folder: Path
    shards: tuple[Entry, ...]
    settings: BuildSettings
    facts: BuildFacts

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(shard.rows or 0 for shard in self.shards)

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows, shard by shard in the order of their paths."""
        for shard in self.shards:
            with pq.ParquetFile(self.folder / shard.path) as file:
                yield from batches(file, BATCH_ROWS, columns)


def append(
    old: Path, new: Path, out: Path, progress: Callable[[int], None] | None = None
) -> AppendReport:
    """Make the dataset `out` of that in `old`, shard by shard, and the rows of `new` it lacks.

    `out` may be `old`. A row whose id was there already is left out, and counted. The same two
    folders give the same bytes; on any error, and a kill at any moment, `out` is whole, as it was
    or as it will be. `progress` is told the number of rows written so far.
    Raises `RunFolderError` when a folder is not exactly what its manifest says, when columns,
    licences or subsets of the two do not go together, or when `out` holds anything else.
    """
    old, new, out = old.resolve(), new.resolve(), out.resolve()
    recover(out)
    _refuse_place(old, new, out)
    base, more = _opened(old), _opened(new)
    settings = _common(base, more)
    fresh = _new_ids(base, more)
    added, facts = len(fresh), base.facts
    known = more.rows - added
    if not added and out == old:
        return AppendReport(out, base.rows, 0, known, {}, ())
    if added:
        parts = (*parts_of(base.facts, base.rows), *parts_of(more.facts, more.rows))
        sources = (*base.facts.source_datasets, *more.facts.source_datasets)
        facts = put_together(base.facts, parts, sources)
    with replacing(out) as building:
        further = building / ".further"
        written = write_shards(
            _rows(more, fresh),
            further,
            rows_per_file=settings.rows_per_file,
            progress=progress,
            gaps=True,  # as the dataset that they come from, which may be an import
        )
        shards = _placed(base, written, further, building)
        shutil.rmtree(further, ignore_errors=True)
        write_empty(building)
        counts = describe(building, shards, measure(building), facts, settings)
    files = tuple(shard.path for shard in shards if isinstance(shard, Shard))
    return AppendReport(out, base.rows, added, known, counts, files)


def _refuse_place(old: Path, new: Path, out: Path) -> None:
    """Raise where `out` is taken, or where one folder lies in another."""
    for folder in (old, new):
        if folder in out.parents or out in folder.parents:
            raise RunFolderError(f"{out}: and {folder} lie in each other. Give another folder.")
    if out != old and out.exists() and not (out.is_dir() and next(out.iterdir(), None) is None):
        raise RunFolderError(
            f"{out}: is there already. Give another folder, or leave --out away to append to "
            f"{old.name} itself."
        )


def _opened(folder: Path) -> _Dataset:
    manifest, found = read_manifest(folder), verify(folder)
    if not found.whole:
        path = (*found.changed, *found.missing, *found.extra)[0]
        raise RunFolderError(
            f"{folder}: is not what its manifest says, beginning with {path}. Build it again."
        )
    shards = tuple(entry for entry in manifest.files if is_shard(entry.path))
    for shard in shards:
        schema = pq.read_schema(folder / shard.path).remove_metadata()
        if not schema.equals(dataset_schema()):
            raise RunFolderError(
                f"{folder / shard.path}: has other columns than this version writes. "
                "Build the dataset again with this version."
            )
    return _told(folder, shards, manifest)


def _told(folder: Path, shards: tuple[Entry, ...], manifest: Manifest) -> _Dataset:
    """The dataset with the settings and facts that its manifest keeps."""
    kept: dict[str, Any] = dict(manifest.settings)
    named = {name: kept[name] for name in BuildSettings.model_fields if name in kept}
    try:
        facts = FACTS.validate_python(kept["facts"])
        return _Dataset(folder, shards, BuildSettings.model_validate(named), facts)
    except (KeyError, ValidationError) as error:
        raise RunFolderError(
            f"{folder}: its manifest does not say how the dataset was made, so a card cannot. "
            "Build it again with this version."
        ) from error


def _common(base: _Dataset, more: _Dataset) -> BuildSettings:
    """The settings of `base`, with the subsets of both."""
    mine, other = base.settings.license, more.settings.license
    if mine.strip().lower() != other.strip().lower():
        raise RunFolderError(
            f"{more.folder}: is published under {other!r}, and {base.folder} under {mine!r}; which "
            "licence both together may have, is yours to say. Build one of them again under it."
        )
    subsets: dict[str, SubsetSettings] = {}
    for subset in (*base.settings.subsets, *more.settings.subsets):
        if subsets.setdefault(subset.name, subset) != subset:
            raise RunFolderError(
                f"{more.folder}: its subset {subset.name!r} is another than that of {base.folder}. "
                "Build one of them again with another name for it."
            )
    return base.settings.model_copy(update={"subsets": tuple(subsets.values())})


def _new_ids(base: _Dataset, more: _Dataset) -> set[str]:
    """The ids of `more` that `base` lacks; memory is that of the ids of `more`."""
    fresh = {name for batch in more.batches(["id"]) for name in batch["id"].to_pylist()}
    for batch in base.batches(["id"]):
        fresh.difference_update(batch["id"].to_pylist())
    return fresh


def _rows(more: _Dataset, fresh: set[str]) -> Iterator[pa.Table]:
    """The first row of each of those ids."""
    left = set(fresh)
    for batch in more.batches():
        mask = []
        for name in batch["id"].to_pylist():
            mask.append(name in left)
            left.discard(name)
        yield pa.Table.from_batches([batch.filter(pa.array(mask, pa.bool_()))])


def _placed(
    base: _Dataset, written: list[Shard], further: Path, building: Path
) -> list[Shard | Entry]:
    """All shards under their names in `building`: in each folder first the old, then the new."""
    shards: list[Shard | Entry] = []
    found: list[Shard | Entry] = [*base.shards, *written]
    for shard, name in zip(found, numbered([shard.path for shard in found]), strict=True):
        target = building / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(shard, Shard):
            (further / shard.path).rename(target)
        else:
            _linked(base.folder / shard.path, target)
        shards.append(replace(shard, path=name))
    for folder in {(building / shard.path).parent for shard in shards}:
        flush(folder)
    return shards


def _linked(path: Path, target: Path) -> None:
    """The content of `path` is at `target` too, without a second copy where the disk can."""
    try:
        os.link(path, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, target)
        flush(target)
