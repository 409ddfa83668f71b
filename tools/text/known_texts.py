"""Texts that were compared before, kept as what comparing them needs: an index in Parquet.

A folder: `index.json` says what it was made under, and each `part-*.parquet` holds for each text
its hash, the keys of its bands and its set of shingles. New texts are compared with it, and their
own part put beside the others; no text is read again.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.files import write_json, writing
from opencodeinstruct.tools.text.alike import Texts
from opencodeinstruct.tools.text.buffers import present
from opencodeinstruct.tools.text.row_marks import Likeness, Marks, marks_of, sets_of
from opencodeinstruct.tools.text.shingles import Grams

_FORMAT = 1  # raise it when tokens or keys are made otherwise: old indexes are then refused
_BATCH = 2048


def _settings(likeness: Likeness) -> dict[str, Any]:
    """What two indexes must agree in; the threshold itself may differ."""
    given = asdict(likeness)
    del given["threshold"]
    return {"format": _FORMAT, **given}


def is_index(folder: Path) -> bool:
    """Whether `folder` is an index."""
    return (folder / "index.json").is_file()


def open_index(folder: Path, likeness: Likeness) -> None:
    """Make the index `folder` if it is not there; a `ProjectError` if it was made otherwise."""
    path, wanted = folder / "index.json", _settings(likeness)
    if not path.exists():
        write_json(path, wanted)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{path}: cannot be read. Delete {folder} to begin anew.") from error
    if found != wanted:
        raise ProjectError(
            f"{folder}: was made under other settings ({json.dumps(found)}, now "
            f"{json.dumps(wanted)}). Use those, or give another folder."
        )


@dataclass(frozen=True, slots=True)
class KnownTexts:
    """The parts of an index as a source of rows, but for the part called `without`."""

    folder: Path
    without: str = ""

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for path in sorted(self.folder.glob("part-*.parquet")):
            if path.stem == f"part-{self.without}":
                continue
            try:
                with pq.ParquetFile(path) as file:
                    yield from batches(file, _BATCH, columns)
            except (OSError, pa.ArrowException) as error:
                raise ProjectError(
                    f"{path}: is damaged. Delete it, and compare its texts again."
                ) from error

    def marks(self, likeness: Likeness) -> Iterator[Marks]:
        """See `Source`."""
        bands = likeness.banding.bands
        for batch in self._batches(["text", "keys"]):
            keys = batch.column("keys").flatten().to_numpy().reshape(-1, bands)
            texts = batch.column("text").to_numpy()
            yield Marks(texts, np.ascontiguousarray(keys.T), np.ones(len(texts), np.bool_))

    def shingles(self, likeness: Likeness, wanted: NDArray[np.bool_]) -> Iterator[Grams]:
        """See `Source`."""
        done = 0
        for batch in self._batches(["shingles"]):
            chosen = wanted[done : done + batch.num_rows]
            done += batch.num_rows
            if chosen.any():
                sets = batch.column("shingles").filter(pa.array(chosen))
                offsets = sets.offsets.to_numpy().astype(np.int64)
                yield Grams(sets.flatten().to_numpy(), offsets - offsets[0])


def add_to_index(
    folder: Path, name: str, texts: Texts, kept: NDArray[np.bool_], likeness: Likeness
) -> None:
    """Put those of `texts` that `kept` marks into the index as its part `name`, whole or not."""
    bands = likeness.banding.bands
    schema = pa.schema(
        [
            ("text", pa.uint64()),
            ("keys", pa.list_(pa.uint64(), bands)),
            ("shingles", pa.list_(pa.uint64())),
        ]
    )
    done = 0
    with (
        writing(folder / f"part-{name}.parquet") as beside,
        pq.ParquetWriter(beside, schema, compression="none") as file,
    ):
        for strings in texts.read():
            chosen = kept[done : done + len(strings)] & present(strings)
            done += len(strings)
            own = strings.filter(pa.array(chosen))
            if len(own):
                file.write_batch(_part(own, likeness, schema))


def _part(strings: pa.Array, likeness: Likeness, schema: pa.Schema) -> pa.RecordBatch:
    marks, sets = marks_of(strings, likeness), sets_of(strings, likeness)
    keys = pa.array(np.ascontiguousarray(marks.keys.T).reshape(-1))
    return pa.record_batch(
        [
            pa.array(marks.texts),
            pa.FixedSizeListArray.from_arrays(keys, len(marks.keys)),
            pa.ListArray.from_arrays(
                pa.array(sets.offsets.astype(np.int32)), pa.array(sets.hashes)
            ),
        ],
        schema=schema,
    )
