"""A run on disk: one folder for each stage, whose parts appear whole and whose manifest comes last.

    runs/<name>/recipe.yaml                    the recipe as resolved
    runs/<name>/journal.sqlite                 every model answer
    runs/<name>/03-evolve/part-00000.parquet   kept rows
    runs/<name>/03-evolve/rejects/part-00000.parquet   dropped rows with reason and evidence
    runs/<name>/03-evolve/manifest.json        its presence means that the stage is complete

A part is complete when its kept rows are there: its rejects are written before them.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import write_json, writing, written_error
from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row

REJECT_FIELDS = (("reject_reason", pa.string()), ("reject_evidence", pa.string()))


@dataclass(frozen=True, slots=True)
class StageCounts:
    """What became of the rows of one stage: `entered + made == kept + dropped + deferred`.

    `note` says why a stage that makes rows made no more.
    """

    stage: str
    entered: int
    made: int
    kept: int
    dropped: dict[str, int] = field(default_factory=dict)
    deferred: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse counts that do not add up: a row was lost or doubled."""
        out = self.kept + sum(self.dropped.values()) + self.deferred
        if self.entered + self.made != out:
            raise RunFolderError(
                f"{self.stage}: {self.entered} rows entered and {self.made} were made, but {out} "
                "came out. This is a bug of ours; please report it with the recipe."
            )


def rejects_schema() -> pa.Schema:
    """The working columns, then why the row was dropped."""
    schema = working_schema()
    for name, kind in REJECT_FIELDS:
        schema = schema.append(pa.field(name, kind))
    return schema


@dataclass(frozen=True, slots=True)
class StageFolder:
    """The folder of one stage."""

    path: Path
    stage: str

    def part(self, number: int) -> Path:
        """Where the kept rows of part `number` stand."""
        return self.path / f"part-{number:05d}.parquet"

    def rejects(self, number: int) -> Path:
        """Where the dropped rows of part `number` stand."""
        return self.path / "rejects" / f"part-{number:05d}.parquet"

    @property
    def manifest(self) -> Path:
        """Written last."""
        return self.path / "manifest.json"

    def is_complete(self) -> bool:
        """Whether the stage ran to its end."""
        return self.manifest.exists()

    def write_part(self, number: int, outcomes: Sequence[Outcome]) -> None:
        """Write part `number` from the outcomes of its rows, none of which may be deferred."""
        dropped = [_reject_row(outcome) for outcome in outcomes if isinstance(outcome, Dropped)]
        kept = [outcome.row for outcome in outcomes if isinstance(outcome, Kept)]
        if any(isinstance(outcome, Deferred) for outcome in outcomes):
            raise RunFolderError(f"{self.part(number)}: holds deferred rows, so it is not written.")
        write_table(self.rejects(number), table_of(dropped, rejects_schema()))
        write_table(self.part(number), table_of(kept, working_schema()))

    def counts_of_part(self, number: int) -> tuple[int, dict[str, int]]:
        """(rows kept, rows dropped by reason) of a written part; each file can be read."""
        reasons = self.read(self.rejects(number)).column("reject_reason")
        dropped = {
            str(item["values"]): int(item["counts"]) for item in reasons.value_counts().to_pylist()
        }
        return self.read(self.part(number)).num_rows, dropped

    def read(self, path: Path, columns: Sequence[str] | None = None) -> pa.Table:
        """The table of one of the stage's files, all of it or some of its columns."""
        return read_table(path, columns, remove=self.path)

    def finish(self, parts: int, counts: StageCounts, fingerprint: str) -> None:
        """Write the manifest: afterwards the stage is complete."""
        files = [self.part(number) for number in range(parts)]
        write_json(
            self.manifest,
            {
                "stage": self.stage,
                "fingerprint": fingerprint,
                "counts": asdict(counts),
                "parts": [
                    {"file": file.name, "rows": pq.read_metadata(file).num_rows} for file in files
                ],
            },
        )

    def counts(self) -> StageCounts:
        """The counts of a complete stage."""
        manifest = self._manifest()
        try:
            return StageCounts(**manifest["counts"])
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(self.manifest, error) from error

    def parts(self) -> list[Path]:
        """The parts of a complete stage, in order; each is there with the rows it should have."""
        manifest = self._manifest()
        try:
            entries = [(self.path / part["file"], part["rows"]) for part in manifest["parts"]]
        except (KeyError, TypeError) as error:
            raise self._damaged(self.manifest, error) from error
        for path, rows in entries:
            try:
                found = pq.read_metadata(path).num_rows
            except (OSError, pa.ArrowException) as error:
                raise self._damaged(path, error) from error
            if found != rows:
                raise self._damaged(path, f"{found} rows, not {rows}")
        return [path for path, _ in entries]

    def _manifest(self) -> dict[str, Any]:
        try:
            manifest = json.loads(self.manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._damaged(self.manifest, error) from error
        if not isinstance(manifest, dict):
            raise self._damaged(self.manifest, "no JSON object")
        return manifest

    def _damaged(self, path: Path, why: object) -> RunFolderError:
        return damaged(path, why, remove=self.path)


def damaged(path: Path, why: object, *, remove: Path) -> RunFolderError:
    """The error for the file `path`, which is healed by deleting the folder `remove`."""
    said = str(getattr(why, "strerror", None) or why).split("\n")[0]
    return RunFolderError(
        f"{path}: is missing or damaged ({said}). Delete {remove} and run again: "
        "answers are kept in the journal."
    )


def _reject_row(outcome: Dropped) -> Row:
    return {
        **outcome.row,
        "reject_reason": outcome.reason,
        "reject_evidence": outcome.evidence,
    }


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` to `path`, which appears whole or not at all."""
    with writing(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def read_table(
    path: Path, columns: Sequence[str] | None = None, *, remove: Path | None = None
) -> pa.Table:
    """The table at `path`; a damaged file is an error that says to delete `remove`, its folder."""
    try:
        return pq.read_table(path, columns=columns and list(columns))
    except (OSError, pa.ArrowException) as error:
        raise damaged(path, error, remove=remove or path.parent) from error


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a run whose stages are `stages`, in order."""

    path: Path
    stages: tuple[str, ...]

    def stage(self, name: str) -> StageFolder:
        """The folder of stage `name`, numbered by its place."""
        return StageFolder(self.path / f"{self.stages.index(name) + 1:02d}-{name}", name)

    def before(self, name: str) -> StageFolder | None:
        """The folder of the stage before `name`; None where that is the first."""
        index = self.stages.index(name)
        return self.stage(self.stages[index - 1]) if index else None

    @property
    def journal(self) -> Path:
        """Every model answer of the run."""
        return self.path / "journal.sqlite"

    @property
    def dataset(self) -> Path:
        """What `build` makes."""
        return self.path / "dataset"

    def dataset_is_current(self) -> bool:
        """Whether the dataset was built after the last stage was made."""
        built, made = self.dataset / "manifest.json", self.stage(self.stages[-1]).manifest
        return (
            built.is_file()
            and made.is_file()
            and built.stat().st_mtime_ns >= made.stat().st_mtime_ns
        )

    def remove_from(self, name: str) -> list[str]:
        """Remove what stage `name` and those after it made; the names of stages that had any."""
        removed = []
        for stage in self.stages[self.stages.index(name) :]:
            folder = self.stage(stage).path
            if folder.exists():
                # the manifest first, so that a kill in between leaves an unfinished stage
                self.stage(stage).manifest.unlink(missing_ok=True)
                shutil.rmtree(folder)
                removed.append(stage)
        return removed

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run alone while the body runs; a second process is refused, not mixed in."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise written_error(self.path, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunFolderError(
                f"{self.path}: another command is working in this run. Wait for it or end it."
            ) from error
        else:
            yield
        finally:
            os.close(handle)
