"""The stage `dedup` as a recipe has it: with what it is compared, and by which engine."""

import tempfile
from pathlib import Path

import pyarrow as pa

from opencodeinstruct.tools.outcome import ReadColumns, Verdicts
from opencodeinstruct.tools.stages.dedup import DedupSettings, columns_of, dedup, likeness_of
from opencodeinstruct.tools.text.alike import Source, Texts
from opencodeinstruct.tools.text.known_texts import KnownTexts, is_index, open_index
from opencodeinstruct.tools.text_dedup import dedup_by_text_dedup
from opencodeinstruct.tools.text_files import open_texts


def deduplicated(read: ReadColumns, settings: DedupSettings) -> Verdicts:
    """`dedup` by the engine of `settings`, compared with the dataset or index they name, if any."""
    if settings.engine == "text-dedup":
        return dedup_by_text_dedup(pa.concat_tables(read(columns_of(settings))), settings)
    with tempfile.TemporaryDirectory() as scratch:
        return dedup(read, settings, _known(settings, Path(scratch)))


def _known(settings: DedupSettings, scratch: Path) -> list[Source]:
    path = settings.against
    if path is None:
        return []
    if is_index(path):
        open_index(path, likeness_of(settings))
        return [KnownTexts(path)]
    return [Texts(open_texts(path, settings.column, scratch).read)]
