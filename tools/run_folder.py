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
    """What became of the rows of one stage: `entered + made == kept + dropped + deferred`."""

    stage: str
    entered: int
    made: int
    kept: int
    dropped: dict[str, int] = field(default_factory=dict)
    deferred: int = 0

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
        """(rows kept, rows dropped by reason) of a written part."""
        reasons = read_table(self.rejects(number)).column("reject_reason")
        dropped = {
            str(item["values"]): int(item["counts"]) for item in reasons.value_counts().to_pylist()
        }
        return pq.read_metadata(self.part(number)).num_rows, dropped

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
        return StageCounts(**self._manifest()["counts"])

    def parts(self) -> list[Path]:
        """The parts of a complete stage, in order; each is there and whole."""
        found = []
        for entry in self._manifest()["parts"]:
            path = self.path / entry["file"]
            if not path.exists() or pq.read_metadata(path).num_rows != entry["rows"]:
                raise RunFolderError(
                    f"{path}: is missing or damaged. Delete {self.path} and run again: "
                    "answers are kept in the journal."
                )
            found.append(path)
        return found

    def _manifest(self) -> dict[str, Any]:
        try:
            manifest = json.loads(self.manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{self.manifest}: cannot be read ({error}). Delete {self.path} and run again."
            ) from error
        return dict(manifest)


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


def read_table(path: Path) -> pa.Table:
    """The table at `path`; a damaged file is an error that names it."""
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error}). Delete {path.parent} and run again: "
            "answers are kept in the journal."
        ) from error


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
