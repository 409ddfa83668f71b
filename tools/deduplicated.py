"""The stage `dedup` as a recipe has it: with what it is compared, and by which engine."""

import tempfile
from pathlib import Path

import pyarrow as pa

from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.stages.dedup import DedupSettings, dedup, likeness_of
from opencodeinstruct.tools.text.alike import Source, Texts
from opencodeinstruct.tools.text.known_texts import KnownTexts, is_index, open_index
from opencodeinstruct.tools.text_dedup import dedup_by_text_dedup
from opencodeinstruct.tools.text_files import open_texts


def deduplicated(table: pa.Table, settings: DedupSettings) -> Verdicts:
    """`dedup` by the engine of `settings`, compared with the dataset or index they name, if any."""
    if settings.engine == "text-dedup":
        return dedup_by_text_dedup(table, settings)
    with tempfile.TemporaryDirectory() as scratch:
        return dedup(table, settings, _known(settings, Path(scratch)))


def _known(settings: DedupSettings, scratch: Path) -> list[Source]:
    path = settings.against
    if path is None:
        return []
    if is_index(path):
        open_index(path, likeness_of(settings))
        return [KnownTexts(path)]
    return [Texts(open_texts(path, settings.column, scratch).read)]
